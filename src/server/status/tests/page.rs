//! The page of metrics: in form, complete, and as the table says.

use super::*;
use crate::{
    client::ClientStats,
    guard::{Counted, GuardStats, Stage},
    ledger::{LedgerStats, OutboxStats},
    limit::LimiterStats,
    notice::{Channel, Urgency},
    notify::{ChannelStats, CourierStats, StreamStats},
    server::{Counts, counts::ServerStats},
    session::{Answered, ExchangeStats, IssuerStats},
    timing::Timer,
};

/// The text and the families on it.
fn families(text: &str) -> std::collections::BTreeMap<String, openmetrics::Family> {
    openmetrics::read(text)
}

/// Something of everything.
pub(super) fn measurements() -> Measurements {
    let timer = Timer::default();
    for millis in [0, 3, 40, 40, 60_000] {
        timer.took(Duration::from_millis(millis));
    }
    let counted = |code, count| Counted { class: "identity", decision: "refused", code, count };
    let channel = |channel: &str, failing_since| ChannelStats {
        channel: channel.to_owned(),
        failing_since,
        delivered: 7,
        ..ChannelStats::default()
    };
    let queue = |channel, urgency, oldest| OutboxStats { channel, urgency, waiting: 6, oldest, dead: 2 };
    Measurements {
        version: "1.2.3",
        started: 1_700_000_000_500,
        guard: GuardStats {
            requests: vec![counted("no-rule", 3), counted("frozen", 1)],
            stages: Stage::ALL.iter().map(|stage| (*stage, timer.read())).collect(),
            open_changes: 2,
            watched: 1,
        },
        ledger: LedgerStats {
            seq: 41,
            head: format!("{}{}", "0123456789ab", "f".repeat(52)),
            writable: true,
            queue_capacity: 64,
            sync: timer.read(),
            free_bytes: Some(1 << 30),
            ..LedgerStats::default()
        },
        outbox: vec![
            queue(Channel::Mail, Urgency::Now, Some(1_700_000_000_000)),
            queue(Channel::Mail, Urgency::Later, None),
            queue(Channel::Hook("chat".to_owned()), Urgency::Now, None),
        ],
        courier: CourierStats {
            channels: vec![channel("mail", None), channel("hook:chat", Some(1_700_000_000_000))],
        },
        streams: vec![StreamStats {
            name: "siem".to_owned(),
            lag: 3,
            failing_since: Some(1_700_000_000_000),
            ..StreamStats::default()
        }],
        sessions: Some(ExchangeStats {
            answers: vec![Answered { route: "sts", code: "done", count: 2 }],
            issuers: vec![IssuerStats {
                issuer: "https://issuer.example.com".to_owned(),
                keys: 2,
                read: None,
                failures: 1,
            }],
        }),
        crls: vec![("[::1]:8443".to_owned(), 1_700_000_000_000)],
        limiter: LimiterStats { limited: [1, 2, 3, 4, 5], keys: 5 },
        connect: vec![(
            "main".to_owned(),
            ClientStats { requests: 5, latency: timer.read(), tls: 2, ..ClientStats::default() },
        )],
        listeners: vec![
            ("127.0.0.1:8443".to_owned(), ServerStats { over_source: 9, ..Counts::default().stats() }),
            ("odd \"name\\\n".to_owned(), Counts::default().stats()),
        ],
        certificates: vec![("127.0.0.1:8443".to_owned(), 1_800_000_000_000)],
        keys: vec![("AKIAIOSFODNN7EXAMPLE".to_owned(), 1_800_000_000_000)],
        policy: PolicyState {
            digest: "ab".repeat(32),
            since: 1_700_000_000_000,
            stale_since: Some(1_700_000_000_000),
            frozen: true,
            rules: 12,
        },
        unrenewed: vec!["certificate:127.0.0.1:8443".to_owned()],
    }
}

async fn scraped() -> String {
    let answer = Running::start(None).get("/metrics").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.head.contains(kind), "{answer:?}");
    answer.body
}

