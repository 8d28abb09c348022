//! What STS's query protocol answers with, as any AWS SDK reads it: one result, or one error.
//!
//! Source: STS API, `AssumeRoleWithWebIdentity` and "Common errors". Everything in it is escaped.

use crate::{
    caller::Issued,
    wire::{Body, Reply, RequestId},
};

/// The namespace of STS.
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// What a web identity was exchanged for, besides the credentials.
pub(super) struct Assumed<'a> {
    /// `sub`.
    pub(super) subject: &'a str,
    /// The one of `aud` that is the guard's.
    pub(super) audience: &'a str,
    /// `iss`.
    pub(super) provider: &'a str,
    /// `arn:P:sts::A:assumed-role/ROLE/NAME`, with the name that was asked for.
    pub(super) arn: String,
    /// As STS writes it, `ID:NAME`; the id is the session's.
    pub(super) id: String,
}

/// The answer to `AssumeRoleWithWebIdentity`.
pub(super) fn assumed(assumed: &Assumed<'_>, issued: &Issued, request: &RequestId) -> Reply {
    let secret = issued.secret.expose_str().unwrap_or_default();
    let credentials = [
        element("AccessKeyId", &issued.access_key_id),
        element("SecretAccessKey", secret),
        element("SessionToken", &issued.token),
        element("Expiration", &super::grant::expiration(issued.expires)),
    ];
    let user = [element("AssumedRoleId", &assumed.id), element("Arn", &assumed.arn)];
    let result = [
        element("SubjectFromWebIdentityToken", assumed.subject),
        element("Audience", assumed.audience),
        within("AssumedRoleUser", &user.concat()),
        within("Credentials", &credentials.concat()),
        element("Provider", assumed.provider),
    ];
    let text = format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"{NAMESPACE}\">{}{}</AssumeRoleWithWebIdentityResponse>",
        within("AssumeRoleWithWebIdentityResult", &result.concat()),
        within("ResponseMetadata", &element("RequestId", request.as_str())),
    );
    reply(200, text, request)
}

/// An error.
pub(super) fn error(status: u16, code: &str, message: &str, request: &RequestId) -> Reply {
    let blame = if status < 500 { "Sender" } else { "Receiver" };
    let inner = [element("Type", blame), element("Code", code), element("Message", message)];
    let text = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\">{}{}</ErrorResponse>",
        within("Error", &inner.concat()),
        element("RequestId", request.as_str()),
    );
    reply(status, text, request)
}

fn reply(status: u16, text: String, request: &RequestId) -> Reply {
    let headers = vec![
        ("content-type", "text/xml".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-amzn-requestid", request.as_str().to_owned()),
    ];
    Reply { status, headers, body: Body::Whole(text.into()), close: false }
}

fn within(name: &str, inner: &str) -> String {
    format!("<{name}>{inner}</{name}>")
}

fn element(name: &str, text: &str) -> String {
    within(name, &escape(text))
}

/// Characters that XML 1.0 has no place for become `?`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => out.push('?'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reply: Reply) -> String {
        let Body::Whole(body) = reply.body else { panic!("not whole") };
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn an_error_has_the_form_of_sts() {
        let reply = error(400, "InvalidIdentityToken", "a <b> & \"c\"\r\n", &RequestId::from("r-1"));
        assert_eq!(reply.status, 400);
        assert_eq!(
            text(reply),
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>InvalidIdentityToken</Code><Message>a &lt;b&gt; &amp; &quot;c&quot;??</Message></Error>\
             <RequestId>r-1</RequestId></ErrorResponse>"
        );
        assert!(text(error(503, "ServiceUnavailable", "", &RequestId::from("r"))).contains("Receiver"));
    }

    #[test]
    fn what_is_written_can_be_read_whatever_is_in_it() {
        for message in ["]]>", "\u{0}\u{1}\u{b}\u{fffe}", "</Message><Code>x</Code>", "\u{1f600}"] {
            let text = text(error(400, "C", message, &RequestId::from("r")));
            let read = roxmltree::Document::parse(&text).unwrap();
            assert_eq!(read.descendants().filter(|node| node.has_tag_name((NAMESPACE, "Code"))).count(), 1);
        }
    }
}
