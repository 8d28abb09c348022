//! An export that is verified against heads that somebody kept: whatever was done to it, a record that is not the one that was
//! written is never taken for it. An input that begins with `{` is an export; any other is a list of changes to a genuine
//! one, after which the hashes beside the records, and the links between them, may be written anew.
#![no_main]

use std::sync::LazyLock;

use connect_guard::{
    fuzzing::{Digest, proven},
    notice::RecordRef,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// Chain, number, bytes.
type Record = (String, i64, Vec<u8>);

struct Genuine {
    records: Vec<Record>,
    heads: Vec<RecordRef>,
    export: Vec<u8>,
}

static GENUINE: LazyLock<Genuine> = LazyLock::new(|| {
    let bodies = |chain: &str, before: &[Value]| -> Vec<Value> {
        vec![
            json!({"kind": "start", "policy": "5e"}),
            json!({"kind": "intent", "operation": "UpdateUserIdentityInfo", "lease_until": "2026-07-23T09:47:10.000Z"}),
            json!({"kind": "outcome", "sent": "accepted", "intent": {"chain": chain, "seq": 2, "hash": "@2"}}),
            json!({"kind": "freeze", "freeze": {"id": "f1", "scope": "all"}}),
            json!({"kind": "unfreeze", "freeze": {"id": "f1", "scope": "all", "set": {"chain": chain, "seq": 4, "hash": "@4"}}}),
            json!({"kind": "heads", "heads": before}),
        ]
    };
    let mut genuine = Genuine { records: Vec::new(), heads: Vec::new(), export: Vec::new() };
    let mut before = Vec::new();
    for chain in ["gw-1", "gw-2"] {
        let mut hashes = vec!["0".repeat(64)];
        for (seq, mut record) in (1..).zip(bodies(chain, &before)) {
            record["v"] = json!(1);
            record["chain"] = json!(chain);
            record["seq"] = json!(seq);
            record["prev"] = json!(hashes[hashes.len() - 1]);
            let mut text = record.to_string();
            for (at, hash) in hashes.iter().enumerate() {
                text = text.replace(&format!("\"@{at}\""), &format!("\"{hash}\""));
            }
            hashes.push(Digest::of(text.as_bytes()).hex());
            genuine.records.push((chain.to_owned(), seq, text.into_bytes()));
        }
        let head = RecordRef { chain: chain.to_owned(), seq: 6, hash: hashes[6].clone() };
        before.push(json!({"chain": chain, "seq": 6, "hash": head.hash}));
        genuine.heads.push(head);
    }
    genuine.export = export(&genuine.records, &genuine.heads);
    let (found, records) = proven(&genuine.export, &genuine.heads).expect("an export");
    assert!(found.faults.is_empty() && found.open == 0 && found.freezes.is_empty(), "{found:?}");
    assert_eq!(records, genuine.records);
    genuine
});

fuzz_target!(|octets: &[u8]| {
    let genuine = &*GENUINE;
    let changed = match octets {
        [b'{', ..] => octets.to_vec(),
        [] => genuine.export.clone(),
        [repair, changes @ ..] => repaired(changed(&genuine.export, changes), *repair),
    };
    let Ok((found, records)) = proven(&changed, &genuine.heads) else { return };
    if !found.faults.is_empty() {
        return;
    }
    for head in &genuine.heads {
        let of = |records: &[Record]| -> Vec<Record> {
            records.iter().filter(|(chain, ..)| *chain == head.chain).cloned().collect()
        };
        let (written, shown) = (of(&genuine.records), of(&records));
        // What was closed into a segment is not shown; all that is shown was written, up to the last.
        assert!(!shown.is_empty() && written.ends_with(&shown), "{:?}", found);
        assert!(shown.len() == written.len() || closed(&records, &head.chain), "{found:?}");
    }
});

/// Whether a record says that some of this chain are in a segment.
fn closed(records: &[Record], chain: &str) -> bool {
    records.iter().any(|(_, _, bytes)| {
        let record: Value = serde_json::from_slice(bytes).unwrap_or_default();
        record.pointer("/segment/chain").and_then(Value::as_str) == Some(chain)
    })
}

fn export(records: &[Record], heads: &[RecordRef]) -> Vec<u8> {
    let mut out =
        b"{\"connect_guard_records\":1,\"guard\":\"1.2.3\",\"at\":\"2026-07-23T09:47:10.000Z\"}\n".to_vec();
    for (chain, seq, bytes) in records {
        out.extend(line(&json!(chain), &json!(seq), bytes));
    }
    let heads: Vec<Value> =
        heads.iter().map(|head| json!({"chain": head.chain, "seq": head.seq, "hash": head.hash})).collect();
    out.extend(format!("{}\n", json!({"heads": heads, "records": records.len()})).bytes());
    out
}

fn line(chain: &Value, seq: &Value, bytes: &[u8]) -> Vec<u8> {
    let before =
        format!("{{\"chain\":{chain},\"seq\":{seq},\"hash\":\"{}\",\"record\":", Digest::of(bytes).hex());
    [before.as_bytes(), bytes, b"}\n"].concat()
}

/// Changes of five octets each, some at most: a place, what is done there, and with what.
fn changed(export: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut export = export.to_vec();
    for change in changes.chunks_exact(5).take(16) {
        // Lines that are doubled again and again.
        if export.len() > 24 * 1024 {
            break;
        }
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % (export.len() + 1);
        let with = change[4];
        let lines = || export.split_inclusive(|octet| *octet == b'\n').collect::<Vec<_>>();
        match change[2] % 7 {
            0 if at < export.len() => export[at] ^= with,
            1 if at < export.len() => export[at] = with,
            2 => export.insert(at, with),
            3 if at < export.len() => drop(export.remove(at)),
            4 => export.truncate(at),
            5 => {
                let mut all = lines();
                let (one, other) =
                    (usize::from(change[3]) % all.len().max(1), usize::from(with) % all.len().max(1));
                if !all.is_empty() {
                    all.swap(one, other);
                }
                export = all.concat();
            }
            6 => {
                let mut all = lines();
                let one = usize::from(change[3]) % all.len().max(1);
                if with % 2 == 0 && !all.is_empty() {
                    all.remove(one);
                } else if !all.is_empty() {
                    all.insert(one, all[one]);
                }
                export = all.concat();
            }
            _ => {}
        }
    }
    export
}

/// What somebody does who knows the form: the hashes beside the records, the links, and the last line are made to fit.
fn repaired(export: Vec<u8>, repair: u8) -> Vec<u8> {
    if repair & 3 == 0 {
        return export;
    }
    let mut out = Vec::new();
    let mut last: std::collections::BTreeMap<String, (u64, String)> = std::collections::BTreeMap::new();
    let mut count = 0;
    for text in export.split_inclusive(|octet| *octet == b'\n') {
        let record = serde_json::from_slice::<Value>(text).ok().filter(|value| value.get("record").is_some());
        let Some(mut value) = record else {
            let is_end =
                serde_json::from_slice::<Value>(text).is_ok_and(|value| value.get("heads").is_some());
            if is_end && repair & 4 != 0 {
                let heads: Vec<Value> = last
                    .iter()
                    .map(|(chain, (seq, hash))| json!({"chain": chain, "seq": seq, "hash": hash}))
                    .collect();
                out.extend(format!("{}\n", json!({"heads": heads, "records": count})).bytes());
            } else {
                out.extend(text);
            }
            continue;
        };
        count += 1;
        let chain = value["chain"].as_str().unwrap_or_default().to_owned();
        if let Some(record) = value["record"].as_object_mut().filter(|_| repair & 2 != 0) {
            let prev = last.get(&chain).map_or_else(|| "0".repeat(64), |(_, hash)| hash.clone());
            record.insert("prev".to_owned(), json!(prev));
        }
        let bytes = value["record"].to_string();
        let hash = Digest::of(bytes.as_bytes()).hex();
        last.insert(chain, (value["seq"].as_u64().unwrap_or_default(), hash));
        out.extend(line(&value["chain"], &value["seq"], bytes.as_bytes()));
    }
    out
}
