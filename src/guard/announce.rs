//! Announcing: whoever has to know of a change before it is made is told, and waited for. Without their acknowledgement,
//! on record, there is no leave to send it. Before that every stream that has to has taken its record.

use std::time::Duration;

use super::{Guard, Stage, Stop, tally::Spent};
use crate::{
    crash::{Point, point},
    ledger::{Cleared, Intent, Uncleared},
    notice::{Before, Delivery, Routing},
};

impl Guard {
    /// Leave to send an intent, or the intent and why not.
    pub(super) async fn announced(
        &self,
        intent: Intent,
        routing: &Routing,
        spent: &Spent,
    ) -> Result<Cleared, (Intent, Stop)> {
        if self.ledger.is_streamed_first() {
            let streamed = self.ledger.taken_by_streams(&intent);
            if let Err(unstreamed) = self.tally.stage(Stage::Stream, spent, streamed).await {
                return Err((intent, Stop::Unstreamed(unstreamed)));
            }
        }
        let deliveries = intent.announcement(self.clock.now());
        let taken = if deliveries.is_empty() {
            Vec::new()
        } else {
            point(Point::Announce);
            match self.tally.stage(Stage::Announce, spent, self.taken(deliveries, routing)).await {
                Ok(taken) => {
                    point(Point::Announced);
                    taken
                }
                Err(why) => return Err((intent, Stop::Unannounced(why))),
            }
        };
        self.ledger.clear(intent, &taken).await.map_err(|(intent, uncleared)| {
            let stop = match uncleared {
                Uncleared::Unstreamed(unstreamed) => Stop::Unstreamed(unstreamed),
                Uncleared::Untold | Uncleared::Unwritten(_) => Stop::Unannounced(uncleared.to_string()),
            };
            (intent, stop)
        })
    }

    /// Hands over what has to be acknowledged.
    async fn taken(
        &self,
        deliveries: Vec<Delivery>,
        routing: &Routing,
    ) -> Result<Vec<(Delivery, String)>, String> {
        let Some(announcer) = &self.announcer else { return Err("nothing to announce with".to_owned()) };
        let patience = match routing.before {
            Before::Acknowledged { patience, .. } => patience,
            Before::Queued => Duration::ZERO,
        };
        announcer.announce(deliveries, patience).await.map_err(|unannounced| unannounced.to_string())
    }
}
