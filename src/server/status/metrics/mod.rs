//! What was measured, as `OpenMetrics` text.
//!
//! Every name begins with `connect_guard_`, but those of the process, which are as every exporter has them. Units are
//! seconds and bytes; an instant is seconds since 1970 and ends in `_timestamp_seconds`. The values of labels come from
//! closed lists or from the configuration, so there are only so many series; no address, no principal, no target is ever
//! among them.
//!
//! | name | type | labels | what |
//! |---|---|---|---|
//! | `build_info` | info | `version` | what runs |
//! | `requests_total` | counter | `class` `decision` `code` | requests, by what became of them |
//! | `stage_seconds` | histogram | `stage` | how long each part of a request's path took; `total` is all of it |
//! | `changes_open` | gauge | | changes on record without an outcome that are worked on |
//! | `changes_watched` | gauge | | changes that do not show and may yet |
//! | `connections_total` | counter | `listener` | connections served |
//! | `connections_open` | gauge | `listener` | connections open |
//! | `connections_refused_total` | counter | `listener` `reason` | closed at once: `total`, `source`, `proxy` |
//! | `accept_failures_total` | counter | `listener` | failures to accept: no descriptors, mostly |
//! | `handshake_failures_total` | counter | `listener` | handshakes that failed or took too long |
//! | `received_total` | counter | `listener` | requests whose head has one reading for the gate |
//! | `in_flight` | gauge | `listener` | requests under way |
//! | `malformed_total` | counter | `listener` | requests without one reading, too slow or too large |
//! | `overloaded_total` | counter | `listener` | requests answered 503: too many under way |
//! | `panics_total` | counter | `listener` | requests that panicked |
//! | `certificate_not_after_timestamp_seconds` | gauge | `listener` | when the certificate ends |
//! | `caller_key_not_after_timestamp_seconds` | gauge | `key` | when a caller's key ends |
//! | `crl_next_update_timestamp_seconds` | gauge | `listener` | when the successor of a list of revoked clients is due |
//! | `session_answers_total` | counter | `route` `code` | answers to requests for sessions and about freezes |
//! | `issuer_keys` | gauge | `issuer` | keys of an issuer of web identities that are held |
//! | `issuer_keys_failures` | gauge | `issuer` | how often reading them failed since it last went well |
//! | `upstream_requests_total` | counter | `site` | requests to Connect |
//! | `upstream_failures_total` | counter | `site` `kind` | those without a whole answer |
//! | `upstream_seconds` | histogram | `site` | until the head of Connect's answer |
//! | `upstream_in_flight` | gauge | `site` | requests to Connect under way |
//! | `upstream_connections_opened_total` | counter | `site` | connections opened |
//! | `upstream_connections_idle` | gauge | `site` | connections that wait for a request |
//! | `limiter_refusals_total` | counter | `bucket` | refused: too many, too fast |
//! | `limiter_keys` | gauge | | keys that rates are held for |
//! | `ledger_head_sequence` | gauge | | number of the last record |
//! | `ledger_head_prefix` | gauge | | the first 48 bits of its hash, as a number: a witness that is kept elsewhere |
//! | `ledger_waiting` | gauge | | what waits for the writer |
//! | `ledger_waiting_limit` | gauge | | what may wait for the writer; more is refused |
//! | `ledger_commit_seconds` | histogram | | how long commits took |
//! | `ledger_free_bytes` | gauge | | room on the disk, and as far as the store may grow; absent on a server |
//! | `ledger_broken` | gauge | | 1 once the chain was found broken |
//! | `ledger_commits_total` | counter | | transactions committed |
//! | `ledger_failures_total` | counter | | writes that failed |
//! | `ledger_gaps_total` | counter | | ordinary operations not recorded singly |
//! | `ledger_heads_unkept` | gauge | | 1 while somebody who keeps heads did not take the last ones |
//! | `ledger_heads_failures_total` | counter | | how often that was so |
//! | `ledger_writable` | gauge | | 1 while the last write went through and the next change has room |
//! | `outbox_waiting` | gauge | `channel` `urgency` | deliveries that wait |
//! | `outbox_oldest_timestamp_seconds` | gauge | `channel` `urgency` | when the oldest of them was written; absent without one |
//! | `outbox_dead` | gauge | `channel` `urgency` | deliveries that were given up |
//! | `deliveries_total` | counter | `channel` `result` | attempts: `delivered`, `retried`, `dead` |
//! | `channel_failing_since_timestamp_seconds` | gauge | `channel` | since when a channel fails; absent while it works |
//! | `stream_lag_records` | gauge | `stream` | records that a stream has not brought yet |
//! | `stream_failing_since_timestamp_seconds` | gauge | `stream` | since when a stream brings nothing; absent while it works |
//! | `stream_records_total` | counter | `stream` | records brought, those that were brought again among them |
//! | `stream_repeated_total` | counter | `stream` | records that a session may have lost, and that are brought again |
//! | `stream_failures_total` | counter | `stream` | sessions that ended, calls that were not taken |
//! | `policy_info` | info | `digest` | the policy in force |
//! | `policy_since_timestamp_seconds` | gauge | | since when it is |
//! | `policy_stale_since_timestamp_seconds` | gauge | | since when the directory cannot be taken; absent while it can |
//! | `policy_frozen` | gauge | | 1 while every change is refused |
//! | `policy_rules` | gauge | | rules in force |
//! | `renewal_failed` | gauge | `what` | 1 for each certificate, key or secret that could not be read again; absent otherwise |
//! | `process_start_time_seconds` | gauge | | when the process started |
//! | `process_open_fds` | gauge | | descriptors open |
//! | `process_resident_memory_bytes` | gauge | | memory held |

