//! A letter as it was received, and the little reading of MIME that showing it needs.

use base64::{Engine, engine::general_purpose::STANDARD};

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The content, dots unstuffed, without the final one.
    pub raw: Vec<u8>,
    /// The user who gave a password.
    pub user: Option<String>,
}

impl Letter {
    /// All headers in order, unfolded.
    pub fn headers(&self) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(&self.raw);
        headers(text.split_once("\r\n\r\n").map_or(&*text, |(head, _)| head))
    }

    /// The values of one header.
    pub fn header(&self, name: &str) -> Vec<String> {
        self.headers()
            .into_iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The content types of the parts, in order.
    pub fn types(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.raw);
        self.parts(&text).into_iter().map(|(head, _)| value(&head, "Content-Type")).collect()
    }

    /// The plain text, decoded.
    pub fn text(&self) -> Option<String> {
        self.part("text/plain")
    }

    /// The HTML, decoded.
    pub fn html(&self) -> Option<String> {
        self.part("text/html")
    }

    fn part(&self, media: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.raw);
        let (head, body) =
            self.parts(&text).into_iter().find(|(head, _)| value(head, "Content-Type").starts_with(media))?;
        let body = match value(&head, "Content-Transfer-Encoding").as_str() {
            "base64" => {
                let packed: String = body.split_whitespace().collect();
                String::from_utf8_lossy(&STANDARD.decode(packed).ok()?).into_owned()
            }
            "quoted-printable" => quoted_printable(body),
            _ => body.to_owned(),
        };
        Some(body.replace("\r\n", "\n"))
    }

    /// The parts of a multipart message, or the message itself.
    fn parts<'a>(&self, text: &'a str) -> Vec<(Vec<(String, String)>, &'a str)> {
        let split = |text: &'a str| {
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
            (headers(head), body)
        };
        let kind = self.header("Content-Type").into_iter().next().unwrap_or_default();
        let Some(boundary) = kind.split_once("boundary=").and_then(|(_, rest)| rest.split('"').nth(1)) else {
            return vec![split(text)];
        };
        let between = format!("--{boundary}");
        text.split(&*between)
            .skip(1)
            .take_while(|part| !part.starts_with("--"))
            .map(|part| split(part.trim_start_matches("\r\n")))
            .collect()
    }
}

fn headers(head: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = headers.last_mut()
        {
            value.push(' ');
            value.push_str(line.trim());
        } else {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    headers
}

fn value(head: &[(String, String)], name: &str) -> String {
    head.iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.clone())
        .unwrap_or_default()
}

/// RFC 2045 section 6.7; what is not well-formed is kept as it is.
fn quoted_printable(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut octets = Vec::with_capacity(joined.len());
    let mut pieces = joined.split('=');
    octets.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let decoded = piece
            .split_at_checked(2)
            .and_then(|(digits, rest)| Some((u8::from_str_radix(digits, 16).ok()?, rest)));
        let (octet, rest) = decoded.unwrap_or((b'=', piece));
        octets.push(octet);
        octets.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(raw: &str) -> Letter {
        Letter {
            from: String::new(),
            to: Vec::new(),
            raw: raw.replace('\n', "\r\n").into_bytes(),
            user: None,
        }
    }

    #[test]
    fn headers_are_unfolded() {
        let letter = letter("Subject: a\n b\nX: 1\nx: 2\n\nSubject: no\n");
        assert_eq!(letter.header("subject"), ["a b"]);
        assert_eq!(letter.header("X"), ["1", "2"]);
        assert_eq!(letter.text(), None);
    }

    #[test]
    fn parts_are_decoded() {
        let letter = letter(
            "Content-Type: multipart/alternative;\n boundary=\"b\"\n\n--b\nContent-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: quoted-printable\n\nZo=C3=AB =3D so=\nft\n--b\nContent-Type: text/html\n\
             Content-Transfer-Encoding: base64\n\nPGI+\n--b--\n",
        );
        assert_eq!(letter.text().unwrap().trim_end(), "Zoë = soft");
        assert_eq!(letter.html().unwrap(), "<b>");
        assert_eq!(letter.types().len(), 2);
    }
}
