//! What a caller says of a request in `x-guard-*` headers, such as the number of a ticket. All of them are covered by
//! the proof or the request is refused: nobody on the way can add one.

use std::collections::BTreeMap;

use crate::wire::Headers;

use super::{Unverified, claims::shown};

/// What every name begins with.
pub(super) const PREFIX: &str = "x-guard-";
const MOST: usize = 8;
const NAME_MAX: usize = 64;
const VALUE_MAX: usize = 256;

/// The notes of a request: at most 8, each there once, of 1 to 256 visible ASCII characters under a name of at most 64.
/// White space is no part of one: a signature does not tell one space from two. A relay reads them by this too, so that
/// it signs no note that the gateway refuses.
///
/// # Errors
/// [`Unverified::Note`].
pub(crate) fn notes(headers: &Headers) -> Result<BTreeMap<String, String>, Unverified> {
    let mut notes = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        let is_one = name.len() <= NAME_MAX
            && (1..=VALUE_MAX).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_graphic());
        let doubled = notes.insert(name.to_owned(), value.to_owned()).is_some();
        if !is_one || doubled || notes.len() > MOST {
            return Err(Unverified::Note(shown(name)));
        }
    }
    Ok(notes)
}
