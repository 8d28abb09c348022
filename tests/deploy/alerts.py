"""For each alert: what makes it fire, what it then says, and what is nearly the same and leaves it silent."""

from dataclasses import dataclass

GUARD = 'job="connect-guard", instance="guard-0"'
# promtool's clock begins in 1970.
FAR = 10_000_000


@dataclass(frozen=True)
class Alert:
    """`fires` and `silent`: series and their values, `step` minutes apart. `at`: the minute that is looked at."""

    fires: dict[str, str]
    silent: dict[str, str]
    labels: dict[str, str]
    summary: str
    at: int = 30
    step: int = 1


def of(name: str, **labels: str) -> str:
    """A series of the guard's."""
    given = "".join(f', {label}="{value}"' for label, value in labels.items())
    return f"connect_guard_{name}{{{GUARD}{given}}}"


def requests(decision: str, code: str, change: str = "identity") -> str:
    return of("requests_total", **{"class": change, "decision": decision, "code": code})


BOTH = {"job": "connect-guard", "instance": "guard-0"}
JOB = {"job": "connect-guard"}
PROCESS = f"process_start_time_seconds{{{GUARD}}}"

ALERTS = {
    "ConnectGuardAbsent": Alert(
        {'connect_guard_build_info{job="another"}': "1x60"},
        {of("build_info"): "1x60"},
        JOB,
        "No guard is seen. Nobody can change a user through one.",
    ),
    "ConnectGuardDown": Alert(
        {f"up{{{GUARD}}}": "1x10 0x50"}, {f"up{{{GUARD}}}": "1x10 0 0 1x50"}, BOTH, "The guard guard-0 does not answer."
    ),
    "ConnectGuardNotReady": Alert(
        {'kube_pod_container_status_ready{container="connect-guard", pod="guard-0"}': "1x10 0x50"},
        {'kube_pod_container_status_ready{container="other", pod="guard-0"}': "0x60"},
        {"container": "connect-guard", "pod": "guard-0"},
        "A guard says that it is not ready; /readyz?verbose says why.",
    ),
    "ConnectGuardRestarts": Alert(
        {PROCESS: "100x5 400x5 800x5 1200x50"},
        {PROCESS: "100x5 400x5 800x50"},
        BOTH,
        "The guard guard-0 started 3 times within an hour.",
    ),
    "ConnectGuardPanics": Alert(
        {of("panics_total", listener="127.0.0.1:8443"): "0x20 1x40"},
        {of("panics_total", listener="127.0.0.1:8443"): "1x60"},
        BOTH,
        "A request made the guard guard-0 panic. It answered 500 and goes on.",
    ),
    "ConnectGuardClockSkew": Alert(
        {of("policy_since_timestamp_seconds"): f"{FAR}x60"},
        {of("policy_since_timestamp_seconds"): "100x60", requests("unproven", "stale", "none"): "0x15 1x45"},
        BOTH,
        "The clock of guard-0, or of its callers, is off.",
    ),
    "ConnectGuardLedgerNotWritable": Alert(
        {of("ledger_writable"): "1x10 0x50"},
        {of("ledger_writable"): "1x29 0 1x50"},
        BOTH,
        "The ledger of guard-0 cannot be written. Every change is refused.",
    ),
    "ConnectGuardChainBroken": Alert(
        {of("ledger_broken"): "0x29 1x30"},
        {of("ledger_broken"): "0x60"},
        BOTH,
        "The ledger of guard-0 was changed by another hand. Keep everything as it is.",
    ),
    "ConnectGuardLedgerWentBack": Alert(
        {of("ledger_head_sequence"): "100x20 3x40"},
        {of("ledger_head_sequence"): "100x20 130x40"},
        BOTH,
        "The ledger of guard-0 has fewer records than it had. It was lost, cut off or put back.",
    ),
    "ConnectGuardHeadsNotKept": Alert(
        {of("ledger_heads_unkept"): "0x10 1x50"},
        {of("ledger_heads_unkept"): "0x25 1x4 0 1x30"},
        BOTH,
        "Where the ledger of guard-0 ends is not kept elsewhere. Nobody would see that it was put back.",
    ),
    "ConnectGuardStreamBehind": Alert(
        {
            of("stream_lag_records", stream="siem"): "5x60",
            of("stream_failing_since_timestamp_seconds", stream="siem"): "1000x60",
        },
        {
            of("stream_lag_records", stream="siem"): "5x60",
            of("stream_failing_since_timestamp_seconds", stream="siem"): "1500x60",
        },
        {**BOTH, "stream": "siem"},
        "The stream siem of guard-0 is 5 records behind. The SIEM does not see them.",
    ),
    "ConnectGuardLedgerDiskNearlyFull": Alert(
        {of("ledger_free_bytes"): "67108864x60"},
        {of("ledger_free_bytes"): "268435456x60"},
        BOTH,
        "The ledger of guard-0 has 64MiB left.",
    ),
    "ConnectGuardLedgerDiskFilling": Alert(
        {of("ledger_free_bytes"): "10000000000-100000000x90"},
        {of("ledger_free_bytes"): "10000000000-10000x90"},
        BOTH,
        "The disk of the ledger of guard-0 is full within four days if this goes on.",
        at=600,
        step=10,
    ),
    "ConnectGuardLedgerSlow": Alert(
        {
            of("ledger_commit_seconds_bucket", le="0.5"): "0x60",
            of("ledger_commit_seconds_bucket", le="1"): "0+60x60",
            of("ledger_commit_seconds_bucket", le="+Inf"): "0+60x60",
        },
        {
            of("ledger_commit_seconds_bucket", le="0.5"): "0+60x60",
            of("ledger_commit_seconds_bucket", le="1"): "0+60x60",
            of("ledger_commit_seconds_bucket", le="+Inf"): "0+60x60",
        },
        BOTH,
        "One commit of a hundred takes 995ms on guard-0.",
    ),
    "ConnectGuardLedgerGaps": Alert(
        {of("ledger_gaps_total"): "0x20 7x40"},
        {of("ledger_gaps_total"): "7x60"},
        BOTH,
        "Ordinary operations of guard-0 are counted in the ledger, and not recorded singly.",
    ),
    # The first of its kind: until then there is no such series.
    "ConnectGuardOutcomeUnknown": Alert(
        {requests("allowed", "unknown"): "_x25 1x35"},
        {requests("allowed", "unknown"): "1x60", requests("allowed", "unknown", "read"): "_x25 1x35"},
        {**BOTH, "code": "unknown"},
        "A change was sent by guard-0 and nobody knows what became of it (unknown).",
    ),
    "ConnectGuardChangesOpen": Alert(
        {of("changes_open"): "0x10 1x50"},
        {of("changes_open"): "0x10 1x15 0 1x30"},
        BOTH,
        "Changes of guard-0 are without an outcome for 15 minutes.",
    ),
    "ConnectGuardRefusalsBurst": Alert(
        {requests("refused", "no-rule"): "0+10x60"},
        {requests("refused", "no-rule"): "0+1x60", requests("refused", "no-rule", "read"): "0+10x60"},
        {**JOB, "code": "no-rule"},
        "100 changes were refused within ten minutes (no-rule).",
    ),
    "ConnectGuardProofsFail": Alert(
        {requests("unproven", "signature", "none"): "0+20x60"},
        {requests("unproven", "signature", "none"): "0+5x60"},
        {**JOB, "code": "signature"},
        "200 requests within ten minutes proved nothing (signature).",
    ),
    "ConnectGuardPolicyStale": Alert(
        {of("policy_stale_since_timestamp_seconds"): "_x20 1200x40"},
        {of("policy_stale_since_timestamp_seconds"): "_x20 1200x5 stale"},
        BOTH,
        "The policy of guard-0 cannot be read. After an hour (max_stale) every change is refused.",
    ),
    "ConnectGuardPolicyFrozen": Alert(
        {of("policy_frozen"): "0x20 1x40"},
        {of("policy_frozen"): "0x60"},
        BOTH,
        "guard-0 refuses every change: revoked.toml, deny.d or the policy is at fault, or too old.",
    ),
    "ConnectGuardPoliciesDiffer": Alert(
        {
            of("policy_info", digest="aa"): "1x60",
            'connect_guard_policy_info{job="connect-guard", instance="guard-1", digest="bb"}': "1x60",
        },
        {
            of("policy_info", digest="aa"): "1x60",
            'connect_guard_policy_info{job="connect-guard", instance="guard-1", digest="aa"}': "1x60",
        },
        JOB,
        "Not every guard has the same policy.",
    ),
    "ConnectGuardOutboxOld": Alert(
        {of("outbox_oldest_timestamp_seconds", channel="mail", urgency="now"): "600x60"},
        {
            of("outbox_oldest_timestamp_seconds", channel="mail", urgency="now"): "1500x60",
            of("outbox_oldest_timestamp_seconds", channel="mail", urgency="later"): "0x60",
        },
        {**JOB, "channel": "mail"},
        "A notice for mail waits for 20m 0s.",
    ),
    "ConnectGuardChannelFailing": Alert(
        {of("channel_failing_since_timestamp_seconds", channel="hook:siem"): "_x20 1200x40"},
        {of("channel_failing_since_timestamp_seconds", channel="hook:siem"): "_x20 1200x4 stale"},
        {**JOB, "channel": "hook:siem"},
        "hook:siem has taken no notice for 10m 0s.",
    ),
    "ConnectGuardDeadLetters": Alert(
        {of("outbox_dead", channel="mail", urgency="now"): "2x60"},
        {of("outbox_dead", channel="mail", urgency="now"): "0x60"},
        {**JOB, "channel": "mail"},
        "2 notices for mail were given up.",
    ),
    "ConnectGuardHeartbeatMissing": Alert(
        {of("deliveries_total", channel="mail", result="delivered"): "3x288", PROCESS: "0x288"},
        {of("deliveries_total", channel="mail", result="delivered"): "3x72 4x216", PROCESS: "0x288"},
        JOB,
        "Not one notice was delivered within eight days, and the heartbeat is sent once a week.",
        at=10 * 24 * 60,
        step=60,
    ),
    "ConnectGuardUpstreamFaults": Alert(
        {
            of("upstream_failures_total", site="main", kind="timeout"): "0+1x60",
            of("upstream_requests_total", site="main"): "0+10x60",
        },
        {
            of("upstream_failures_total", site="main", kind="timeout"): "0+1x60",
            of("upstream_requests_total", site="main"): "0+100x60",
        },
        {**JOB, "site": "main"},
        "10% of the requests to Connect (main) have no whole answer.",
    ),
    "ConnectGuardUpstreamSlow": Alert(
        {
            of("upstream_seconds_bucket", site="main", le="5"): "0x60",
            of("upstream_seconds_bucket", site="main", le="10"): "0+60x60",
            of("upstream_seconds_bucket", site="main", le="+Inf"): "0+60x60",
        },
        {
            of("upstream_seconds_bucket", site="main", le="5"): "0+60x60",
            of("upstream_seconds_bucket", site="main", le="10"): "0+60x60",
            of("upstream_seconds_bucket", site="main", le="+Inf"): "0+60x60",
        },
        {**JOB, "site": "main"},
        "One answer of twenty of Connect (main) takes 9.75s.",
    ),
    "ConnectGuardNoCredentials": Alert(
        {requests("unavailable", "no-credentials"): "_x25 1x35"},
        {requests("unavailable", "no-credentials"): "1x60"},
        BOTH,
        "The guard guard-0 has no AWS credentials.",
    ),
    "ConnectGuardSessionsUnavailable": Alert(
        {of("issuer_keys_failures", issuer="https://oidc.example.com/cluster"): "0x20 5x40"},
        {of("issuer_keys_failures", issuer="https://oidc.example.com/cluster"): "3x60"},
        {**JOB, "issuer": "https://oidc.example.com/cluster"},
        "Sessions are refused because STS or an issuer's keys cannot be had.",
    ),
    "ConnectGuardOverload": Alert(
        {of("overloaded_total", listener="0.0.0.0:8443"): "0+1x60"},
        {of("overloaded_total", listener="0.0.0.0:8443"): "0x27 1x33", of("connections_refused_total", reason="source"): "0+1x60"},
        BOTH,
        "The guard guard-0 turns requests away because too many are under way.",
    ),
    "ConnectGuardCannotAccept": Alert(
        {of("accept_failures_total", listener="0.0.0.0:8443"): "0x25 4x35"},
        {of("accept_failures_total", listener="0.0.0.0:8443"): "4x60"},
        BOTH,
        "The guard guard-0 cannot take connections on; it may have run out of descriptors.",
    ),
    "ConnectGuardCertificateExpiring": Alert(
        {of("certificate_not_after_timestamp_seconds", listener="0.0.0.0:8443"): f"{1800 + 10 * 86400}x60"},
        {of("certificate_not_after_timestamp_seconds", listener="0.0.0.0:8443"): f"{1800 + 20 * 86400}x60"},
        {**JOB, "listener": "0.0.0.0:8443"},
        "The certificate of 0.0.0.0:8443 ends in 10d 0h 0m 0s.",
    ),
    "ConnectGuardCertificateExpired": Alert(
        {of("certificate_not_after_timestamp_seconds", listener="0.0.0.0:8443"): "600x60"},
        {of("certificate_not_after_timestamp_seconds", listener="0.0.0.0:8443"): f"{1800 + 10 * 86400}x60"},
        {**JOB, "listener": "0.0.0.0:8443"},
        "The certificate of 0.0.0.0:8443 ends within a day, or has ended.",
    ),
    "ConnectGuardCallerKeyExpiring": Alert(
        {of("caller_key_not_after_timestamp_seconds", key="GKAAAAAAAAAAAAAAAAAA"): f"{1800 + 2 * 86400}x60"},
        {of("caller_key_not_after_timestamp_seconds", key="GKAAAAAAAAAAAAAAAAAA"): f"{1800 + 20 * 86400}x60"},
        {**JOB, "key": "GKAAAAAAAAAAAAAAAAAA"},
        "The caller's key GKAAAAAAAAAAAAAAAAAA ends in 2d 0h 0m 0s.",
    ),
    "ConnectGuardRevocationListOverdue": Alert(
        {of("crl_next_update_timestamp_seconds", listener="0.0.0.0:8443"): "600x60"},
        {of("crl_next_update_timestamp_seconds", listener="0.0.0.0:8443"): "6000x60"},
        {**JOB, "listener": "0.0.0.0:8443"},
        "The list of revoked clients of 0.0.0.0:8443 is out of date, and used on.",
    ),
    "ConnectGuardRenewalFailed": Alert(
        {of("renewal_failed", what="mail password"): "_x10 1x50"},
        {of("renewal_failed", what="mail password"): "_x28 1x32"},
        {**BOTH, "what": "mail password"},
        "guard-0 could not read mail password again and uses it as it was.",
    ),
}
