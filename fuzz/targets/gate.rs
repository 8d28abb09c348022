//! The gate: what it makes of octets depends on them alone, however they are cut into reads; and a head that it lets through
//! is read in the same way by httparse and by a reader that knows nothing but CR LF, blanks and colons.
#![no_main]

use connect_guard::wire::{Gate, GateBounds, Malformed, Step};
use connect_guard_fuzz::Dice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let mut dice = Dice::of(octets);
    let bounds = match dice.below(4) {
        0 => GateBounds { head: 200, target: 24, headers: 4 },
        _ => GateBounds::default(),
    };
    let whole = fed(octets, bounds, || usize::MAX);
    let most = 1 + dice.below(12);
    let cut = fed(octets, bounds, || 1 + dice.below(most));
    assert_eq!(whole, cut);
    read(&octets[..whole.0], bounds);
});

/// How many octets were released, and why no more.
fn fed(octets: &[u8], bounds: GateBounds, mut piece: impl FnMut() -> usize) -> (usize, Option<Malformed>) {
    let mut gate = Gate::new(bounds);
    let (mut from, mut to) = (0, 0);
    loop {
        match gate.step(&octets[from..to]) {
            Step::Release(count) => {
                assert!(count > 0 && count <= to - from);
                from += count;
            }
            Step::Refuse(fault) => {
                assert_eq!(gate.step(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Step::Refuse(fault.clone()));
                return (from, Some(fault));
            }
            Step::Need if to == octets.len() => return (from, None),
            Step::Need => to += piece().min(octets.len() - to),
        }
    }
}

/// Reads what was released: heads, each with its body; the last body may be cut off.
fn read(mut octets: &[u8], bounds: GateBounds) {
    while !octets.is_empty() {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n").expect("a head has an end") + 4;
        let (head, rest) = octets.split_at(end);
        assert!(head.len() <= bounds.head);
        let length = body_length(head, bounds);
        octets = rest.get(length..).unwrap_or_default();
    }
}

fn body_length(head: &[u8], bounds: GateBounds) -> usize {
    let text = std::str::from_utf8(head).expect("ASCII");
    assert!(text.is_ascii());
    let mut lines = text.strip_suffix("\r\n\r\n").expect("its end").split("\r\n");
    let request: Vec<&str> = lines.next().expect("a request line").split(' ').collect();
    let [method, target, "HTTP/1.1"] = request[..] else { panic!("{request:?}") };
    assert!(["GET", "POST", "PUT", "DELETE"].contains(&method));
    assert!(target.starts_with('/') && target.len() <= bounds.target && !target.contains('#'));
    let fields: Vec<(&str, &str)> = lines
        .map(|line| line.split_once(':').expect("a colon"))
        .map(|(name, value)| (name, value.trim_matches([' ', '\t'])))
        .collect();
    assert!(fields.len() <= bounds.headers);

    let mut room = [httparse::EMPTY_HEADER; 256];
    let mut request = httparse::Request::new(&mut room);
    assert_eq!(request.parse(head), Ok(httparse::Status::Complete(head.len())));
    assert_eq!((request.method, request.path, request.version), (Some(method), Some(target), Some(1)));
    let read: Vec<(&str, &[u8])> = request.headers.iter().map(|field| (field.name, field.value)).collect();
    let meant: Vec<(&str, &[u8])> = fields.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    assert_eq!(read, meant);

    let of = |wanted: &str| -> Vec<&str> {
        fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value).collect()
    };
    assert!(of("transfer-encoding").is_empty() && of("upgrade").is_empty());
    assert_eq!(of("host").len(), 1);
    match of("content-length")[..] {
        [] => 0,
        [length] => {
            assert!(length.bytes().all(|digit| digit.is_ascii_digit()), "{length}");
            length.parse().expect("a number")
        }
        _ => panic!("two lengths"),
    }
}
