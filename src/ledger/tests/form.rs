//! The form of a record, whatever is in it.

use super::*;
use crate::ledger::record::{Body, Kind, Stand, bytes, instant};

#[test]
fn i7_a_record_is_one_line_whatever_is_in_it() {
    let hostile = "a\r\nb\u{2028}\u{85}\"\\\0c";
    let body = Body { operation: Some(hostile.into()), ..Body::default() };
    let prev = Digest::from_bytes([0; 32]);
    let stand = Stand { chain: "c", seq: 1, prev, at: instant(0), guard: "1", owner: "o" };
    let record = bytes(stand, Kind::Ordinary, body).unwrap();
    assert!(record.iter().all(|byte| *byte >= 0x20));
    let back: serde_json::Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(back["operation"], hostile);
}

#[test]
fn i11_times_are_written_to_the_millisecond_in_utc() {
    assert_eq!(instant(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(instant(1_784_800_000_001), "2026-07-23T09:46:40.001Z");
}
