//! Old records leave the store once a day, one segment after another.

use std::{future::Future, pin::pin, time::Duration};

use tokio::time::sleep;

use crate::{config::RetentionPlace, ledger::Ledger};

/// The first time, after the start: requests come first, and what is over is forgotten before its records are closed.
const FIRST: Duration = Duration::from_secs(90);
/// Between two days' work.
const EVERY: Duration = Duration::from_hours(24);
/// Between two segments: others use the store as well.
const PAUSE: Duration = Duration::from_secs(1);
/// Until another look while what is over is still being forgotten.
const SOON: Duration = Duration::from_secs(10);

/// Closes old records until `shutdown` resolves; does nothing where they stay.
pub(super) async fn run(ledger: Ledger, place: Option<RetentionPlace>, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let Some(place) = place else { return shutdown.await };
    ledger.retain(place.records);
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            () = sleep(wait) => {}
        }
        wait = match ledger.close_old(&place.directory).await {
            Ok(Some(segment)) => {
                tracing::info!(
                    segment.first,
                    segment.last,
                    file = segment.file,
                    "old records were closed into a segment"
                );
                PAUSE
            }
            Ok(None) if ledger.is_forgetting() => SOON,
            Ok(None) => EVERY,
            Err(unclosed) => {
                tracing::error!(%unclosed, "old records cannot be closed into a segment: they stay");
                EVERY
            }
        };
    }
}
