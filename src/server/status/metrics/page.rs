//! Families of metrics on a page: the only place that speaks to the encoder.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

use crate::timing::Timing;

/// Names and values; the names are literals and the values come from a closed list or from the configuration.
pub(super) type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

/// A page that is being written.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

/// What a family is called, and what it means.
#[derive(Clone, Copy)]
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    in_unit: Option<BaseUnit>,
}

#[derive(Clone, Copy)]
enum BaseUnit {
    Seconds,
    Bytes,
}

/// A family. The encoder adds the suffix of the unit and of the type to its name.
pub(super) const fn family(name: &'static str, help: &'static str) -> Family {
    Family { name, help, in_unit: None }
}

impl Family {
    pub(super) const fn seconds(self) -> Self {
        Self { in_unit: Some(BaseUnit::Seconds), ..self }
    }

    pub(super) const fn bytes(self) -> Self {
        Self { in_unit: Some(BaseUnit::Bytes), ..self }
    }
}

impl Page<'_> {
    /// What only grows.
    pub(super) fn counters<'a, const N: usize>(
        &mut self,
        family: Family,
        rows: impl IntoIterator<Item = (Labels<'a, N>, u64)>,
    ) -> fmt::Result {
        self.rows(family, MetricType::Counter, rows, |to, count| {
            to.encode_counter::<NoLabelSet, u64, f64>(&count, None)
        })
    }

    /// What goes up and down.
    pub(super) fn gauges<'a, const N: usize>(
        &mut self,
        family: Family,
        rows: impl IntoIterator<Item = (Labels<'a, N>, f64)>,
    ) -> fmt::Result {
        self.rows(family, MetricType::Gauge, rows, |to, value| to.encode_gauge(&value))
    }

    /// One number without labels.
    pub(super) fn gauge(&mut self, family: Family, value: f64) -> fmt::Result {
        self.gauges(family, [([], value)])
    }

    /// One count without labels.
    pub(super) fn counter(&mut self, family: Family, count: u64) -> fmt::Result {
        self.counters(family, [([], count)])
    }

    /// How long things took.
    pub(super) fn timings<'a, const N: usize>(
        &mut self,
        family: Family,
        rows: impl IntoIterator<Item = (Labels<'a, N>, Timing)>,
    ) -> fmt::Result {
        self.rows(family.seconds(), MetricType::Histogram, rows, |to, timing| {
            let bounds = Timing::bounds().map(|bound| bound.as_secs_f64());
            let sizes: Vec<_> = bounds.into_iter().chain([f64::INFINITY]).zip(timing.counts).collect();
            let sum = Duration::from_nanos(timing.nanos).as_secs_f64();
            to.encode_histogram::<NoLabelSet>(sum, timing.count(), &sizes, None)
        })
    }

    /// Texts: a metric of value 1 with the texts as labels.
    pub(super) fn info<const N: usize>(&mut self, family: Family, labels: Labels<'_, N>) -> fmt::Result {
        self.0.encode_descriptor(family.name, family.help, None, MetricType::Info)?.encode_info(&labels)
    }

    fn rows<'a, V, const N: usize>(
        &mut self,
        family: Family,
        kind: MetricType,
        rows: impl IntoIterator<Item = (Labels<'a, N>, V)>,
        write: impl Fn(&mut MetricEncoder<'_>, V) -> fmt::Result,
    ) -> fmt::Result {
        let unit = family.in_unit.map(|unit| match unit {
            BaseUnit::Seconds => Unit::Seconds,
            BaseUnit::Bytes => Unit::Bytes,
        });
        let mut to = self.0.encode_descriptor(family.name, family.help, unit.as_ref(), kind)?;
        for (labels, value) in rows {
            if N == 0 {
                write(&mut to, value)?;
            } else {
                write(&mut to.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }
}
