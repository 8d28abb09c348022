//! What was measured, as `OpenMetrics` text.

use bytes::Bytes;
use http::HeaderValue;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text::encode},
    registry::Registry,
};

use super::Measurements;

/// `OpenMetrics` 1.0, which Prometheus asks for and takes.
pub(super) const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The whole text; none when the encoder fails.
pub(super) fn exposition(measurements: Measurements) -> Option<Bytes> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(measurements));
    let mut text = String::new();
    encode(&mut text, &registry).ok()?;
    Some(text.into())
}

impl Collector for Measurements {
    fn encode(&self, _: DescriptorEncoder<'_>) -> std::fmt::Result {
        Ok(())
    }
}
