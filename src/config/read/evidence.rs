//! `[evidence]` and `[retention]`: who keeps what proves the ledger, and when old records leave the store.

use std::{path::Path, time::Duration};

use super::Reader;
use crate::{
    config::{
        EvidencePlace, HookPlace, RetentionPlace,
        raw::{self, Text},
    },
    diagnostic::Fault,
};

impl Reader<'_> {
    pub(super) fn evidence(&mut self, raw: &raw::Evidence, hooks: &[HookPlace]) -> EvidencePlace {
        let every =
            self.duration_within(raw.every.as_ref(), raw::Evidence::every()).unwrap_or(EvidencePlace::EVERY);
        let heads_file = raw.heads_file.as_ref().map(|file| self.path(file.get_ref()));
        if let Some(name) = &raw.heads_webhook
            && !hooks.iter().any(|hook| hook.name == *name.get_ref())
        {
            let message = format!("no hook is called `{}`", name.get_ref());
            self.fault(name, message, "name one of [[notify.hook]]");
        }
        let heads_webhook = raw.heads_webhook.as_ref().map(|name| name.get_ref().clone());
        EvidencePlace { every, heads_file, heads_webhook }
    }

    pub(super) fn retention(&mut self, raw: &raw::Retention) -> Option<RetentionPlace> {
        let Some(records) = &raw.records else {
            if let Some(directory) = &raw.directory {
                let place = self.place(directory.span());
                self.faults.push(
                    Fault::error("a directory of segments, and no `records`", place)
                        .hint("records = \"400d\": how long records stay in the store"),
                );
            }
            return None;
        };
        let records = self.days(records);
        let directory = raw.directory.as_ref().map_or_else(
            || self.path(Path::new(RetentionPlace::DIRECTORY)),
            |directory| self.path(directory.get_ref()),
        );
        Some(RetentionPlace { records: records?, directory })
    }

    /// So many days, within bounds: quotas and permissions are looked back for in the tables for less than the shortest.
    fn days(&mut self, text: &Text) -> Option<Duration> {
        let (written, bounds) = (text.get_ref(), raw::Retention::records());
        let days = written.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
        match days {
            Some(days) if bounds.contains(&days) => Some(Duration::from_hours(24 * days)),
            Some(_) => {
                let message = format!("`{written}` is not between {}d and {}d", bounds.start(), bounds.end());
                self.fault(text, message, "whoever keeps records for the law keeps the segments");
                None
            }
            None => {
                self.fault(text, format!("`{written}` is no number of days"), "such as 400d");
                None
            }
        }
    }
}