mod page;
mod process;

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder,
        text::{encode_eof, encode_registry},
    },
    registry::Registry,
};

use super::Measurements;
use crate::{client::ClientStats, ledger::OutboxStats, notice::Urgency, server::counts::ServerStats};

use page::{Family, Page, family};
use process::Process;

/// `OpenMetrics` 1.0, which Prometheus asks for and takes.
pub(super) const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The whole text; none when the encoder fails. Reads a few files of `/proc`.
pub(super) fn exposition(measurements: Measurements) -> Option<Bytes> {
    let mut of_process = Registry::default();
    of_process.register_collector(Box::new(Process::now(measurements.started)));
    let mut of_guard = Registry::with_prefix("connect_guard");
    of_guard.register_collector(Box::new(measurements));
    let mut text = String::new();
    encode_registry(&mut text, &of_guard).ok()?;
    encode_registry(&mut text, &of_process).ok()?;
    encode_eof(&mut text).ok()?;
    Some(text.into())
}

impl Collector for Measurements {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        page.info(family("build", "What runs"), [("version", self.version)])?;
        self.requests(&mut page)?;
        self.listeners(&mut page)?;
        self.ends(&mut page)?;
        self.sessions(&mut page)?;
        self.upstream(&mut page)?;
        self.limiter(&mut page)?;
        self.ledger(&mut page)?;
        self.notices(&mut page)?;
        self.streams(&mut page)?;
        self.policy(&mut page)?;
        let unrenewed = self.unrenewed.iter().map(|what| ([("what", what.as_str())], truth(true)));
        page.gauges(family("renewal_failed", "What could not be read again and is used as it was"), unrenewed)
    }
}

impl Measurements {
    fn requests(&self, page: &mut Page<'_>) -> fmt::Result {
        let guard = &self.guard;
        page.counters(
            family("requests", "Requests, by what became of them"),
            guard
                .requests
                .iter()
                .map(|of| ([("class", of.class), ("decision", of.decision), ("code", of.code)], of.count)),
        )?;
        page.timings(
            family("stage", "How long each part of a request's path took"),
            guard.stages.iter().map(|(stage, timing)| ([("stage", stage.as_str())], *timing)),
        )?;
        let open = family("changes_open", "Changes on record without an outcome that are worked on");
        page.gauge(open, number(guard.open_changes))?;
        page.gauge(family("changes_watched", "Changes that do not show and may yet"), number(guard.watched))
    }

