//! The gate over a connection's life: phases, pipelining, and that cutting changes nothing.

use proptest::prelude::*;

use super::*;

const GET: &str = "GET /users/i/u HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Head,
    Body,
    Refused,
}

fn phase(gate: &Gate) -> Phase {
    match &gate.state {
        State::Head(Scan { seen: 0, .. }) => Phase::Idle,
        State::Head(_) => Phase::Head,
        State::Body(_) => Phase::Body,
        State::Refused(_) => Phase::Refused,
    }
}

/// Feeds `bytes` in pieces of the given sizes (the last repeated) and gives what was released and the refusal, if any.
pub(super) fn feed(bytes: &[u8], cuts: &[usize], bounds: GateBounds) -> (Vec<u8>, Option<Malformed>, Phase) {
    let mut gate = Gate::new(bounds);
    let (mut held, mut released, mut given) = (Vec::new(), Vec::new(), 0);
    let mut sizes = cuts.iter().copied().chain(std::iter::repeat(cuts.last().copied().unwrap_or(1)));
    loop {
        match gate.step(&held) {
            Step::Release(count) => released.extend(held.drain(..count)),
            Step::Refuse(fault) => {
                assert_eq!(
                    gate.step(b"GET / HTTP/1.1\r\n\r\n"),
                    Step::Refuse(fault.clone()),
                    "refused for ever"
                );
                assert_eq!(gate.step(b""), Step::Refuse(fault.clone()));
                return (released, Some(fault), phase(&gate));
            }
            Step::Need if given == bytes.len() => return (released, None, phase(&gate)),
            Step::Need => {
                let next = (given + sizes.next().unwrap().max(1)).min(bytes.len());
                held.extend_from_slice(&bytes[given..next]);
                given = next;
            }
        }
    }
}

#[test]
fn c18_pipelined_requests_are_judged_one_by_one() {
    let post = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    let good = format!("{post}{GET}{post}{post}");
    assert_eq!(feed(good.as_bytes(), &[11], GateBounds::default()), (good.into_bytes(), None, Phase::Idle));
    let bytes = format!("{post}{GET}GET /b#y HTTP/1.1\r\nHost: h\r\n\r\n{GET}");
    let (released, fault, _) = feed(bytes.as_bytes(), &[7], GateBounds::default());
    assert_eq!(released, format!("{post}{GET}").as_bytes(), "what came before the bad one is released");
    assert!(fault.is_some());
}

#[test]
fn a_body_is_released_as_it_comes() {
    let mut gate = Gate::new(GateBounds::default());
    assert_eq!(phase(&gate), Phase::Idle);
    assert_eq!(gate.step(b""), Step::Need);
    assert_eq!(phase(&gate), Phase::Idle);
    assert_eq!(gate.step(b"PO"), Step::Need);
    assert_eq!(phase(&gate), Phase::Head);
    let head = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(gate.step(head.as_bytes()), Step::Release(head.len()));
    assert_eq!(phase(&gate), Phase::Body);
    assert_eq!(gate.step(b""), Step::Need);
    assert_eq!(gate.step(b"\r\n"), Step::Release(2));
    assert_eq!(phase(&gate), Phase::Body);
    assert_eq!(gate.step(b"\0\xff!GET"), Step::Release(3));
    assert_eq!(phase(&gate), Phase::Idle);
    assert_eq!(gate.step(b"GET"), Step::Need);
    assert_eq!(phase(&gate), Phase::Head);
}

#[test]
fn each_octet_is_looked_at_once() {
    let bounds = GateBounds { head: 1 << 20, ..GateBounds::default() };
    let mut gate = Gate::new(bounds);
    let mut held = b"GET /a HTTP/1.1\r\nX: ".to_vec();
    // Quadratic time would be half a million times a million octets here.
    for _ in 0..(1 << 20) - held.len() {
        held.push(b'a');
        assert_eq!(gate.step(&held), Step::Need);
    }
    held.push(b'a');
    assert!(matches!(gate.step(&held), Step::Refuse(_)));
}

/// Octets near to what heads look like: good ones, good ones with one octet changed, and noise.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "GET /a HTTP/1.1\r\n",
        "POST /a?x=1 HTTP/1.1\r\n",
        "post /a HTTP/1.1\r\n",
        "Host: h\r\n",
        "Host: a, b\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 05\r\n",
        "Transfer-Encoding: chunked\r\n",
        "X: y\r\n",
        "X_Y: z\r\n",
        " fold\r\n",
        "\r\n",
        "\n",
        "\r",
        "hello",
        "\0",
        "\u{e9}",
        "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    ]);
    let built = prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![4 => built, 1 => prop::collection::vec(any::<u8>(), 0..64)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn cutting_changes_nothing(bytes in streams(), cuts in prop::collection::vec(1..20usize, 1..20)) {
        let bounds = GateBounds { head: 120, target: 12, headers: 4 };
        let whole = feed(&bytes, &[bytes.len()], bounds);
        prop_assert_eq!(&feed(&bytes, &cuts, bounds), &whole);
        prop_assert_eq!(&feed(&bytes, &[1], bounds), &whole);
        prop_assert!(bytes.starts_with(&whole.0), "the gate changes no octet");
    }

    /// What the gate lets through, hyper's own parser reads as exactly one head of the same length.
    #[test]
    fn a_mutated_head_has_one_reading_or_none(at in 0..GET.len(), byte in any::<u8>()) {
        let mut bytes = GET.as_bytes().to_vec();
        bytes[at] = byte;
        let (released, fault, _) = feed(&bytes, &[3], GateBounds::default());
        if fault.is_none() && !released.is_empty() {
            let mut room = [httparse::EMPTY_HEADER; 4];
            let mut request = httparse::Request::new(&mut room);
            prop_assert_eq!(request.parse(&bytes), Ok(httparse::Status::Complete(released.len())));
            prop_assert_eq!(request.headers.len(), 1);
        }
    }
}
