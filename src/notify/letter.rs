//! One message, built: addresses only as plain ones, never with a name that somebody chose (a line break in a name makes
//! lettre panic, a NUL makes it lose the recipient), text first, HTML second.

use std::time::{Duration, UNIX_EPOCH};

use lettre::{
    Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};

use super::unsent::Unsent;
use crate::{
    notice::{Delivery, Rendered, ascii},
    operation::Address,
};

/// A message and its envelope.
pub(super) struct Letter {
    pub(super) from: lettre::Address,
    pub(super) to: lettre::Address,
    /// The message in octets, lines ended by CRLF, not yet dot-stuffed. ASCII.
    pub(super) octets: Vec<u8>,
}

impl Letter {
    /// Builds it. A repeat has the same `Message-ID` and `Date`: the time at which it was found.
    pub(super) fn new(
        delivery: &Delivery,
        rendered: Rendered,
        from: &Address,
        domain: &str,
    ) -> Result<Self, Unsent> {
        let recipient = Address::read(&delivery.recipient).map_err(|_| Unsent::Address)?;
        let (from, to) = (mailbox(from)?, mailbox(&recipient)?);
        let millis = u64::try_from(delivery.at).unwrap_or_default();
        let event = format!("{}; record={}", delivery.kind, delivery.record);
        let message = Message::builder()
            .from(Mailbox::new(None, from.clone()))
            .to(Mailbox::new(None, to.clone()))
            .subject(rendered.subject.header())
            .date(UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(format!("<{}@{domain}>", token(&delivery.message_id))))
            // RFC 3834 section 5: nobody's absence answers it.
            .raw_header(header(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated"))
            // RFC 2919.
            .raw_header(header(HeaderName::new_from_ascii_str("List-Id"), &format!("<{domain}>")))
            .raw_header(header(HeaderName::new_from_ascii_str("X-Connect-Guard-Event"), &event))
            .multipart(
                MultiPart::alternative()
                    .singlepart(SinglePart::plain(rendered.text))
                    .singlepart(SinglePart::html(rendered.html)),
            )
            .map_err(Unsent::Message)?;
        Ok(Self { from, to, octets: message.formatted() })
    }
}

fn mailbox(address: &Address) -> Result<lettre::Address, Unsent> {
    lettre::Address::new(address.local(), address.domain()).map_err(|_| Unsent::Address)
}

fn header(name: HeaderName, value: &str) -> HeaderValue {
    HeaderValue::new(name, ascii(value, 200))
}

/// The left side of a `Message-ID` with nothing in it that could end it.
fn token(text: &str) -> String {
    text.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.'))
        .take(100)
        .collect()
}
