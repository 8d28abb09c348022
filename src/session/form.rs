//! A body of STS's query protocol: `application/x-www-form-urlencoded`, each member once, whatever the letter case
//!. What nobody took is unknown, and an error.

use crate::wire::{Headers, Occurs};

/// Members of a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

/// Why a body is no form; the message is for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FormFault {
    /// Another `content-type`.
    ContentType,
    /// Not a list of `name=value`, each percent-encoded UTF-8 without control characters.
    Encoding,
    /// A member is there twice, in one letter case or in two; its name.
    Doubled(String),
    /// A member that this operation does not have here; its name.
    Unknown(String),
    /// A member is missing.
    Missing(&'static str),
    /// A member has a value that it cannot have.
    Value(&'static str),
    /// Not the action that is served here.
    Action,
}

/// Members of one body.
const MEMBERS_MAX: usize = 16;
/// Characters of a name that a message quotes.
const SHOWN: usize = 64;

impl Form {
    /// Reads a body.
    pub(super) fn read(headers: &Headers, body: &[u8]) -> Result<Self, FormFault> {
        let Occurs::One(kind) = headers.occurs("content-type") else { return Err(FormFault::ContentType) };
        if !is_form(kind) {
            return Err(FormFault::ContentType);
        }
        let body = std::str::from_utf8(body).map_err(|_| FormFault::Encoding)?;
        let mut members: Vec<(String, String)> = Vec::new();
        for member in body.split('&') {
            let (name, value) = member.split_once('=').ok_or(FormFault::Encoding)?;
            let (name, value) = (decode(name)?, decode(value)?);
            if name.is_empty() || members.len() == MEMBERS_MAX {
                return Err(FormFault::Encoding);
            }
            if members.iter().any(|(known, _)| known.to_lowercase() == name.to_lowercase()) {
                return Err(FormFault::Doubled(shown(&name)));
            }
            members.push((name, value));
        }
        Ok(Self(members))
    }

    /// Takes a member out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes out a member that must be there.
    pub(super) fn need(&mut self, name: &'static str) -> Result<String, FormFault> {
        self.take(name).ok_or(FormFault::Missing(name))
    }

    /// Ends the reading.
    pub(super) fn finish(self) -> Result<(), FormFault> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(FormFault::Unknown(shown(name))),
        }
    }
}

impl FormFault {
    /// The code in STS's form, and the message.
    pub(super) fn said(&self) -> (&'static str, String) {
        match self {
            Self::ContentType => {
                ("MalformedInput", "the content-type is not application/x-www-form-urlencoded".to_owned())
            }
            Self::Encoding => ("MalformedInput", "the body is not a form".to_owned()),
            Self::Doubled(name) => ("MalformedInput", format!("the parameter `{name}` is there twice")),
            Self::Unknown(name) => ("ValidationError", format!("the parameter `{name}` is not supported")),
            Self::Missing("Action") => ("MissingAction", "the request has no Action".to_owned()),
            Self::Missing(name) => ("ValidationError", format!("the parameter `{name}` is missing")),
            Self::Value(name) => ("ValidationError", format!("the parameter `{name}` has no valid value")),
            Self::Action => {
                ("InvalidAction", "the only action is AssumeRoleWithWebIdentity of 2011-06-15".to_owned())
            }
        }
    }
}

fn is_form(kind: &str) -> bool {
    let (kind, parameter) = match kind.split_once(';') {
        None => (kind, None),
        Some((kind, parameter)) => (kind.trim_end(), Some(parameter.trim_start())),
    };
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && parameter.is_none_or(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

fn shown(name: &str) -> String {
    name.chars().take(SHOWN).map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '?' }).collect()
}

/// Decodes `+` and `%XX` once (WHATWG URL, `application/x-www-form-urlencoded` parsing, but strict).
fn decode(text: &str) -> Result<String, FormFault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit =
                    |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|d| u8::try_from(d).ok());
                let (high, low) = digit(rest.next()).zip(digit(rest.next())).ok_or(FormFault::Encoding)?;
                bytes.push(high << 4 | low);
            }
            byte if byte.is_ascii_graphic() => bytes.push(byte),
            _ => return Err(FormFault::Encoding),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| FormFault::Encoding)?;
    if text.chars().any(char::is_control) { Err(FormFault::Encoding) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, body: &str) -> Result<Form, FormFault> {
        let headers = Headers::read([("content-type", kind.as_bytes())]).unwrap();
        Form::read(&headers, body.as_bytes())
    }

    const KIND: &str = "application/x-www-form-urlencoded; charset=utf-8";

    #[test]
    fn v2_a_member_in_two_spellings_is_refused() {
        for body in
            ["Action=a&Action=b", "Action=a&action=b", "ACTION=a&Version=1&Action=a", "%41ction=a&Action=a"]
        {
            assert!(matches!(read(KIND, body), Err(FormFault::Doubled(_))), "{body}");
        }
    }

    #[test]
    fn members_are_decoded_once_and_all_are_taken() {
        let mut form = read(KIND, "Action=A%2bB&RoleArn=arn%3Aaws&X=a+b&Y=%2525").unwrap();
        assert_eq!(form.take("Action").as_deref(), Some("A+B"));
        assert_eq!(form.need("RoleArn").unwrap(), "arn:aws");
        assert_eq!(form.take("X").as_deref(), Some("a b"));
        assert_eq!(form.take("action"), None);
        assert_eq!(form.need("Z"), Err(FormFault::Missing("Z")));
        assert_eq!(form.take("Y").as_deref(), Some("%25"));
        form.finish().unwrap();
        let form = read(KIND, "PolicyArns.member.1=a").unwrap();
        assert_eq!(form.finish(), Err(FormFault::Unknown("PolicyArns.member.1".into())));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in
            ["", "a", "a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "=b", "a=b&", "a=b c", "a=\u{e9}", "a=%0d%0a"]
        {
            assert_eq!(read(KIND, body), Err(FormFault::Encoding), "{body:?}");
        }
        let many = (0..17).map(|n| format!("a{n}=b")).collect::<Vec<_>>().join("&");
        assert_eq!(read(KIND, &many), Err(FormFault::Encoding));
        for kind in ["application/json", "application/x-www-form-urlencoded; charset=utf-16", "text/plain"] {
            assert_eq!(read(kind, "a=b"), Err(FormFault::ContentType), "{kind}");
        }
    }
}