    fn listeners(&self, page: &mut Page<'_>) -> fmt::Result {
        type Read = fn(&ServerStats) -> u64;
        let counters: [(Family, Read); 7] = [
            (family("connections", "Connections served"), |of| of.connections),
            (family("accept_failures", "Failures to accept"), |of| of.accept_failures),
            (family("handshake_failures", "Handshakes that failed or took too long"), |of| {
                of.handshake_failures
            }),
            (family("received", "Requests whose head has one reading for the gate"), |of| of.requests),
            (family("malformed", "Requests without one reading, too slow or too large"), |of| of.malformed),
            (family("overloaded", "Requests answered 503: too many under way"), |of| of.overloaded),
            (family("panics", "Requests that panicked"), |of| of.panics),
        ];
        for (family, read) in counters {
            page.counters(family, labelled("listener", &self.listeners).map(|(of, it)| (of, read(it))))?;
        }
        let gauges: [(Family, Read); 2] = [
            (family("connections_open", "Connections open"), |of| of.open),
            (family("in_flight", "Requests under way"), |of| of.under_way),
        ];
        for (family, read) in gauges {
            page.gauges(
                family,
                labelled("listener", &self.listeners).map(|(of, it)| (of, number(read(it)))),
            )?;
        }
        let refused = self.listeners.iter().flat_map(|(name, of)| {
            [("total", of.over_total), ("source", of.over_source), ("proxy", of.proxy_refused)]
                .map(|(reason, count)| ([("listener", name.as_str()), ("reason", reason)], count))
        });
        page.counters(family("connections_refused", "Connections closed at once"), refused)
    }

    fn ends(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauges(
            family("certificate_not_after_timestamp", "When the certificate ends").seconds(),
            labelled("listener", &self.certificates).map(|(of, at)| (of, seconds(*at))),
        )?;
        page.gauges(
            family("crl_next_update_timestamp", "When the successor of a list of revoked clients is due")
                .seconds(),
            labelled("listener", &self.crls).map(|(of, at)| (of, seconds(*at))),
        )?;
        page.gauges(
            family("caller_key_not_after_timestamp", "When a caller's key ends").seconds(),
            labelled("key", &self.keys).map(|(of, at)| (of, seconds(*at))),
        )
    }

    fn sessions(&self, page: &mut Page<'_>) -> fmt::Result {
        let Some(sessions) = &self.sessions else { return Ok(()) };
        let answers = sessions.answers.iter().map(|of| ([("route", of.route), ("code", of.code)], of.count));
        page.counters(
            family("session_answers", "Answers to requests for sessions and about freezes"),
            answers,
        )?;
        let issuers = || sessions.issuers.iter().map(|of| ([("issuer", of.issuer.as_str())], of));
        page.gauges(
            family("issuer_keys", "Keys of an issuer of web identities that are held"),
            issuers().map(|(labels, of)| (labels, number(of.keys as u64))),
        )?;
        page.gauges(
            family(
                "issuer_keys_failures",
                "How often reading an issuer's keys failed since it last went well",
            ),
            issuers().map(|(labels, of)| (labels, number(u64::from(of.failures)))),
        )
    }

