//! Deliveries handed over now, outside the outbox: for what has to be acknowledged before a change is made.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::{Channels, unsent::Unsent};
use crate::notice::{Delivery, Templates};

/// Hands deliveries over at once.
#[derive(Clone)]
pub(crate) struct Announcer {
    channels: Arc<Channels>,
    templates: Arc<Templates>,
}

/// Not everything was taken in time.
pub(crate) struct Unannounced {
    /// What was taken all the same, each with what was answered: those people have been told.
    pub taken: Vec<(Delivery, String)>,
    /// What was not, each with why (no addresses). Of a timeout it is not known whether it was taken.
    pub untaken: Vec<(Delivery, Unsent)>,
}

impl Announcer {
    /// Over these channels.
    pub(crate) fn new(channels: Arc<Channels>, templates: Arc<Templates>) -> Self {
        Self { channels, templates }
    }

    /// Hands all of them over in parallel and gives what each receiver answered, within `patience`.
    ///
    /// # Errors
    /// When one of them was not taken.
    pub(crate) async fn announce(
        &self,
        deliveries: Vec<Delivery>,
        patience: Duration,
    ) -> Result<Vec<(Delivery, String)>, Unannounced> {
        let until = Instant::now() + patience.min(Duration::from_hours(1));
        let attempt = |delivery: Delivery| {
            let (this, sent) = (self.clone(), delivery.clone());
            let attempt = async move {
                let sending = this.channels.send(&this.templates, &sent, None);
                timeout_at(until, sending).await.unwrap_or(Err(Unsent::Late(patience)))
            };
            (delivery, AbortOnDropHandle::new(tokio::spawn(attempt)))
        };
        // All of them are under way before the first is waited for.
        let attempts: Vec<_> = deliveries.into_iter().map(attempt).collect();
        let (mut taken, mut untaken) = (Vec::new(), Vec::new());
        for (delivery, attempt) in attempts {
            match attempt.await.unwrap_or(Err(Unsent::Panicked)) {
                Ok(one) => taken.push((delivery, one.reply)),
                Err(unsent) => untaken.push((delivery, unsent)),
            }
        }
        if untaken.is_empty() { Ok(taken) } else { Err(Unannounced { taken, untaken }) }
    }
}

/// Says why of each, without addresses.
impl fmt::Display for Unannounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} not taken", self.untaken.len(), self.taken.len() + self.untaken.len())?;
        self.untaken.iter().try_for_each(|(delivery, why)| write!(f, "; {}: {why}", delivery.channel))
    }
}

impl fmt::Debug for Unannounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Unannounced {}
