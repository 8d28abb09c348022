//! STS's answer to `GetCallerIdentity`, read strictly: one form, one reading, or nobody is proven.
//!
//! An answer of STS can hold text that a caller chose (a session's name; elsewhere, whole parameters). So nothing is looked for:
//! every element has its place, and whatever else is there, is there twice or comes after it refuses the answer.

use roxmltree::{Document, Node, ParsingOptions};

use crate::{
    caller::{Arn, Principal, Resource},
    client::Answer,
};

use super::{StsHost, xml::NAMESPACE};

/// Octets of an answer; a real one has about 600.
pub(super) const BODY_MAX: usize = 64 * 1024;
/// Nodes of an answer; a real one has about 30.
const NODES_MAX: u32 = 64;
/// Characters of a unique id (IAM API, `idType`).
const ID: std::ops::RangeInclusive<usize> = 16..=128;

/// Why an answer proves nobody. Says nothing that the answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerFault {
    /// STS refuses the proof (403).
    Refused,
    /// STS finds the request wrong, or too frequent (another 4xx).
    Rejected(u16),
    /// STS is not available (5xx), or this is not STS (anything else).
    Status(u16),
    /// Not XML by its `content-type`.
    ContentType,
    /// Longer than 64 KiB.
    TooLong,
    /// Not XML, or XML that can mean more than it shows: a document type, references, instructions, comments.
    Xml,
    /// Another element, another order of elements, a second one, an attribute, text beside elements; where.
    Shape(&'static str),
    /// Not a user's or a role session's ARN (the account's root is none, nor is a federated user).
    Principal,
    /// The unique id is not that of such a principal.
    UniqueId,
    /// The account is not that of the ARN, or not one whose principals get sessions.
    Account,
    /// The ARN is of another partition than STS.
    Partition,
}

/// Who STS says signed the request.
pub(super) fn read(
    answer: &Answer,
    host: StsHost,
    is_served: impl Fn(&str) -> bool,
) -> Result<Principal, AnswerFault> {
    match answer.status {
        200 => {}
        403 => return Err(AnswerFault::Refused),
        status @ 400..=499 => return Err(AnswerFault::Rejected(status)),
        status => return Err(AnswerFault::Status(status)),
    }
    let mut kinds = answer.headers.iter().filter(|(name, _)| name == "content-type");
    let (Some((_, kind)), None) = (kinds.next(), kinds.next()) else { return Err(AnswerFault::ContentType) };
    if !is_xml(kind) {
        return Err(AnswerFault::ContentType);
    }
    if answer.body.len() > BODY_MAX {
        return Err(AnswerFault::TooLong);
    }
    let text = std::str::from_utf8(&answer.body).map_err(|_| AnswerFault::Xml)?;
    let [arn, unique_id, account] = fields(text)?;
    principal(&arn, &unique_id, &account, host, is_served)
}

fn is_xml(kind: &str) -> bool {
    let (kind, parameter) = match kind.split_once(';') {
        None => (kind, None),
        Some((kind, parameter)) => (kind.trim_end(), Some(parameter.trim_start())),
    };
    (kind.eq_ignore_ascii_case("text/xml") || kind.eq_ignore_ascii_case("application/xml"))
        && parameter.is_none_or(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

/// `Arn`, `UserId`, `Account`.
fn fields(text: &str) -> Result<[String; 3], AnswerFault> {
    // Only the declaration may begin so, and only at the beginning. No value here needs a reference.
    let rest = match text.strip_prefix("<?xml ") {
        Some(rest) => rest.split_once("?>").ok_or(AnswerFault::Xml)?.1,
        None => text,
    };
    if rest.contains("<!") || rest.contains("<?") || rest.contains('&') {
        return Err(AnswerFault::Xml);
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|_| AnswerFault::Xml)?;
    let root = named(document.root_element(), "GetCallerIdentityResponse")?;
    let (mut results, mut metadata) = (Vec::new(), 0_u8);
    for child in elements(root)? {
        match child.tag_name().name() {
            "GetCallerIdentityResult" => results.push(named(child, "GetCallerIdentityResult")?),
            "ResponseMetadata" if metadata == 0 => {
                metadata += 1;
                let inner = elements(named(child, "ResponseMetadata")?)?;
                let [id] = inner.as_slice() else { return Err(AnswerFault::Shape("metadata")) };
                text_of(named(*id, "RequestId")?)?;
            }
            _ => return Err(AnswerFault::Shape("response")),
        }
    }
    let [result] = results.as_slice() else { return Err(AnswerFault::Shape("result")) };
    let mut found: [Option<String>; 3] = [None, None, None];
    let [arn, unique_id, account] = &mut found;
    for child in elements(*result)? {
        let (slot, name) = match child.tag_name().name() {
            "Arn" => (&mut *arn, "Arn"),
            "UserId" => (&mut *unique_id, "UserId"),
            "Account" => (&mut *account, "Account"),
            _ => return Err(AnswerFault::Shape("member")),
        };
        if slot.replace(text_of(named(child, name)?)?).is_some() {
            return Err(AnswerFault::Shape("doubled"));
        }
    }
    match found {
        [Some(arn), Some(unique_id), Some(account)] => Ok([arn, unique_id, account]),
        _ => Err(AnswerFault::Shape("missing")),
    }
}

/// The element, when it is this one of STS's and has no attribute.
fn named<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> Result<Node<'a, 'input>, AnswerFault> {
    let right = node.has_tag_name((NAMESPACE, name)) && node.attributes().len() == 0;
    if right { Ok(node) } else { Err(AnswerFault::Shape("name")) }
}

/// The elements in one that holds nothing else but white space.
fn elements<'a, 'input>(node: Node<'a, 'input>) -> Result<Vec<Node<'a, 'input>>, AnswerFault> {
    let mut found = Vec::new();
    for child in node.children() {
        if child.is_element() {
            found.push(child);
        } else if !(child.is_text() && child.text().is_some_and(|text| text.trim_ascii().is_empty())) {
            return Err(AnswerFault::Shape("text"));
        }
    }
    Ok(found)
}

/// The text of an element that holds nothing else.
fn text_of(node: Node<'_, '_>) -> Result<String, AnswerFault> {
    let mut children = node.children();
    match (children.next(), children.next()) {
        (Some(only), None) if only.is_text() => Ok(only.text().unwrap_or_default().to_owned()),
        _ => Err(AnswerFault::Shape("value")),
    }
}

fn principal(
    arn: &str,
    unique_id: &str,
    account: &str,
    host: StsHost,
    is_served: impl Fn(&str) -> bool,
) -> Result<Principal, AnswerFault> {
    let arn = Arn::read(arn).map_err(|_| AnswerFault::Principal)?;
    let unique_id = match &arn.resource {
        Resource::User(_) => Some(unique_id).filter(|id| is_id(id, "AIDA")),
        Resource::Session { session, .. } => unique_id
            .split_once(':')
            .filter(|(id, name)| is_id(id, "AROA") && name == session)
            .map(|(id, _)| id),
        // STS names a role's sessions, never the role.
        Resource::Role(_) => return Err(AnswerFault::Principal),
    };
    let unique_id = unique_id.ok_or(AnswerFault::UniqueId)?.to_owned();
    if arn.account != account || !is_served(account) {
        return Err(AnswerFault::Account);
    }
    if arn.partition != host.partition {
        return Err(AnswerFault::Partition);
    }
    Ok(Principal { arn, unique_id: Some(unique_id) })
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.starts_with(prefix)
        && ID.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
