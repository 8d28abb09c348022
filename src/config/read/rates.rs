//! `[limits]`: rates, and how large a body may be.

use std::collections::BTreeMap;

use serde_spanned::Spanned;

use super::Reader;
use crate::{
    config::raw,
    diagnostic::{Fault, nearest},
    guard::BodyLimits,
    limit::{ConnectRate, Rate, Rates},
    operation::routes,
    server::BODIES_AT_ONCE,
};

impl Reader<'_> {
    pub(super) fn rates(&mut self, raw: &raw::Limits) -> Rates {
        let standard = Rates::default();
        let mut operations = BTreeMap::new();
        for (name, rate) in &raw.operations {
            if !routes().iter().any(|route| route.operation == name.get_ref()) {
                let known = nearest(name.get_ref(), routes().iter().map(|route| route.operation));
                let hint = known.map_or("an operation of Connect, such as DescribeUser".into(), |known| {
                    format!("did you mean `{known}`?")
                });
                self.fault(name, format!("`{}` is no operation of Connect", name.get_ref()), &hint);
            }
            operations.extend(self.rate(Some(rate)).map(|rate| (name.get_ref().clone(), rate)));
        }
        let share = raw.caller_read_share.as_ref().map_or(standard.caller_read_share, |share| {
            if !(0.0..=1.0).contains(share.get_ref()) {
                let place = self.place(share.span());
                self.faults.push(Fault::error(format!("{} is not from 0 to 1", share.get_ref()), place));
            }
            *share.get_ref()
        });
        Rates {
            failures: self.rate(raw.failures.as_ref()).unwrap_or(standard.failures),
            caller: self.rate(raw.caller.as_ref()).unwrap_or(standard.caller),
            refusals: self.rate(raw.refusals.as_ref()).unwrap_or(standard.refusals),
            caller_read_share: share,
            connect: ConnectRate {
                default: self.rate(raw.connect.as_ref()).unwrap_or(standard.connect.default),
                operations,
            },
            keys: self.count(raw.keys.as_ref(), raw::Limits::keys()).unwrap_or(standard.keys),
        }
    }

    pub(super) fn bodies(&mut self, raw: &raw::Limits) -> BodyLimits {
        let standard = BodyLimits::default();
        BodyLimits {
            change: self
                .count(raw.change_body.as_ref(), raw::Limits::change_body())
                .unwrap_or(standard.change),
            ordinary: self
                .count(raw.ordinary_body.as_ref(), raw::Limits::ordinary_body())
                .unwrap_or(standard.ordinary),
        }
    }

    /// As many octets as the largest body that can be had, at least.
    pub(super) fn bodies_at_once(&mut self, raw: &raw::Limits) -> usize {
        self.count(raw.bodies_at_once.as_ref(), raw::Limits::bodies_at_once()).unwrap_or(BODIES_AT_ONCE)
    }

    /// The bounds are those of [`Rate`].
    fn rate(&mut self, raw: Option<&Spanned<raw::Rate>>) -> Option<Rate> {
        let spanned = raw?;
        let raw::Rate { per_second, burst } = *spanned.get_ref();
        if (0.001..=1_000_000.0).contains(&per_second) && (1..=100_000).contains(&burst) {
            return Some(Rate { per_second, burst });
        }
        let place = self.place(spanned.span());
        self.faults.push(
            Fault::error(format!("{per_second} a second with a burst of {burst} is no rate"), place)
                .hint("from 0.001 to 1000000 a second, and a burst from 1 to 100000"),
        );
        None
    }
}
