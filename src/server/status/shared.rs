//! One measuring for everybody who asks at about the same time: however often it is asked, the ledger is asked once a
//! second at most.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(1);
/// How long measuring may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of measuring: the text, or why there is none.
pub(super) type Measured = Result<Bytes, &'static str>;

/// The last answer, or the one being made.
#[derive(Default)]
pub(super) struct Shared(Mutex<Option<watch::Receiver<Option<Done>>>>);

#[derive(Clone)]
struct Done {
    at: Instant,
    measured: Measured,
}

impl Shared {
    /// The last answer if it is fresh, failures too; else the one that is being made; else `measuring`, in a task of its
    /// own, so that whoever hangs up does not make the next one begin again.
    pub(super) async fn of(
        &self,
        measuring: impl Future<Output = Option<Bytes>> + Send + 'static,
    ) -> Measured {
        let mut answer = self.answer(measuring);
        // The task has a timeout of its own; what is dropped without an answer has panicked.
        let done = answer.wait_for(Option::is_some).await.ok().and_then(|done| done.clone());
        done.map_or(Err("measuring failed"), |done| done.measured)
    }

    fn answer(
        &self,
        measuring: impl Future<Output = Option<Bytes>> + Send + 'static,
    ) -> watch::Receiver<Option<Done>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = last.as_ref().filter(|answer| is_current(answer)) {
            return answer.clone();
        }
        let (sender, answer) = watch::channel(None);
        tokio::spawn(async move {
            let measured = match timeout(PATIENCE, measuring).await {
                Ok(Some(text)) => Ok(text),
                Ok(None) => Err("what was measured cannot be written"),
                Err(_) => Err("measuring took too long"),
            };
            sender.send_replace(Some(Done { at: Instant::now(), measured }));
        });
        *last = Some(answer.clone());
        answer
    }
}

/// Whether an answer is fresh or still to come.
fn is_current(answer: &watch::Receiver<Option<Done>>) -> bool {
    match answer.borrow().as_ref() {
        Some(done) => done.at.elapsed() < FRESH,
        None => answer.has_changed().is_ok(),
    }
}
