//! Recognition as a whole: requests and their verdicts, and what is built from changes.

mod bodies;
mod building;
mod captures;
mod paths;
mod properties;

use super::{
    Operation, Why,
    testing::{INSTANCE, USER, asked},
};
use crate::wire::{ErrorType, RequestTarget};

const FIRST: &str = r#"{"IdentityInfo":{"FirstName":"Mary"}}"#;
const ARN: &str = "arn:aws:connect:us-east-1:111122223333:instance/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";

/// `I`, `U` and `A` in braces stand for the instance, the user and the ARN of the instance, encoded.
fn expand(template: &str) -> String {
    let arn = RequestTarget::encode(ARN);
    template.replace("{I}", INSTANCE).replace("{U}", USER).replace("{A}", &arn)
}

fn why(refused: &Why) -> String {
    match refused {
        Why::OperationUnknown => "unknown".into(),
        Why::OperationForbidden => "forbidden".into(),
        Why::NotServed => "not served".into(),
        Why::Malformed(malformed) if malformed.error == ErrorType::InvalidRequest => "400 form".into(),
        Why::Malformed(malformed) if malformed.error == ErrorType::InvalidParameter => "400 value".into(),
        Why::Malformed(malformed) => malformed.error.status().to_string(),
    }
}

fn verdict(method: &str, target: &str, body: &str) -> String {
    match asked(method, &expand(target), &body.replace("{A}", ARN)) {
        Ok(asked) => {
            let kind = match asked.operation() {
                Operation::Change(_) => "change",
                Operation::Ordinary(_) => "ordinary",
            };
            let key = asked.operation().target().to_string();
            let subject = key.splitn(5, '/').nth(4).unwrap_or_default().replace(USER, "U");
            format!("{kind} {} {subject}", asked.operation().route().operation)
        }
        Err(refused) => why(&refused.why),
    }
}

fn check(rows: &[(&str, &str, &str, &str)]) {
    for (method, target, body, expected) in rows {
        assert_eq!(&verdict(method, target, body), expected, "{method} {target} {body}");
    }
}
