//! Whom the guard tells anything: mail, webhooks, streams. Nothing is handed in.

use std::time::Duration;

use super::{Found, LIMIT, Trial, Trying};
use crate::{app::Ways, cli::notify_trial::what_to_do, config::Config, notice::Channel};

/// What closing a connection may take besides.
const MORE: Duration = Duration::from_secs(1);

pub(super) fn all(config: &Config, ways: Ways, trying: &mut Trying) {
    let Ways { channels, streams } = ways;
    for channel in channels.iter().flat_map(|channels| channels.all()) {
        let Some(channels) = channels.clone() else { continue };
        let (what, of, limit) = match &channel {
            Channel::Mail => ("mail", String::new(), config.mail.timeout.saturating_add(MORE)),
            Channel::Hook(name) => ("hook", name.clone(), LIMIT),
        };
        let host = config.mail.host.clone();
        let taken = if config.mail.credentials.is_some() { "takes the login" } else { "is reached" };
        trying.begin((what, &of.clone()), limit, async move {
            let found = match (channels.check(&channel).await, &channel) {
                (Ok(()), Channel::Mail) => Found::Holds(format!("{host} {taken} over TLS")),
                (Ok(()), Channel::Hook(_)) => Found::Holds("reached over TLS".to_owned()),
                (Err(unsent), _) => Found::fails(unsent.to_string(), what_to_do(&channel)),
            };
            vec![Trial::new(what, of, found)]
        });
    }
    for stream in &config.streams {
        let Some(streams) = streams.clone() else { continue };
        let name = stream.name.clone();
        trying.begin(("stream", &name.clone()), LIMIT, async move {
            let found = match streams.check(&name).await {
                Ok(()) => Found::Holds("reached over TLS".to_owned()),
                Err(untaken) => Found::fails(
                    untaken.to_string(),
                    "see its [[stream]]: address or url, ca_file, certificate; and the receiver's log",
                ),
            };
            vec![Trial::new("stream", name, found)]
        });
    }
    if channels.is_none() {
        trying.done(unmade("mail"));
    }
    if streams.is_none() && !config.streams.is_empty() {
        trying.done(unmade("stream"));
    }
}

/// Something that was told of before keeps it from being tried.
fn unmade(what: &'static str) -> Trial {
    let found = Found::fails("not tried: it cannot be set up", "mend the faults of the configuration first");
    Trial::new(what, String::new(), found)
}
