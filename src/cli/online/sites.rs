//! AWS, and whoever vouches for callers: Connect and STS, whether they answer; who the guard is there; what time they say it
//! is; the keys of issuers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::SignedDuration;
use tokio::sync::oneshot;

use super::{Found, LIMIT, Trial, Trying};
use crate::{
    client::{ClientBounds, Endpoint, Failure, Heard, Unheard},
    clock::Clock,
    config::Config,
    session::Unavailable,
    upstream::{CredentialSource, Identity, Nobody, SiteOptions, Whose},
};

/// So long after all others the clock is compared at the latest.
const SOON_AFTER: Duration = Duration::from_secs(2);
/// From here on the clock is worth a look.
const OFF: SignedDuration = SignedDuration::from_secs(5);
/// From here on signatures are refused: by AWS, and by the guard of its callers.
const REFUSED: SignedDuration = SignedDuration::from_secs(300);

/// By whom the clock was compared, and how far it was ahead.
#[derive(Clone, Default)]
struct Dials(Arc<Mutex<Vec<(String, SignedDuration)>>>);

/// What is compared with the clock, and who is still waited for.
#[derive(Default)]
pub(super) struct Clocks {
    dials: Dials,
    waited: Vec<oneshot::Receiver<()>>,
}

/// Somebody who may say what time it is; dropped when that was said, or will not be.
pub(super) struct Teller {
    dials: Dials,
    _waited: oneshot::Sender<()>,
}

pub(super) fn all(config: &Config, clock: &Clock, trying: &mut Trying) {
    let mut clocks = Clocks::default();
    for site in &config.upstream {
        let name = site.site.name.as_str();
        one(("endpoint", name), (&site.endpoint, site.bounds), clock, &mut clocks, trying);
        if matches!(site.credentials, CredentialSource::Role { .. }) {
            one(("sts", name), (&site.sts, site.bounds), clock, &mut clocks, trying);
        }
        identities(site, clock, trying);
    }
    vouching(config, clock, &mut clocks, trying);
    clocks.begin(trying);
}

/// Who vouches for callers: STS, and issuers of tokens.
fn vouching(config: &Config, clock: &Clock, clocks: &mut Clocks, trying: &mut Trying) {
    let Some(session) = &config.session else { return };
    if let Some(sts) = &session.options.sts {
        for region in &sts.regions {
            let (sts, region, clock, teller) = (sts.clone(), region.clone(), clock.clone(), clocks.teller());
            trying.begin(("session-sts", &region.clone()), LIMIT, async move {
                let found = match sts.hear(&region, &clock).await {
                    Ok(heard) => teller.heard(&format!("STS of {region}"), heard),
                    Err(why) => Found::fails(why.to_string(), of_session(&why)),
                };
                vec![Trial::new("session-sts", region, found)]
            });
        }
    }
    for issuer in session.options.issuers.clone() {
        trying.begin(("issuer", &issuer.issuer.clone()), LIMIT, async move {
            let found = match issuer.keys().await {
                Ok(1) => Found::Holds("1 key".to_owned()),
                Ok(count) => Found::Holds(format!("{count} keys")),
                Err(why) => Found::fails(why.to_string(), of_session(&why)),
            };
            vec![Trial::new("issuer", issuer.issuer, found)]
        });
    }
}

