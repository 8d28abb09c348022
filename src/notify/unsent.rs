//! Why a message is not handed in, and whether trying again can help.
//!
//! lettre calls a wrong password as permanent as an unknown mailbox (both are 5yz replies). Only what the server says of
//! the *recipient* may end a delivery; everything else is ours or the server's to mend, and the message waits.

use std::{error::Error, fmt, io, time::Duration};

use lettre::transport::smtp;

use super::mail::without_addresses;
use crate::notice::RenderFault;

/// Where in the dialogue (RFC 5321).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The greeting and EHLO.
    Hello,
    /// AUTH (RFC 4954).
    Auth,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before the content.
    Data,
    /// The content: if no reply came, the server may have taken it.
    Content,
}

/// Why a message is not handed in.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// It cannot be put into words.
    Words(RenderFault),
    /// It cannot be made a message.
    Message(lettre::error::Error),
    /// An address that SMTP cannot carry.
    Address,
    /// Not done in the time for one message.
    Timeout(Duration),
    /// The server cannot be reached, or went away before TLS.
    Unreachable(io::Error),
    /// What answers does not speak SMTP.
    NotSmtp,
    /// The server does not offer STARTTLS or refuses it: nothing is sent in clear.
    NoStartTls,
    /// TLS failed: an unknown CA, another name.
    Tls(io::Error),
    /// The server said no, or nothing, at this step.
    Refused {
        /// Where.
        step: Step,
        /// What it said.
        source: smtp::Error,
    },
    /// A library panicked.
    Panicked,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It can.
    Again,
    /// The server will never take mail for this recipient.
    Never,
}

impl Unsent {
    /// Whether trying again can help.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Refused { step, source } => refused(*step, source),
            Self::Words(_)
            | Self::Message(_)
            | Self::Address
            | Self::Timeout(_)
            | Self::Unreachable(_)
            | Self::NotSmtp
            | Self::NoStartTls
            | Self::Tls(_)
            | Self::Panicked => Verdict::Again,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hello => "EHLO",
            Self::Auth => "AUTH",
            Self::Sender => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "the content",
        })
    }
}

/// Names no address: what the server says is shown without them.
impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(fault) => fault.fmt(f),
            Self::Message(_) => f.write_str("the message cannot be built"),
            Self::Address => f.write_str("the recipient's address is not a plain one"),
            Self::Timeout(after) => write!(f, "not handed in within {} s", after.as_secs_f32()),
            Self::Unreachable(source) => write!(f, "the mail server cannot be reached: {source}"),
            Self::NotSmtp => f.write_str("what answers is not a mail server"),
            Self::NoStartTls => {
                f.write_str("the mail server does not offer STARTTLS, and nothing is sent in clear")
            }
            Self::Tls(source) => write!(f, "TLS with the mail server failed: {source}"),
            Self::Refused { step, source } => {
                write!(f, "the mail server did not accept {step}: {}", without_addresses(&said(source)))
            }
            Self::Panicked => f.write_str("the attempt ended in a panic"),
        }
    }
}

impl Error for Unsent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Words(source) => Some(source),
            Self::Message(source) => Some(source),
            Self::Unreachable(source) | Self::Tls(source) => Some(source),
            Self::Refused { source, .. } => Some(source),
            Self::Address | Self::Timeout(_) | Self::NotSmtp | Self::NoStartTls | Self::Panicked => None,
        }
    }
}

/// A permanent refusal of the recipient is final: at RCPT unless it is about policy or authentication (RFC 3463 X.7.z,
/// 530, 535 and the like are about us), later only where an enhanced code says that it is about the mailbox (X.1.z, X.2.z).
fn refused(step: Step, source: &smtp::Error) -> Verdict {
    let code = source.status().map(u16::from);
    let said = source.source().map(ToString::to_string).unwrap_or_default();
    let about = |class: &str| said.split_whitespace().any(|word| word.starts_with(class));
    let of_mailbox = about("5.1.") || about("5.2.");
    match (step, code) {
        (Step::Recipient, Some(550 | 551 | 552 | 553 | 556)) if of_mailbox || !about("5.") => Verdict::Never,
        (Step::Content, Some(550 | 551 | 552 | 553 | 554 | 556)) if of_mailbox => Verdict::Never,
        (Step::Hello | Step::Auth | Step::Sender | Step::Recipient | Step::Data | Step::Content, _) => {
            Verdict::Again
        }
    }
}

fn said(error: &smtp::Error) -> String {
    let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    error.status().map_or_else(|| words.clone(), |code| format!("{code} {words}"))
}
