//! The door to STS's answers: see `crate::fuzzing`.

use bytes::Bytes;

use super::{StsHost, answer};
use crate::{caller::Principal, client::Answer};

/// Whom an answer of this status, type and body proves, asked of the STS of `us-east-1` by a guard of the account
/// 111122223333.
pub fn identified(status: u16, kind: &str, body: &[u8]) -> Option<Principal> {
    let headers = vec![("content-type".to_owned(), kind.to_owned())];
    let answer = Answer { status, headers, body: Bytes::copy_from_slice(body) };
    answer::read(&answer, StsHost::of("us-east-1")?, |account| account == "111122223333").ok()
}