#[tokio::test]
async fn the_page_is_open_metrics_and_says_what_was_measured() {
    let text = scraped().await;
    let families = families(&text);
    for line in [
        "connect_guard_build_info{version=\"1.2.3\"} 1",
        "connect_guard_requests_total{class=\"identity\",decision=\"refused\",code=\"no-rule\"} 3",
        "connect_guard_stage_seconds_bucket{le=\"0.05\",stage=\"verify\"} 4",
        "connect_guard_stage_seconds_bucket{le=\"+Inf\",stage=\"verify\"} 5",
        "connect_guard_stage_seconds_sum{stage=\"verify\"} 60.083",
        "connect_guard_connections_refused_total{listener=\"127.0.0.1:8443\",reason=\"source\"} 9",
        "connect_guard_upstream_failures_total{site=\"main\",kind=\"tls\"} 2",
        "connect_guard_limiter_refusals_total{bucket=\"caller-refusals\"} 3",
        "connect_guard_ledger_head_sequence 41.0",
        "connect_guard_ledger_commit_seconds_bucket{le=\"0.001\"} 1",
        "connect_guard_ledger_commit_seconds_count 5",
        "connect_guard_ledger_free_bytes 1073741824.0",
        "connect_guard_outbox_oldest_timestamp_seconds{channel=\"mail\",urgency=\"now\"} 1700000000.0",
        "connect_guard_outbox_waiting{channel=\"hook:chat\",urgency=\"now\"} 6.0",
        "connect_guard_deliveries_total{channel=\"mail\",result=\"delivered\"} 7",
        "connect_guard_channel_failing_since_timestamp_seconds{channel=\"hook:chat\"} 1700000000.0",
        "connect_guard_certificate_not_after_timestamp_seconds{listener=\"127.0.0.1:8443\"} 1800000000.0",
        "connect_guard_caller_key_not_after_timestamp_seconds{key=\"AKIAIOSFODNN7EXAMPLE\"} 1800000000.0",
        "connect_guard_policy_frozen 1.0",
        "connect_guard_renewal_failed{what=\"certificate:127.0.0.1:8443\"} 1.0",
        "process_start_time_seconds 1700000000.5",
    ] {
        assert!(text.lines().any(|of_text| of_text == line), "no {line} in\n{text}");
    }
    let open = &families["connect_guard_connections_open"].samples[1].1;
    assert_eq!(open, &[("listener".to_owned(), "odd \"name\\\n".to_owned())]);
    let prefix = families["connect_guard_ledger_head_prefix"].samples[0].2;
    assert_eq!(prefix.to_bits(), 0x0123_4567_89ab_u64.to_string().parse::<f64>().unwrap().to_bits());
}

#[tokio::test]
async fn the_table_is_the_page() {
    let text = scraped().await;
    let source = include_str!("../metrics/mod.rs");
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let mut told: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let [name, kind, labels, ..] = cells.as_slice() else { panic!("{row}") };
            let name = name.trim_end_matches('`');
            let labels = labels.split('`').filter(|label| !label.trim().is_empty()).map(str::to_owned);
            let prefix = if name.starts_with("process_") { "" } else { "connect_guard_" };
            (format!("{prefix}{name}"), (*kind).to_owned(), labels.collect::<Vec<_>>())
        })
        .collect();
    let mut found: Vec<_> = families(&text)
        .into_iter()
        .map(|(name, family)| {
            let suffix = match family.kind.as_str() {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let (_, labels, _) = family.samples.first().unwrap_or_else(|| panic!("{name} has no sample"));
            let labels = labels.iter().map(|(label, _)| label.clone()).collect::<Vec<_>>();
            (format!("{name}{suffix}"), family.kind, labels)
        })
        .collect();
    told.sort();
    found.sort();
    assert_eq!(told, found);
}

#[tokio::test]
async fn nothing_measured_is_open_metrics_too() {
    let running = Running::start(None);
    let mut empty = measurements();
    empty.guard = GuardStats { requests: vec![], stages: vec![], open_changes: 0, watched: 0 };
    empty.courier.channels.clear();
    empty.outbox.clear();
    empty.ledger = LedgerStats::default();
    (empty.connect, empty.listeners, empty.certificates, empty.keys) = (vec![], vec![], vec![], vec![]);
    empty.policy = PolicyState::default();
    empty.unrenewed.clear();
    *running.told.measurements.lock().unwrap() = Some(empty);
    let text = running.get("/metrics").await.body;
    let families = families(&text);
    assert!(families["connect_guard_ledger_head_prefix"].samples.is_empty());
    assert!(families["connect_guard_policy_stale_since_timestamp_seconds"].samples.is_empty());
}
