//! `caller rotate`: a key in the place of another, for the same principal and networks. Prints what is to be written into
//! the configuration, and writes nothing; the secret is printed once and kept nowhere.

use std::path::Path;

use jiff::SignedDuration;
use serde_json::json;

use super::{
    Exit,
    args::Format,
    caller::{fresh, instant, written},
    check,
    output::Output,
};
use crate::{
    clock::{Clock, Now},
    config::CallerKey,
};

/// Longer than any key lasts.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 90);

/// Issues the successor of a key.
pub(super) fn rotate(
    named: Option<&Path>,
    key_id: &str,
    days: u8,
    overlap: Option<SignedDuration>,
    output: Output,
) -> Exit {
    let config = match check::read(named) {
        Ok((config, warnings)) => {
            output.tell(&warnings);
            config
        }
        Err(unread) => return unread.told(output),
    };
    let Some(old) = config.callers.iter().find(|caller| caller.key_id == key_id) else {
        output.error(&format!("no caller has the key `{key_id}`"));
        output.hint("connect-guard config show lists them");
        return Exit::Usage;
    };
    let Some((new, secret)) = fresh(output) else { return Exit::Failed };
    let Some(secret) = secret.expose_str() else { return Exit::Failed };
    let now = Clock::system().now();
    let expires = instant(now, SignedDuration::from_hours(24 * i64::from(days)));
    let until = Until::of(old, now, overlap);
    if output.format() == Format::Json {
        let networks: Vec<String> = old.networks.iter().map(ToString::to_string).collect();
        let issued = json!({
            "key_id": new, "secret": secret, "principal": old.principal.arn.to_string(),
            "unique_id": old.principal.unique_id, "networks": networks, "expires": expires,
            "replaces": { "key_id": old.key_id, "expires": until.at() },
        });
        output.data(&issued.to_string());
        return Exit::Done;
    }
    output.say("The secret is on standard output and kept nowhere: it cannot be shown again.");
    output.say(
        "Give both to the caller (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), and add to the configuration:",
    );
    output.say("");
    for line in successor(old, &new, &expires) {
        output.say(&line);
    }
    output.say("");
    for line in until.said(old) {
        output.say(&line);
    }
    output.say("");
    output.data(secret);
    Exit::Done
}

/// A duration that a key may overlap another for.
pub(super) fn overlap(text: &str) -> Result<SignedDuration, &'static str> {
    match text.parse::<SignedDuration>() {
        Ok(overlap) if overlap.is_positive() && overlap <= LONGEST => Ok(overlap),
        Ok(_) | Err(_) => Err("such as 30m, 24h, 72h; at most 2160h"),
    }
}

/// Until when the old key is taken.
#[derive(Debug, PartialEq, Eq)]
enum Until {
    /// To the end it has.
    ItsEnd(String),
    /// Earlier.
    Then(String),
    /// It is not any more.
    Ended(String),
}

impl Until {
    fn of(old: &CallerKey, now: Now, overlap: Option<SignedDuration>) -> Self {
        if old.expires <= now.timestamp() {
            return Self::Ended(written(old.expires));
        }
        match overlap {
            Some(overlap) if now.plus(overlap).timestamp() < old.expires => Self::Then(instant(now, overlap)),
            Some(_) | None => Self::ItsEnd(written(old.expires)),
        }
    }

    fn at(&self) -> &str {
        let (Self::ItsEnd(at) | Self::Then(at) | Self::Ended(at)) = self;
        at
    }

    /// What is to be done with the old one.
    fn said(&self, old: &CallerKey) -> Vec<String> {
        let (line, _) = old.place.line_column();
        let (id, place) = (&old.key_id, format!("{}:{line}", old.place.source.name));
        match self {
            Self::ItsEnd(at) => {
                vec![format!("{id} ({place}) is taken until {at}; take its block away then.")]
            }
            Self::Then(at) => vec![
                format!("And change the end of {id} ({place}); take its block away after that:"),
                String::new(),
                format!("expires     = {at}"),
            ],
            Self::Ended(at) => vec![format!("{id} ({place}) ended at {at}: take its block away.")],
        }
    }
}

/// The block of the new key. TOML writes these texts as JSON does: none has anything to escape.
fn successor(old: &CallerKey, key_id: &str, expires: &str) -> Vec<String> {
    let mut lines = vec!["[[caller]]".to_owned(), format!("key_id      = \"{key_id}\"")];
    lines.push(format!("principal   = \"{}\"", old.principal.arn));
    lines.extend(old.principal.unique_id.iter().map(|id| format!("unique_id   = \"{id}\"")));
    lines.push(format!("expires     = {expires}"));
    if !old.networks.is_empty() {
        let networks: Vec<String> = old.networks.iter().map(|network| format!("\"{network}\"")).collect();
        lines.push(format!("networks    = [{}]", networks.join(", ")));
    }
    lines.push(format!("secret_file = \"secrets/{key_id}\""));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, Overrides},
        diagnostic::Source,
    };

    const EXAMPLE: &str = include_str!("../../config.example.toml");
    const NEW: &str = "GKBBBBBBBBBBBBBBBBBB";

    fn now() -> Now {
        Now::from("2026-12-01T12:00:00Z".parse::<jiff::Timestamp>().unwrap())
    }

    fn read(text: &str) -> Config {
        let read = Config::read(&Source::new("config.toml", text), &Overrides::default(), now());
        read.map_err(|faults| faults.plain()).unwrap().0
    }

    #[test]
    fn a_successor_is_for_the_same_principal_and_networks() {
        let pinned = EXAMPLE.replacen("# unique_id = \"AROAEXAMPLE\"", "unique_id = \"AROAEXAMPLE\"", 1);
        let config = read(&pinned);
        let lines = successor(&config.callers[0], NEW, "2026-12-31T12:00:00Z").join("\n");
        let config = read(&format!("{pinned}\n{lines}\n"));
        let [old, new] = config.callers.as_slice() else { panic!("not two") };
        assert_eq!((&old.principal, &old.networks), (&new.principal, &new.networks));
        assert!(new.principal.unique_id.is_some() && !new.networks.is_empty());
        assert_eq!((new.key_id.as_str(), written(new.expires).as_str()), (NEW, "2026-12-31T12:00:00Z"));
        let plain = read(&EXAMPLE.replace("networks    = ", "# networks = "));
        assert_eq!(successor(&plain.callers[0], NEW, "x").len(), 5);
    }

    #[test]
    fn the_old_key_ends_no_later_than_it_would() {
        let config = read(EXAMPLE);
        let old = &config.callers[0];
        let end = "2027-01-31T23:59:59Z".to_owned();
        assert_eq!(Until::of(old, now(), None), Until::ItsEnd(end.clone()));
        let day = SignedDuration::from_hours(24);
        let then = Until::of(old, now(), Some(day));
        assert_eq!(then, Until::Then("2026-12-02T12:00:00Z".to_owned()));
        assert_eq!(then.said(old)[2], "expires     = 2026-12-02T12:00:00Z");
        assert_eq!(Until::of(old, now(), Some(day * 80)), Until::ItsEnd(end.clone()));
        assert_eq!(Until::of(old, now().plus(day * 62), Some(day)), Until::Ended(end));
    }

    #[test]
    fn an_overlap_is_a_duration() {
        assert_eq!(overlap("24h"), Ok(SignedDuration::from_hours(24)));
        for text in ["", "24", "0s", "-1h", "2161h", "tomorrow"] {
            assert!(overlap(text).is_err(), "{text}");
        }
    }
}
