//! Records in a file: one JSON object a line, in UTF-8.
//!
//! 1. `{"connect_guard_records":1,"guard":VERSION,"at":TIME}`: the form's version, who wrote it and when.
//! 2. `{"chain":NAME,"seq":NUMBER,"hash":HEX,"record":{..}}` for each record, chain by chain in order. `record` is the record
//!    as it is in the store, byte by byte, and `hash` the SHA-256 of these bytes; `"base64":TEXT` stands there instead where
//!    the bytes are no JSON object on one line, which no guard writes.
//! 3. `{"heads":[{"chain":NAME,"seq":NUMBER,"hash":HEX},..],"records":NUMBER}`: where the chains end, and how many records
//!    are in the file so far.
//!
//! An export that is continued has more records behind this line, and another such line. What stands behind the last one
//! was cut off while it was written. A segment is the same for a part of one chain, compressed (gzip, RFC 1952).

mod read;
mod write;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::IgnoredAny};

pub use self::write::{ExportFault, Exported};
pub(in crate::ledger) use self::{
    read::{Lines, Read},
    write::{Sheet, new, synced},
};
use crate::{notice::RecordRef, secret::Digest, store::RecordRow};

/// The version of the form.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    connect_guard_records: u32,
    guard: String,
    at: String,
}

/// What stands before a record, and the whole line where `base64` holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    chain: String,
    seq: i64,
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    base64: Option<String>,
}

/// What stands between the two.
const RECORD: &[u8] = b",\"record\":";

/// Where the chains end.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::ledger) struct End {
    pub(in crate::ledger) heads: Vec<RecordRef>,
    pub(in crate::ledger) records: u64,
}

/// The line of a record, with its end.
pub(in crate::ledger) fn line(row: &RecordRow, hash: Digest) -> serde_json::Result<Vec<u8>> {
    let plain = is_object(&row.bytes) && !row.bytes.iter().any(|octet| *octet < b' ');
    let base64 = (!plain).then(|| STANDARD.encode(&row.bytes));
    let before = Row { chain: row.chain.clone(), seq: row.seq, hash: hash.hex(), base64 };
    let mut line = serde_json::to_vec(&before)?;
    if plain {
        line.pop();
        line.extend_from_slice(RECORD);
        line.extend_from_slice(&row.bytes);
        line.push(b'}');
    }
    line.push(b'\n');
    Ok(line)
}

/// The record of a line, and the hash that stands beside it.
fn read(line: &[u8]) -> Option<(RecordRow, String)> {
    let line = line.strip_suffix(b"\n")?;
    // In a text before it there would be `\` before the quotation marks.
    let at = line.windows(RECORD.len()).position(|part| part == RECORD);
    let Some((before, record)) = at.and_then(|at| line.split_at_checked(at)) else {
        let Row { chain, seq, hash, base64 } = serde_json::from_slice(line).ok()?;
        return Some((RecordRow { chain, seq, bytes: STANDARD.decode(base64?).ok()? }, hash));
    };
    let bytes = record.strip_prefix(RECORD)?.strip_suffix(b"}")?;
    let row: Row = serde_json::from_slice(&[before, b"}"].concat()).ok()?;
    let read = is_object(bytes) && row.base64.is_none();
    read.then(|| (RecordRow { chain: row.chain, seq: row.seq, bytes: bytes.to_vec() }, row.hash))
}

/// Whether this is one JSON object, without anything around it.
fn is_object(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{") && bytes.ends_with(b"}") && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bytes: &[u8]) -> RecordRow {
        RecordRow { chain: "gw-1".into(), seq: 1, bytes: bytes.to_vec() }
    }

    #[test]
    fn a_record_stands_in_its_line_as_it_is() {
        let row = row(br#"{"a":"b c"}"#);
        let line = line(&row, Digest::of(b"")).unwrap();
        let hash = Digest::of(b"").hex();
        let expected =
            format!("{{\"chain\":\"gw-1\",\"seq\":1,\"hash\":\"{hash}\",\"record\":{{\"a\":\"b c\"}}}}\n");
        assert_eq!(String::from_utf8(line.clone()).unwrap(), expected);
        assert_eq!(read(&line), Some((row, hash)));
    }

    #[test]
    fn what_is_no_object_on_one_line_is_there_all_the_same() {
        let all =
            [&b"{no json}"[..], b" {}", b"{} ", b"{\"a\":\n1}", b"[1]", b"{", b"}", b"{}}", b"", b"\xff"];
        for bytes in all {
            let row = row(bytes);
            let line = line(&row, Digest::of(bytes)).unwrap();
            let shown = String::from_utf8_lossy(&line).into_owned();
            assert_eq!(line.iter().position(|octet| *octet == b'\n'), Some(line.len() - 1), "{shown}");
            let object: serde_json::Value = serde_json::from_slice(&line).expect(&shown);
            assert!(object["base64"].is_string() && object.get("record").is_none(), "{shown}");
            assert_eq!(read(&line), Some((row, Digest::of(bytes).hex())));
        }
    }

    #[test]
    fn a_line_that_holds_a_record_twice_or_something_else_is_none() {
        let line =
            |rest: &str| read(format!("{{\"chain\":\"gw-1\",\"seq\":1,\"hash\":\"00\"{rest}}}\n").as_bytes());
        assert!(line(r#","record":{}"#).is_some() && line(r#","base64":"e30=""#).is_some());
        for none in [
            r#","base64":"e30=","record":{}"#,
            r#","record":{},"base64":"e30=""#,
            r#","record":[1]"#,
            r#","record":{}{}"#,
            r#","base64":"?""#,
            "",
        ] {
            assert!(line(none).is_none(), "{none}");
        }
    }
}
