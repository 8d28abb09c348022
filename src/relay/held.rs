//! A session that is kept fresh: had before it is needed, renewed well before its end, by one task and never by two.
//!
//! While a renewal fails the session that is held is used to its end, and the renewal is tried again, ever more seldom.
//! Whoever needs a session while there is none waits only where none was tried yet.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::SignedDuration;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{NoSession, answer::Granted, listener::SessionListener};
use crate::{
    caller::Arn,
    clock::{Clock, Now},
    secret,
};

/// How long a request waits for the first session.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first pause after a failure; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause while there is no session, and while there is one.
const PAUSE_WITHOUT: Duration = Duration::from_secs(5);
const PAUSE_WITH: Duration = Duration::from_secs(30);
/// No longer sleep than this: a machine that was suspended finds its session old.
const STEP: Duration = Duration::from_secs(15);
/// A session that is rejected is replaced this long after it was had, at the soonest.
const LEAST: Duration = Duration::from_secs(1);
/// So long before its end a session is used no more, or a tenth of its life where that is less.
const SPENT: SignedDuration = SignedDuration::from_secs(10);

/// A session that somebody keeps.
pub(crate) struct HeldSession {
    listener: SessionListener,
    clock: Clock,
    standing: watch::Sender<Standing>,
    /// The session that the gateway did not accept.
    rejected: Mutex<Option<String>>,
    renew: Notify,
}

/// How it stands.
#[derive(Clone, Default)]
struct Standing {
    held: Option<Arc<Granted>>,
    /// Why the last try failed; none when it did not.
    fault: Option<Arc<NoSession>>,
}

/// Why there is no session now.
pub(crate) enum Without {
    /// The last try failed.
    Failed(Arc<NoSession>),
    /// The first try is still under way.
    Waiting,
}

impl HeldSession {
    /// Holds nothing yet; [`HeldSession::keep`] has to run.
    pub(crate) fn new(listener: SessionListener, clock: Clock) -> Self {
        Self {
            listener,
            clock,
            standing: watch::Sender::default(),
            rejected: Mutex::default(),
            renew: Notify::new(),
        }
    }

    /// The session, when it is good for some time yet. Waits only while the first one is being had.
    pub(crate) async fn session(&self) -> Result<Arc<Granted>, Without> {
        if let Some(held) = self.usable() {
            return Ok(held);
        }
        let mut standing = self.standing.subscribe();
        let settled = standing.wait_for(|standing| standing.fault.is_some() || self.of(standing).is_some());
        match timeout(PATIENCE, settled).await {
            Ok(Ok(standing)) => match (self.of(&standing), &standing.fault) {
                (Some(held), _) => Ok(held),
                (None, Some(fault)) => Err(Without::Failed(Arc::clone(fault))),
                (None, None) => Err(Without::Waiting),
            },
            Ok(Err(_)) | Err(_) => Err(Without::Waiting),
        }
    }

    /// The session, when there is one that can be used now.
    pub(crate) fn usable(&self) -> Option<Arc<Granted>> {
        self.of(&self.standing.borrow())
    }

    /// Why the last try failed; none when it did not.
    pub(crate) fn fault(&self) -> Option<Arc<NoSession>> {
        self.standing.borrow().fault.clone()
    }

    /// The gateway does not accept this session: it is used no more, and another is had.
    pub(crate) fn reject(&self, access_key_id: &str) {
        let mut rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        if rejected.as_deref() != Some(access_key_id) {
            *rejected = Some(access_key_id.to_owned());
            self.renew.notify_one();
        }
    }

    /// Waits until a session was had, or could not be had for the first time.
    pub(crate) async fn tried(&self) {
        let settled = |standing: &Standing| standing.held.is_some() || standing.fault.is_some();
        // Whoever sends lives as long as this borrow.
        let _ = self.standing.subscribe().wait_for(settled).await;
    }