    fn upstream(&self, page: &mut Page<'_>) -> fmt::Result {
        let sites = || labelled("site", &self.connect);
        let requests = family("upstream_requests", "Requests to Connect");
        page.counters(requests, sites().map(|(of, it)| (of, it.requests)))?;
        let failures = self.connect.iter().flat_map(|(site, of)| {
            failures(of).map(|(kind, count)| ([("site", site.as_str()), ("kind", kind)], count))
        });
        page.counters(family("upstream_failures", "Requests to Connect without a whole answer"), failures)?;
        let latency = family("upstream", "Until the head of Connect's answer");
        page.timings(latency, sites().map(|(of, it)| (of, it.latency)))?;
        let in_flight = family("upstream_in_flight", "Requests to Connect under way");
        page.gauges(in_flight, sites().map(|(of, it)| (of, number(it.in_flight))))?;
        let opened = family("upstream_connections_opened", "Connections to Connect opened");
        page.counters(opened, sites().map(|(of, it)| (of, it.opened)))?;
        let idle = family("upstream_connections_idle", "Connections to Connect that wait for a request");
        page.gauges(idle, sites().map(|(of, it)| (of, number(it.idle))))
    }

    fn limiter(&self, page: &mut Page<'_>) -> fmt::Result {
        let buckets = ["source", "caller", "caller-refusals", "caller-reads", "connect"]
            .into_iter()
            .zip(self.limiter.limited);
        let rows = buckets.map(|(bucket, count)| ([("bucket", bucket)], count));
        page.counters(family("limiter_refusals", "Refused: too many, too fast"), rows)?;
        page.gauge(family("limiter_keys", "Keys that rates are held for"), size(self.limiter.keys))
    }

    fn ledger(&self, page: &mut Page<'_>) -> fmt::Result {
        let ledger = &self.ledger;
        page.gauge(family("ledger_head_sequence", "Number of the last record"), number(ledger.seq))?;
        let prefix = ledger.head.get(..12).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let rows = prefix.map(|bits| ([], number(bits)));
        page.gauges(family("ledger_head_prefix", "The first 48 bits of its hash, as a number"), rows)?;
        page.gauge(family("ledger_waiting", "What waits for the writer"), size(ledger.waiting))?;
        page.gauge(
            family("ledger_waiting_limit", "What may wait for the writer"),
            size(ledger.queue_capacity),
        )?;
        page.timings(family("ledger_commit", "How long commits took"), [([], ledger.sync)])?;
        let free = family("ledger_free", "Room on the disk, and as far as the store may grow").bytes();
        page.gauges(free, ledger.free_bytes.map(|free| ([], number(free))))?;
        page.gauge(
            family("ledger_broken", "1 once the chain was found broken"),
            truth(ledger.broken.is_some()),
        )?;
        page.gauge(
            family("ledger_heads_unkept", "1 while somebody who keeps heads did not take the last ones"),
            truth(ledger.heads_unkept),
        )?;
        page.counter(
            family("ledger_heads_failures", "How often somebody did not take heads"),
            ledger.heads_failures,
        )?;
        page.counter(family("ledger_commits", "Transactions committed"), ledger.commits)?;
        page.counter(family("ledger_failures", "Writes that failed"), ledger.failures)?;
        page.counter(family("ledger_gaps", "Ordinary operations not recorded singly"), ledger.gaps)?;
        page.gauge(
            family("ledger_writable", "1 while the last write went through and the next change has room"),
            truth(ledger.writable),
        )
    }

    fn notices(&self, page: &mut Page<'_>) -> fmt::Result {
        let waiting = family("outbox_waiting", "Deliveries that wait");
        let queues = Queues::of(&self.outbox);
        page.gauges(waiting, queues.rows(|of| Some(number(of.waiting))))?;
        let oldest = queues.rows(|of| of.oldest.map(seconds));
        let name = family("outbox_oldest_timestamp", "When the oldest delivery that waits was written");
        page.gauges(name.seconds(), oldest)?;
        let dead = family("outbox_dead", "Deliveries that were given up");
        page.gauges(dead, queues.rows(|of| Some(number(of.dead))))?;
        let channels = &self.courier.channels;
        let results = channels.iter().flat_map(|of| {
            [("delivered", of.delivered), ("retried", of.retried), ("dead", of.dead)]
                .map(|(result, count)| ([("channel", of.channel.as_str()), ("result", result)], count))
        });
        page.counters(family("deliveries", "Attempts to deliver a notice"), results)?;
        let failing = channels
            .iter()
            .filter_map(|of| Some(([("channel", of.channel.as_str())], seconds(of.failing_since?))));
        page.gauges(
            family("channel_failing_since_timestamp", "Since when a channel fails").seconds(),
            failing,
        )
    }

