//! One request as it is told of: one line in the log and one count, with the same words, however it ends. Holds no
//! secret and no address of a person.

use std::{net::IpAddr, sync::Arc};

use tokio::time::Instant;

use super::{Outcome, Stage, Stop, tally::Spent, tally::Tally};
use crate::{
    operation::Class,
    wire::{Origin, RequestId},
};

/// What is told of a request. Dropped before [`Line::end`], its caller hung up.
pub(super) struct Line {
    tally: Arc<Tally>,
    request: RequestId,
    source: IpAddr,
    begun: Instant,
    /// How long its stages took.
    pub(super) spent: Arc<Spent>,
    /// Who is proven to have asked: a user or a role.
    pub(super) principal: Option<Arc<str>>,
    /// How that is proven.
    pub(super) proof: Option<String>,
    /// For which operation.
    pub(super) operation: Option<&'static str>,
    /// Of which class.
    pub(super) class: Option<Class>,
    /// The monitor that lets it through, where no rule allows it.
    pub(super) monitor: Option<String>,
    /// The record that says what became of it.
    pub(super) record: Option<String>,
    told: bool,
}

impl Line {
    /// Begins with the request.
    pub(super) fn begin(tally: Arc<Tally>, origin: &Origin) -> Self {
        Self {
            tally,
            request: origin.request_id.clone(),
            source: origin.source,
            begun: Instant::now(),
            spent: Arc::default(),
            principal: None,
            proof: None,
            operation: None,
            class: None,
            monitor: None,
            record: None,
            told: false,
        }
    }

    /// Ends with the reply.
    pub(super) fn end(mut self, outcome: Outcome, stop: Option<&Stop>, status: u16) {
        self.tell(outcome, stop, Some(status));
    }

    fn tell(&mut self, outcome: Outcome, stop: Option<&Stop>, status: Option<u16>) {
        self.told = true;
        self.tally.count(self.class, outcome);
        self.tally.took(Stage::Total, self.begun.elapsed(), &self.spent);
        let millis = |stage| self.spent.millis(stage);
        tracing::info!(
            request = %self.request,
            source = %self.source,
            principal = self.principal.as_deref(),
            proof = self.proof,
            operation = self.operation,
            decision = outcome.decision().as_str(),
            code = outcome.code(),
            rule = stop.and_then(Stop::rule),
            why = stop.and_then(Stop::why),
            monitor = self.monitor.as_deref(),
            status,
            record = self.record.as_deref(),
            verify_ms = millis(Stage::Verify),
            screen_ms = millis(Stage::Screen),
            limit_ms = millis(Stage::Limit),
            recall_ms = millis(Stage::Recall),
            observe_ms = millis(Stage::Observe),
            decide_ms = millis(Stage::Decide),
            intent_ms = millis(Stage::Intent),
            announce_ms = millis(Stage::Announce),
            act_ms = millis(Stage::Act),
            confirm_ms = millis(Stage::Confirm),
            record_ms = millis(Stage::Record),
            pass_ms = millis(Stage::Pass),
            total_ms = millis(Stage::Total),
            "request"
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.told {
            self.tell(Outcome::HungUp, None, None);
        }
    }
}
