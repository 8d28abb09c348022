//! Trails of `CloudTrail` as they lie in a bucket: JSON lines, and files with `{"Records": [..]}`, compressed or not, in
//! directories. Every event is given on as it stands there.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// Longest line or file that is read, in octets: a file of a trail has some megabytes.
const LONGEST: u64 = 256 * 1024 * 1024;

/// A file, or every `.json`, `.jsonl` and `.json.gz` below a directory, by name. Gives each event on, and the file and its
/// line or number: where it is written.
pub(super) fn read(path: &Path, each: &mut dyn FnMut(&Value, &str)) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("cannot read `{}`: {error}", path.display());
    if !path.is_dir() {
        return file(path, each);
    }
    let entries = fs::read_dir(path).map_err(fault)?;
    let mut inside = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<PathBuf>, _>>()
        .map_err(fault)?;
    inside.sort();
    for path in inside {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_log = [".json", ".jsonl", ".json.gz", ".jsonl.gz"].iter().any(|end| name.ends_with(end));
        // Digests of a trail's files are no events.
        let is_digest = name.contains("CloudTrail-Digest");
        if !is_digest && (path.is_dir() || is_log) {
            read(&path, each)?;
        }
    }
    Ok(())
}

fn file(path: &Path, each: &mut dyn FnMut(&Value, &str)) -> Result<(), String> {
    let shown = path.display();
    let fault = |error: std::io::Error| format!("cannot read `{shown}`: {error}");
    let file = File::open(path).map_err(fault)?;
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let plain: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = BufReader::new(plain.take(LONGEST));
    let mut whole = String::new();
    let mut number = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).map_err(fault)? == 0 {
            break;
        }
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Value>(&line) {
            Ok(found) if whole.is_empty() => value(&found, &format!("{shown}:{number}"), each)?,
            // A file over several lines is one value.
            Ok(_) | Err(_) => whole.push_str(&line),
        }
    }
    if reader.get_ref().limit() == 0 {
        return Err(format!("`{shown}` is longer than {LONGEST} octets"));
    }
    if whole.is_empty() {
        return Ok(());
    }
    let found = serde_json::from_str(&whole).map_err(|error| format!("`{shown}` is no JSON: {error}"))?;
    value(&found, &shown.to_string(), each)
}

/// One event, or a file of them.
fn value(value: &Value, place: &str, each: &mut dyn FnMut(&Value, &str)) -> Result<(), String> {
    match value.get("Records").or_else(|| value.get("Events")).and_then(Value::as_array) {
        Some(events) => {
            for (number, event) in (1..).zip(events) {
                // `aws cloudtrail lookup-events` gives each event as a text within another object.
                let inner = event.get("CloudTrailEvent").and_then(Value::as_str);
                let inner = inner.and_then(|text| serde_json::from_str(text).ok());
                each(inner.as_ref().unwrap_or(event), &format!("{place}#{number}"));
            }
            Ok(())
        }
        None if value.is_object() => {
            each(value, place);
            Ok(())
        }
        None => Err(format!("`{place}` is no event of CloudTrail")),
    }
}