    fn streams(&self, page: &mut Page<'_>) -> fmt::Result {
        let streams = || self.streams.iter().map(|of| ([("stream", of.name.as_str())], of));
        let lag = family("stream_lag_records", "Records that a stream has not brought yet");
        page.gauges(lag, streams().map(|(of, it)| (of, number(it.lag))))?;
        let failing =
            family("stream_failing_since_timestamp", "Since when a stream brings nothing").seconds();
        page.gauges(failing, streams().filter_map(|(of, it)| Some((of, seconds(it.failing_since?)))))?;
        let sent = family("stream_records", "Records brought");
        page.counters(sent, streams().map(|(of, it)| (of, it.sent)))?;
        let repeated = family("stream_repeated", "Records that a session may have lost");
        page.counters(repeated, streams().map(|(of, it)| (of, it.repeated)))?;
        let failures = family("stream_failures", "Sessions that ended, calls that were not taken");
        page.counters(failures, streams().map(|(of, it)| (of, it.failures)))
    }

    fn policy(&self, page: &mut Page<'_>) -> fmt::Result {
        let policy = &self.policy;
        page.info(family("policy", "The policy in force"), [("digest", &policy.digest)])?;
        let since = family("policy_since_timestamp", "Since when the policy is in force").seconds();
        page.gauge(since, seconds(policy.since))?;
        let stale = policy.stale_since.map(|since| ([], seconds(since)));
        page.gauges(
            family("policy_stale_since_timestamp", "Since when the directory cannot be taken").seconds(),
            stale,
        )?;
        page.gauge(family("policy_frozen", "1 while every change is refused"), truth(policy.frozen))?;
        page.gauge(family("policy_rules", "Rules in force"), number(policy.rules))
    }
}

/// Queues of the outbox, each with its channel's name.
struct Queues<'a>(Vec<(String, &'a OutboxStats)>);

impl<'a> Queues<'a> {
    fn of(outbox: &'a [OutboxStats]) -> Self {
        Self(outbox.iter().map(|queue| (queue.channel.to_string(), queue)).collect())
    }

    /// A row for each queue that there is a value for.
    fn rows(
        &self,
        value: impl Fn(&OutboxStats) -> Option<f64>,
    ) -> impl Iterator<Item = (page::Labels<'_, 2>, f64)> {
        self.0.iter().filter_map(move |(channel, queue)| {
            let urgency = match queue.urgency {
                Urgency::Now => "now",
                Urgency::Later => "later",
            };
            Some(([("channel", channel.as_str()), ("urgency", urgency)], value(queue)?))
        })
    }
}

/// Rows with their names as a label.
fn labelled<'a, T>(
    name: &'static str,
    rows: &'a [(String, T)],
) -> impl Iterator<Item = (page::Labels<'a, 1>, &'a T)> {
    rows.iter().map(move |(value, of)| ([(name, value.as_str())], of))
}

fn failures(of: &ClientStats) -> [(&'static str, u64); 7] {
    [
        ("busy", of.busy),
        ("request", of.request),
        ("connect", of.connect),
        ("tls", of.tls),
        ("timeout", of.timeout),
        ("answer", of.answer),
        ("broken", of.broken),
    ]
}

/// Exact below 2^53, as everything here is.
#[expect(clippy::cast_precision_loss, reason = "numbers in a page of metrics are floating")]
fn number(count: u64) -> f64 {
    count as f64
}

fn size(count: usize) -> f64 {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}

fn truth(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// Of milliseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are exact for as long as there are dates"
)]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}
