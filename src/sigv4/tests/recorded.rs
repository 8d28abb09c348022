//! Requests from files: recorded ones (CRLF) and those of the published vectors (LF, folded lines, no space after `:`).
//! Lenient on purpose: what must be refused has to be read first.

use std::{fs, path::Path};

use crate::secret::Secret;

use super::super::{Claimed, Mismatch, Signable, verify};

/// One request, names in lower case, values trimmed.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    pub(super) file: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Recorded {
    /// Every recorded request of a client, by file name.
    pub(super) fn captures() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "raw"))
            .collect();
        names.sort();
        names.iter().map(|name| Self::read(&format!("captures/{name}"))).collect()
    }

    /// The first request of a file under `tests/data`.
    pub(super) fn read(path: &str) -> Self {
        let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)).unwrap();
        let crlf = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|end| (end, end + 4));
        let lf = bytes.windows(2).position(|window| window == b"\n\n").map(|end| (end, end + 2));
        let (end, start) = crlf.or(lf).unwrap_or((bytes.len(), bytes.len()));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.lines();
        let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
        let (target, _version) = rest.rsplit_once(' ').unwrap();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if let (true, Some((_, value))) = (line.starts_with(' '), headers.last_mut()) {
                value.push(' ');
                value.push_str(line.trim());
            } else {
                let (name, value) = line.split_once(':').unwrap();
                headers.push((name.to_lowercase(), value.trim().to_owned()));
            }
        }
        let mut body = bytes[start..].to_vec();
        if crlf.is_some() {
            let length = headers.iter().find(|(name, _)| name == "content-length");
            body.truncate(length.map_or(0, |(_, value)| value.parse().unwrap()));
        }
        Self { file: path.to_owned(), method: method.to_owned(), target: target.to_owned(), headers, body }
    }

    /// The first value of a header.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// What the request says of its signature, kept for as long as the tests run; none when it has no `authorization`.
    pub(super) fn claimed(&self) -> Option<Claimed<'static>> {
        self.value("authorization")
            .map(|value| Claimed::read(value.to_owned().leak()).unwrap_or_else(|fault| panic!("{fault}")))
    }

    /// Whether `claimed` is its signature under `secret`.
    pub(super) fn verify(&self, claimed: &Claimed<'_>, secret: &str) -> Result<(), Mismatch> {
        let headers = self.fields();
        let signable =
            Signable { method: &self.method, target: &self.target, headers: &headers, body: &self.body };
        let date = self.value("x-amz-date").unwrap_or_default();
        verify(claimed, signable, date, &Secret::new(secret.as_bytes().to_vec()))
    }

    /// The header fields, borrowed.
    pub(super) fn fields(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}
