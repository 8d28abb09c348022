//! Why a message is not handed in, and what that says of the message and of its channel.
//!
//! lettre calls a wrong password as permanent as an unknown mailbox (both are 5yz replies). Only what the other side says
//! of the *recipient* may end a delivery; everything else is ours or the other side's to mend, and the message waits.

use std::{error::Error, fmt, io, time::Duration};

use lettre::transport::smtp;

use super::{hook::answer, mail::without_addresses};
use crate::{
    client::{ClientError, Failure},
    notice::RenderFault,
};

/// Where in the dialogue (RFC 5321), or the one step of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Name and TCP.
    Connect,
    /// The greeting in clear, before STARTTLS.
    Greeting,
    /// EHLO, and inside TLS the greeting before it.
    Hello,
    /// STARTTLS (RFC 3207).
    StartTls,
    /// The TLS handshake.
    Tls,
    /// AUTH (RFC 4954).
    Auth,
    /// NOOP, before a connection is used again.
    Noop,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before the content.
    Data,
    /// The content: if no reply came, the server may have taken it.
    Content,
    /// QUIT.
    Quit,
    /// A webhook, from the name to the answer's head: if no answer came, the receiver may have taken it.
    Post,
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
    /// A step took too long.
    Timeout {
        /// Which.
        step: Step,
        /// How long it was given.
        after: Duration,
    },
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
    /// The receiver of a webhook gave no answer.
    Hook(ClientError),
    /// The receiver of a webhook answered that it has not taken the message.
    Answered {
        /// The status.
        status: u16,
        /// What it said, without addresses.
        words: String,
        /// How long it asks to be left alone, at most an hour.
        retry_after: Option<Duration>,
    },
    /// A library panicked.
    Panicked,
    /// No channel of this name is configured.
    NoChannel,
    /// Not taken within the time there was for it.
    Late(Duration),
}

/// What is to become of the message, and of the others on its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The channel takes nothing: all that is for it waits.
    Channel,
    /// This message is not taken: it waits, the others go on.
    Message,
    /// The receiver will never take it.
    Never,
}

impl Unsent {
    /// What is to become of the message, and of the others on its channel.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Refused { step, source } => refused(*step, source),
            Self::Answered { status, .. } => answer::verdict(*status),
            Self::Words(_) | Self::Message(_) | Self::Address | Self::Panicked => Verdict::Message,
            Self::Timeout { .. }
            | Self::Unreachable(_)
            | Self::NotSmtp
            | Self::NoStartTls
            | Self::Tls(_)
            | Self::Hook(_)
            | Self::NoChannel
            | Self::Late(_) => Verdict::Channel,
        }
    }

    /// Whether nobody was reached at all: there is no connection, or none in time.
    pub(super) fn reached_nobody(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout { step: Step::Connect, .. } => true,
            Self::Hook(ClientError { why, .. }) => matches!(why, Failure::Connect(_)),
            Self::Timeout { .. }
            | Self::Words(_)
            | Self::Message(_)
            | Self::Address
            | Self::NotSmtp
            | Self::NoStartTls
            | Self::Tls(_)
            | Self::Refused { .. }
            | Self::Answered { .. }
            | Self::Panicked
            | Self::NoChannel
            | Self::Late(_) => false,
        }
    }

    /// How long the receiver asks to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        if let Self::Answered { retry_after, .. } = self { *retry_after } else { None }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Tls => "the TLS handshake",
            Self::Auth => "AUTH",
            Self::Noop => "NOOP",
            Self::Sender => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "the content",
            Self::Quit => "QUIT",
            Self::Post => "the webhook",
        })
    }
}

/// Names no address: what the other side says is shown without them.
impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(fault) => fault.fmt(f),
            Self::Message(_) => f.write_str("the message cannot be built"),
            Self::Address => f.write_str("the recipient's address is not a plain one"),
            Self::Timeout { step, after } => {
                write!(f, "{step} was not answered within {} s", after.as_secs_f32())
            }
            Self::Unreachable(source) => write!(f, "the mail server cannot be reached: {source}"),
            Self::NotSmtp => f.write_str("what answers is not a mail server"),
            Self::NoStartTls => {
                f.write_str("the mail server does not offer STARTTLS, and nothing is sent in clear")
            }
            Self::Tls(source) => write!(f, "TLS with the mail server failed: {source}"),
            Self::Refused { step, source } => {
                write!(f, "the mail server did not accept {step}: {}", without_addresses(&said(source)))
            }
            Self::Hook(source) => write!(f, "the webhook was not answered: {source}"),
            Self::Answered { status, words, .. } => {
                write!(f, "the webhook was answered {status}")?;
                if words.is_empty() { Ok(()) } else { write!(f, ": {words}") }
            }
            Self::Panicked => f.write_str("the attempt ended in a panic"),
            Self::NoChannel => f.write_str("no such channel is configured"),
            Self::Late(patience) => write!(f, "not taken within {} s", patience.as_secs_f32()),
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
            Self::Hook(source) => Some(source),
            Self::Address
            | Self::Timeout { .. }
            | Self::NotSmtp
            | Self::NoStartTls
            | Self::Answered { .. }
            | Self::Panicked
            | Self::NoChannel
            | Self::Late(_) => None,
        }
    }
}

/// What a reply means, step by step.
///
/// | step | reply | verdict |
/// |---|---|---|
/// | RCPT | 550 551 552 553 556 with X.1.z or X.2.z (RFC 3463: the mailbox), or without an enhanced code | never |
/// | RCPT | other 4yz but 421: greylisting, a mailbox that is busy | this message |
/// | RCPT | other 55z: some servers say of a mailbox that they do not have that access is denied | this message |
/// | content | 550 to 556 with X.1.z or X.2.z | never |
/// | content | other 5yz: this text is not wanted | this message |
/// | any | everything else: no reply, 421, busy, X.7.z (authentication: about us) | the channel |
fn refused(step: Step, source: &smtp::Error) -> Verdict {
    let code = source.status().map(u16::from);
    let said = source.source().map(ToString::to_string).unwrap_or_default();
    let about = |class: &str| said.split_whitespace().any(|word| word.starts_with(class));
    let of_mailbox = about("5.1.") || about("5.2.");
    match (step, code) {
        (Step::Recipient, Some(550 | 551 | 552 | 553 | 556)) if of_mailbox || !about("5.") => Verdict::Never,
        (Step::Content, Some(550 | 551 | 552 | 553 | 554 | 556)) if of_mailbox => Verdict::Never,
        (Step::Recipient, Some(420 | 422..=499 | 550..=559)) | (Step::Content, Some(500..=599)) => {
            Verdict::Message
        }
        (_, _) => Verdict::Channel,
    }
}

fn said(error: &smtp::Error) -> String {
    let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    error.status().map_or_else(|| words.clone(), |code| format!("{code} {words}"))
}
