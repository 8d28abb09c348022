//! One record of each kind, byte by byte: the format is final. What is sealed is random, so stubs stand for it here.

use super::*;
use crate::ledger::record::{
    BasisPart, Body, CallerPart, ConnectPart, DeliveryPart, EventPart, FreezePart, GapPart, GroundPart, Kind,
    NoticesPart, OperatorPart, RefPart, RefusalPart, RequestPart, RevealPart, RulePart, SealedPart,
    SegmentPart, SessionPart, SourcePart, Stand, StrangersPart, TargetPart, bytes, instant,
};

const GOLDEN: &str = include_str!("../../../tests/data/ledger-golden/records.jsonl");

fn who() -> Body {
    Body {
        request: Some(RequestPart {
            id: "99999999-aaaa-4bbb-8ccc-dddddddddddd".into(),
            source: "192.0.2.7".into(),
        }),
        caller: Some(CallerPart {
            principal: "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim".into(),
            unique_id: Some("AROAEXAMPLEID".into()),
            proof: "guard-key:GKEXAMPLE".into(),
        }),
        target: Some(TargetPart {
            site: "main".into(),
            partition: "aws".into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            instance: Some(INSTANCE.into()),
            kind: "user".into(),
            id: vec![user(1)],
        }),
        operation: Some("UpdateUserIdentityInfo".into()),
        class: Some("identity".into()),
        policy: Some("5e".repeat(32)),
        ..Body::default()
    }
}

fn basis() -> BasisPart {
    let ground = |of: &str| GroundPart {
        of: of.into(),
        rule: "identity-desk-email".into(),
        place: "desk.toml:3".into(),
    };
    BasisPart {
        grounds: vec![ground("operation"), ground("Email")],
        directory: Some("d1".repeat(32)),
        protected: Some("the desk may, after a ticket".into()),
        ticket: None,
        monitor: None,
    }
}

fn sealed() -> SealedPart {
    SealedPart { person: "ab".repeat(16), sealed: "AAECAwQF".into() }
}

fn notices() -> NoticesPart {
    NoticesPart { count: 2, recipients: vec!["c0".repeat(32), "c1".repeat(32)] }
}

fn reference() -> RefPart {
    RefPart { chain: "gw-1".into(), seq: 3, hash: "0f".repeat(32) }
}

