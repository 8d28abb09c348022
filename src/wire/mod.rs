//! What was received, with one reading or none: the gate over raw heads, the request target, headers, strict JSON,
//! who sent it; and the reply. Pure: no I/O, no clock, no HTTP library but the head parser.

mod gate;
mod headers;
pub mod json;
mod origin;
mod peer;
mod reply;
mod request;
mod target;

pub use gate::{Gate, GateBounds, Step};
pub use headers::{Headers, Occurs};
pub use origin::{Origin, RequestId};
pub use peer::{Peer, PeerCertificate, Require, is_spiffe_id};
pub use reply::{Body, Broken, ErrorType, FAULT, Reply};
pub use request::{Head, Malformed, Method, WireRequest};
pub use target::{QueryPair, RequestTarget, Segment};

/// The most characters of somebody else's text that a message quotes.
const QUOTED: usize = 64;

/// Somebody else's text in backticks, for a message: control characters, backticks and what does not print are escaped,
/// and what is longer than 64 characters is cut.
fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for (at, character) in text.chars().enumerate() {
        if at == QUOTED {
            out.push_str("...");
            break;
        }
        match character {
            '`' => out.extend(character.escape_unicode()),
            '\'' | '"' => out.push(character),
            other => out.extend(other.escape_debug()),
        }
    }
    out.push('`');
    out
}