    /// Has sessions, one after the other, for as long as it is polled. After each that was had, `renewed` is called.
    pub(crate) async fn keep(&self, renewed: impl Fn()) {
        let mut failures = 0;
        loop {
            match self.listener.session().await {
                Ok(granted) => {
                    failures = 0;
                    tracing::info!(
                        session = granted.credentials.access_key_id,
                        principal = %of_whom(&granted.principal),
                        expires = %granted.expires.timestamp(),
                        "a session was had"
                    );
                    let due = due(&granted, random());
                    self.standing.send_replace(Standing { held: Some(Arc::new(granted)), fault: None });
                    renewed();
                    self.until(due).await;
                }
                Err(fault) => {
                    let held = self.usable().is_some();
                    let pause = pause(failures, held, random());
                    failures = failures.saturating_add(1);
                    let wait = pause.as_millis();
                    if held {
                        tracing::warn!(%fault, wait, "the session was not renewed: it is used to its end");
                    } else {
                        tracing::error!(%fault, wait, "there is no session: requests are answered 503");
                    }
                    self.standing.send_modify(|standing| standing.fault = Some(Arc::new(fault)));
                    sleep(pause).await;
                }
            }
        }
    }

    /// Waits for a time, or until the session is rejected; but so long that a gateway which rejects every session is not
    /// asked for one after the other.
    async fn until(&self, due: Now) {
        let had = Instant::now();
        loop {
            let left = due.timestamp().duration_since(self.clock.now().timestamp());
            let left = Duration::try_from(left).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            let told = timeout(left.min(STEP), self.renew.notified()).await.is_ok();
            if told && self.usable().is_none() {
                return sleep_until(had + LEAST).await;
            }
        }
    }

    fn of(&self, standing: &Standing) -> Option<Arc<Granted>> {
        let held = standing.held.as_ref()?;
        let rejected = self.rejected.lock().unwrap_or_else(PoisonError::into_inner);
        let is_rejected = rejected.as_deref() == Some(held.credentials.access_key_id.as_str());
        let spent = SPENT.min(life(held) / 10);
        let good = self.clock.now().plus(spent) < held.expires;
        (good && !is_rejected).then(|| Arc::clone(held))
    }
}

fn life(granted: &Granted) -> SignedDuration {
    granted.expires.timestamp().duration_since(granted.issued.timestamp())
}

/// When a session is renewed: at 60 to 75 % of its life, so that many relays that started together do not come together.
fn due(granted: &Granted, random: u8) -> Now {
    let share = 600 + i32::from(random) * 150 / 255;
    granted.issued.plus(life(granted) / 1000 * share)
}

/// How long nothing is tried after so many failures: half of it is certain, half is by chance.
fn pause(failures: u32, held: bool, random: u8) -> Duration {
    let most = if held { PAUSE_WITH } else { PAUSE_WITHOUT };
    let whole = PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(most);
    whole / 2 + whole / 2 * u32::from(random) / 255
}

/// A chance; without randomness there is none, and everybody comes at the same time.
fn random() -> u8 {
    secret::random::<1>().map_or(0, |[byte]| byte)
}

/// A principal without the name of its session, which may be somebody's address.
fn of_whom(principal: &str) -> String {
    Arn::read(principal).map_or_else(|_| "unknown".to_owned(), |arn| arn.without_session())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{secret::Secret, sigv4::Credentials};

    fn granted() -> Granted {
        let issued = Now::from("2027-03-12T10:00:00Z".parse::<jiff::Timestamp>().unwrap());
        Granted {
            credentials: Credentials {
                access_key_id: "GSABCDEFGHIJKLMNOPQR".into(),
                secret: Secret::new(b"s".to_vec()),
                session_token: None,
            },
            issued,
            expires: issued.plus(SignedDuration::from_mins(15)),
            principal: "p".into(),
        }
    }

    #[test]
    fn a_session_is_renewed_well_before_its_end_and_not_by_everybody_at_once() {
        let minutes = |random| {
            due(&granted(), random).timestamp().duration_since(granted().issued.timestamp()).as_secs()
        };
        assert_eq!((minutes(0), minutes(255)), (540, 675));
        assert!((541..675).contains(&minutes(128)));
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        let millis = |failures, held, random| pause(failures, held, random).as_millis();
        assert_eq!((millis(0, false, 0), millis(0, false, 255)), (250, 500));
        assert_eq!((millis(1, false, 255), millis(2, false, 255)), (1000, 2000));
        assert_eq!(millis(40, false, 255), 5000);
        assert_eq!(millis(40, true, 255), 30_000);
        assert_eq!(millis(40, true, 0), 15_000);
    }
}