/// One endpoint.
fn one(
    (what, of): (&'static str, &str),
    (endpoint, bounds): (&Endpoint, ClientBounds),
    clock: &Clock,
    clocks: &mut Clocks,
    trying: &mut Trying,
) {
    let (endpoint, clock, teller) = (endpoint.clone(), clock.clone(), clocks.teller());
    let named = of.to_owned();
    trying.begin((what, of), LIMIT, async move {
        let found = match Heard::of(&endpoint, bounds, None, &clock).await {
            Ok(heard) => teller.heard(&endpoint.host, heard),
            Err(why) => Found::fails(why.to_string(), what_to_do(&why)),
        };
        vec![Trial::new(what, named, found)]
    });
}

/// Who the guard is.
fn identities(site: &SiteOptions, clock: &Clock, trying: &mut Trying) {
    let (site, clock) = (site.clone(), clock.clone());
    let name = site.site.name.clone();
    trying.begin(("credentials", &name.clone()), LIMIT, async move {
        let found = site.identities(&clock).await;
        found.into_iter().map(|identity| who(&name, identity)).collect()
    });
}

fn who(name: &str, Identity { whose, arn }: Identity) -> Trial {
    let what = match whose {
        Whose::Own => "credentials",
        Whose::Role => "role",
        Whose::Ordinary => "ordinary-role",
    };
    let found = match arn {
        Ok(arn) => Found::Holds(arn),
        Err(nobody) => {
            let hint = match (&nobody, whose) {
                (Nobody::Credentials(_), Whose::Own) => {
                    "give the guard credentials: a role of its instance, task or pod, `profile`, or AWS_* variables"
                }
                (Nobody::Credentials(_), Whose::Role | Whose::Ordinary) => {
                    "see `role` and `external_id`, and the role's trust policy: `connect-guard aws role` writes one"
                }
                (Nobody::Unusable(_), _) => "see `sts_ca_file`",
                (Nobody::Unanswered(_) | Nobody::Unreadable(_), _) => {
                    "STS of the Region has to be reached; `sts_address` and `sts_ca_file` lead to an endpoint in a VPC"
                }
                (Nobody::Refused { .. }, _) => {
                    "the keys are nobody's any more, or the clock is off: renew them"
                }
                (Nobody::Elsewhere { .. }, _) => "see `account`, or name a `role` of that account",
            };
            Found::fails(nobody.to_string(), hint)
        }
    };
    Trial::new(what, name.to_owned(), found)
}

impl Clocks {
    /// One more who may say what time it is.
    pub(super) fn teller(&mut self) -> Teller {
        let (sender, waited) = oneshot::channel();
        self.waited.push(waited);
        Teller { dials: self.dials.clone(), _waited: sender }
    }

    /// Compares, when everybody has answered.
    pub(super) fn begin(self, trying: &mut Trying) {
        // After everybody else: what some said counts whoever says nothing.
        trying.begin(("clock", ""), LIMIT + SOON_AFTER, async move {
            for told in self.waited {
                // Nothing is ever sent: it is dropped.
                let _ = told.await;
            }
            vec![Trial::new("clock", String::new(), self.dials.found())]
        });
    }
}

impl Teller {
    /// Notes what time it is there; that they answer.
    pub(super) fn heard(&self, whom: &str, heard: Heard) -> Found {
        if let Some(ahead) = heard.ahead {
            self.dials.0.lock().unwrap_or_else(PoisonError::into_inner).push((whom.to_owned(), ahead));
        }
        let said = format!("{whom} answers ({})", heard.status);
        if heard.status >= 500 {
            Found::look(said, "it is in trouble: try again")
        } else {
            Found::Holds(said)
        }
    }
}

impl Dials {
    /// The worst of what was said.
    fn found(&self) -> Found {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((whom, ahead)) = said.iter().max_by_key(|(_, ahead)| ahead.abs()) else {
            return Found::fails("nobody says what time it is", "mend what does not answer, and try again");
        };
        let seconds = ahead.abs().as_secs_f64().ceil();
        let side = if ahead.is_negative() { "behind" } else { "ahead of" };
        let said = format!("{seconds} s {side} {whom}");
        match ahead.abs() {
            off if off >= REFUSED => Found::fails(
                format!("{said}: signatures are refused from {} s on", REFUSED.as_secs()),
                "have this machine's clock kept by NTP: chronyd or systemd-timesyncd",
            ),
            off if off >= OFF => Found::look(said, "have this machine's clock kept by NTP"),
            off if off.is_zero() => Found::Holds(format!("as {whom} says")),
            _ => Found::Holds(said),
        }
    }
}

/// What to do where an endpoint is not heard.
pub(super) fn what_to_do(why: &Unheard) -> &'static str {
    match why {
        Unheard::Unusable(_) => "see `ca_file` and the host",
        Unheard::Silent(error) => match &error.why {
            Failure::Connect(_) | Failure::Timeout(_) => {
                "see whether the name resolves here, whether something listens and whether a firewall is in between"
            }
            Failure::Tls(_) => {
                "see `ca_file`, and whether something in between shows a certificate of its own"
            }
            Failure::Answer(_) | Failure::Broken(_) | Failure::Busy | Failure::Request(_) | Failure::Late => {
                "see whether it is what the configuration says that answers there"
            }
        },
    }
}

fn of_session(why: &Unavailable) -> &'static str {
    match why {
        Unavailable::Unheard(unheard) => what_to_do(unheard),
        Unavailable::Address => "see `address` of [session.sts]",
        Unavailable::Options(_) => "see [session] in the configuration",
        Unavailable::Keys(_) => "see `jwks_url`, `ca_file` and `private`, or `jwks_file`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(all: &[i64]) -> (&'static str, String) {
        let mut clocks = Clocks::default();
        for seconds in all {
            let heard = Heard { status: 403, ahead: Some(SignedDuration::from_secs(*seconds)) };
            assert!(matches!(clocks.teller().heard("sts.example.com", heard), Found::Holds(_)));
        }
        let found = clocks.dials.found();
        let (state, said, _) = found.parts();
        (state, said.to_owned())
    }

    #[test]
    fn a_clock_is_worth_a_look_before_signatures_are_refused() {
        assert_eq!(found(&[0]), ("holds", "as sts.example.com says".to_owned()));
        assert_eq!(found(&[0, 4]), ("holds", "4 s ahead of sts.example.com".to_owned()));
        assert_eq!(found(&[-5, 4]), ("warning", "5 s behind sts.example.com".to_owned()));
        assert_eq!(found(&[299, 0]).0, "warning");
        assert_eq!(found(&[0, -300]).0, "fails");
        assert_eq!(found(&[]).0, "fails");
    }
}
