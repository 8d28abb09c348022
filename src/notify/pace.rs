//! How long each step of handing in a message may take, within the time for the whole message.
//!
//! RFC 5321 section 4.5.3.2 would have a client wait for minutes. A notice is not lost when it is not waited for: it is
//! tried again, and a server that hangs must not hold up what another connection could bring.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::unsent::{Step, Unsent};

/// The time for one message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    began: Instant,
    whole: Duration,
}

impl Pace {
    /// From now on, this long.
    pub(super) fn new(whole: Duration) -> Self {
        Self { began: Instant::now(), whole: whole.min(Duration::from_hours(1)) }
    }

    /// One step, within its own time and what is left of the whole.
    pub(super) async fn step<T>(&self, step: Step, work: impl Future<Output = T>) -> Result<T, Unsent> {
        let now = Instant::now();
        let until = (now + longest(step)).min(self.began + self.whole);
        let after = until.saturating_duration_since(now);
        timeout_at(until, work).await.map_err(|_| Unsent::Timeout { step, after })
    }
}

/// The longest a step may take by itself.
fn longest(step: Step) -> Duration {
    Duration::from_secs(match step {
        Step::Quit => 2,
        Step::Noop => 5,
        Step::Connect
        | Step::Hello
        | Step::StartTls
        | Step::Tls
        | Step::Sender
        | Step::Recipient
        | Step::Data => 10,
        Step::Greeting | Step::Auth => 15,
        Step::Content | Step::Post => 30,
    })
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_step_ends_with_the_whole_and_is_named() {
        let pace = Pace::new(Duration::from_millis(50));
        for step in [Step::Auth, Step::Sender] {
            let Err(Unsent::Timeout { step: named, after }) = pace.step(step, pending::<()>()).await else {
                panic!("{step} ended");
            };
            assert_eq!(named, step);
            assert!(after <= Duration::from_millis(50));
        }
        assert_eq!(Pace::new(Duration::MAX).step(Step::Quit, async { 7 }).await.unwrap(), 7);
    }

    #[test]
    fn every_step_is_given_up_before_a_claim_runs_out() {
        for step in
            [Step::Connect, Step::Greeting, Step::Auth, Step::Noop, Step::Content, Step::Post, Step::Quit]
        {
            assert!((2..=30).contains(&longest(step).as_secs()), "{step}");
        }
    }
}
