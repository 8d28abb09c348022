//! The store: whether the guard could start with it. Nothing is made and nothing brought up to date.

use super::{Found, LIMIT, Trial, Trying};
use crate::{
    config::Config,
    store::{Location, Medium, Standing, StoreError},
};

pub(super) fn store(config: &Config, trying: &mut Trying) {
    let (url, within) = (config.store.url.clone(), config.store.timeout);
    let medium = if config.store.ephemeral.is_some() { Medium::Any } else { Medium::Lasting };
    trying.begin(("store", ""), LIMIT, async move {
        let standing = match Location::read(&url) {
            Ok(location) => Standing::of(&location, medium, within).await,
            Err(fault) => Err(fault),
        };
        vec![Trial::new("store", String::new(), standing.map_or_else(|fault| unfit(&fault), found))]
    });
}

fn found(standing: Standing) -> Found {
    let Standing { tables, known, records } = standing;
    Found::Holds(match tables {
        None => "there are no tables yet: the first start makes them".to_owned(),
        Some(tables) if tables == known => format!("tables of version {tables}, {records} records"),
        Some(tables) => {
            format!("tables of version {tables}, which the next start brings to {known}; {records} records")
        }
    })
}

fn unfit(fault: &StoreError) -> Found {
    let hint = match fault {
        StoreError::Schema { .. } => {
            "a later version made them: start that one, or give this one another store"
        }
        StoreError::Io { .. } | StoreError::Unfit { .. } => {
            "check as the user that the guard runs as; its directory is that user's alone, mode 0700"
        }
        StoreError::Medium { .. } | StoreError::Forgets { .. } => {
            "a store that lasts; or `ephemeral`, with a sentence that accepts it"
        }
        StoreError::Shared { .. } => "give the guard a schema of its own: &schema=NAME",
        StoreError::Secret(_) | StoreError::NotText => "see `password_file` in `url`",
        StoreError::Surroundings(_) => "unset the PG* variables",
        StoreError::Url(_)
        | StoreError::Held(_)
        | StoreError::Replaced(_)
        | StoreError::Database { .. }
        | StoreError::Tables(_)
        | StoreError::Altered(_)
        | StoreError::Moved { .. }
        | StoreError::Late
        | StoreError::Taken { .. }
        | StoreError::Row(_) => "see `url` of [store], and whether the server is reached from here",
    };
    let said = fault.to_string();
    // Some of them say themselves what to do.
    let (said, hint) = said.split_once("\nhint: ").unwrap_or((&said, hint));
    Found::fails(said.to_owned(), hint)
}