#[expect(clippy::too_many_lines, reason = "one record of each kind, in one place")]
fn all() -> Vec<(Kind, Body)> {
    let policy = || Body { policy: Some("5e".repeat(32)), ..Body::default() };
    let target = who().target;
    vec![
        (Kind::Start, policy()),
        (Kind::Policy, policy()),
        (
            Kind::Intent,
            Body {
                lease_until: Some(instant(1_784_800_030_000)),
                basis: Some(basis()),
                attempt: Some("a7".repeat(32)),
                quotas: vec!["identity-desk-email".into()],
                inputs: Some(sealed()),
                notices: Some(notices()),
                ..who()
            },
        ),
        (
            Kind::Unknown,
            Body {
                lease_until: Some(instant(1_784_800_030_000)),
                target: who().target,
                operation: who().operation,
                intent: Some(reference()),
                sent: Some("unknown".into()),
                effect: Some("unknown".into()),
                inputs: Some(sealed()),
                notices: Some(notices()),
                ..Body::default()
            },
        ),
        (
            Kind::Outcome,
            Body {
                target: who().target,
                operation: who().operation,
                intent: Some(reference()),
                sent: Some("accepted".into()),
                connect: Some(ConnectPart {
                    status: 400,
                    error: Some("InvalidParameterException".into()),
                    request_id: Some("connect-1".into()),
                }),
                effect: Some("applied".into()),
                side_effects: vec!["SecondaryEmail".into()],
                inputs: Some(sealed()),
                notices: Some(notices()),
                ..Body::default()
            },
        ),
        (
            Kind::Refusal,
            Body {
                refusal: Some(RefusalPart {
                    code: "no-rule".into(),
                    rule: Some("some-rule".into()),
                    place: Some("desk.toml:9".into()),
                    fields: vec!["Email".into()],
                }),
                inputs: Some(sealed()),
                notices: Some(notices()),
                ..who()
            },
        ),
        (Kind::Ordinary, Body { basis: Some(basis()), ..who() }),
        (
            Kind::Gap,
            Body {
                gap: Some(GapPart { count: 7, from: instant(0), to: instant(1_784_800_000_000) }),
                ..Body::default()
            },
        ),
        (
            Kind::Strangers,
            Body {
                strangers: Some(StrangersPart {
                    from: instant(0),
                    to: instant(1_784_800_000_000),
                    sources: vec![SourcePart {
                        prefix: "192.0.2.0/24".into(),
                        code: "signature".into(),
                        count: 3,
                    }],
                    others: 1,
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Delivery,
            Body {
                inputs: Some(sealed()),
                delivery: Some(DeliveryPart {
                    record: reference(),
                    channel: "mail".into(),
                    audience: "old-primary".into(),
                    notice: "address-changed".into(),
                    result: "delivered".into(),
                    attempts: 2,
                    together: None,
                }),
                ..Body::default()
            },
        ),
        (Kind::Erasure, Body { target, ..Body::default() }),
        (Kind::Stop, Body::default()),
        (
            Kind::Outcome,
            Body {
                target: who().target,
                operation: who().operation,
                intent: Some(reference()),
                sent: Some("accepted".into()),
                connect: Some(ConnectPart { status: 200, error: None, request_id: Some("connect-1".into()) }),
                effect: Some("applied".into()),
                shows: Some("not-yet".into()),
                inputs: Some(sealed()),
                notices: Some(notices()),
                ..Body::default()
            },
        ),
        (
            Kind::Confirmation,
            Body {
                target: who().target,
                operation: who().operation,
                intent: Some(reference()),
                shows: Some("shown".into()),
                side_effects: vec!["SecondaryEmail".into()],
                inputs: Some(sealed()),
                notices: Some(notices()),
                ..Body::default()
            },
        ),
        (
            Kind::Event,
            Body {
                policy: Some("5e".repeat(32)),
                inputs: Some(sealed()),
                notices: Some(notices()),
                event: Some(EventPart {
                    event: "policy-changed".into(),
                    record: Some(reference()),
                    before: Some("4d".repeat(32)),
                    counts: [("gains".to_owned(), 2), ("losses".to_owned(), 1)].into(),
                    ..EventPart::default()
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Event,
            Body {
                inputs: Some(sealed()),
                event: Some(EventPart {
                    event: "chain-broken".into(),
                    rule: Some("identity-desk-email".into()),
                    place: Some("desk.toml:3".into()),
                    channel: Some("hook:pager".into()),
                    chain: Some("gw-1".into()),
                    seq: Some(7),
                    since: Some(instant(0)),
                    ends: Some(instant(1_784_800_000_000)),
                    changes_refused: Some(true),
                    ..EventPart::default()
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Delivery,
            Body {
                inputs: Some(sealed()),
                delivery: Some(DeliveryPart {
                    record: reference(),
                    channel: "hook:pager".into(),
                    audience: "security".into(),
                    notice: "repeated-refusals".into(),
                    result: "delivered".into(),
                    attempts: 1,
                    together: Some(1_000),
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Session,
            Body {
                request: who().request,
                caller: Some(CallerPart {
                    principal: "arn:aws:sts::111122223333:assumed-role/IdentityDesk/~".into(),
                    unique_id: Some("AROAEXAMPLEID".into()),
                    proof: "web-identity:https://issuer.example.com#~".into(),
                }),
                inputs: Some(sealed()),
                session: Some(SessionPart {
                    id: "GSEXAMPLEEXAMPLE2345".into(),
                    issued: instant(1_784_800_000_000),
                    expires: instant(1_784_800_900_000),
                    label: Some("ci".into()),
                    claims: vec!["repository".into()],
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Freeze,
            Body {
                request: who().request,
                caller: who().caller,
                inputs: Some(sealed()),
                notices: Some(notices()),
                freeze: Some(FreezePart {
                    id: "FZABCDEFGHIJKL".into(),
                    scope: "all".into(),
                    set: None,
                    by: None,
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Unfreeze,
            Body {
                request: who().request,
                caller: who().caller,
                inputs: Some(sealed()),
                notices: Some(notices()),
                freeze: Some(FreezePart {
                    id: "FZABCDEFGHIJKL".into(),
                    scope: "all".into(),
                    set: Some(reference()),
                    by: Some("arn:aws:iam::111122223333:role/SecurityDesk".into()),
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Reveal,
            Body {
                reveal: Some(RevealPart {
                    uid: 0,
                    user: Some("root".into()),
                    login_uid: Some(1000),
                    login: Some("kim".into()),
                    host: None,
                    filter: None,
                    count: None,
                    records: vec!["gw-1/3".into(), "gw-2/7".into()],
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Ordinary,
            Body {
                basis: Some(BasisPart {
                    grounds: Vec::new(),
                    directory: None,
                    protected: None,
                    ticket: Some("SEC-1042".into()),
                    monitor: Some(RulePart { rule: "watch-reads".into(), place: "desk.toml:30".into() }),
                }),
                ..who()
            },
        ),
        (Kind::Heads, Body { heads: vec![reference()], ..Body::default() }),
        (
            Kind::Segment,
            Body {
                segment: Some(SegmentPart {
                    chain: "gw-1".into(),
                    first: 1,
                    last: 3,
                    hash: "0f".repeat(32),
                    file: "gw-1-1-3.jsonl.gz".into(),
                    digest: "5e".repeat(32),
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Restore,
            Body {
                inputs: Some(sealed()),
                heads: vec![reference()],
                operator: Some(OperatorPart {
                    uid: 0,
                    user: Some("root".into()),
                    login_uid: Some(1000),
                    login: Some("kim".into()),
                    host: Some("desk-1".into()),
                }),
                ..Body::default()
            },
        ),
        (
            Kind::Rekey,
            Body {
                inputs: Some(sealed()),
                operator: Some(OperatorPart {
                    uid: 0,
                    user: Some("root".into()),
                    login_uid: Some(1000),
                    login: Some("kim".into()),
                    host: Some("desk-1".into()),
                }),
                ..Body::default()
            },
        ),
    ]
}

#[test]
fn i13_the_bytes_of_every_kind_are_final() {
    let mut prev = Digest::from_bytes([0; 32]);
    let mut written = String::new();
    for (seq, (kind, body)) in (1..).zip(all()) {
        let at = instant(1_784_800_000_000);
        let stand = Stand { chain: "gw-1", seq, prev, at, guard: "1.2.3", owner: "00112233445566778899aabb" };
        let record = bytes(stand, kind, body).unwrap();
        prev = Digest::of(&record);
        written.push_str(std::str::from_utf8(&record).unwrap());
        written.push('\n');
    }
    if option_env!("RENEW_GOLDEN").is_some() {
        std::fs::write("tests/data/ledger-golden/records.jsonl", &written).unwrap();
        return;
    }
    assert_eq!(written, GOLDEN);
}
