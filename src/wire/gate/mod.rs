//! The gate before hyper: reads each request head as bytes and lets it through only when it has one reading.
//!
//! hyper alone accepts Content-Length together with Transfer-Encoding, two Hosts, bare LF, fragments and the absolute
//! form (measured); each of these is a way for two readers to see two requests. RFC 9112 sections 2.2, 3.2, 5, 6.
//!
//! Octet by octet the gate looks for what no head may hold; the complete head is then read by `inspect`. So the answer
//! depends on the octets alone, never on how they were cut into reads. The gate never changes an octet.

mod inspect;

#[cfg(test)]
mod cutting;
#[cfg(test)]
mod tests;

use super::{ErrorType, Malformed};

/// How much a head may hold.
#[derive(Debug, Clone, Copy)]
pub struct GateBounds {
    /// Octets of the whole head, from the first of the method to the empty line. Default 32 KiB.
    pub head: usize,
    /// Octets of the request target. Default 8 KiB.
    pub target: usize,
    /// Header lines. Default 100, at most 256.
    pub headers: usize,
}

impl Default for GateBounds {
    fn default() -> Self {
        Self { head: 32 * 1024, target: 8 * 1024, headers: 100 }
    }
}

/// What to do next with the bytes given so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing to release before more has been read.
    Need,
    /// So many octets from the front are released.
    Release(usize),
    /// One reading is not to be had. Nothing more of this connection is read.
    Refuse(Malformed),
}

/// The gate of one connection. It is given bytes and says how many of them hyper may see.
#[derive(Debug)]
pub struct Gate {
    bounds: GateBounds,
    state: State,
}

#[derive(Debug)]
enum State {
    /// In a head, of which so much has been looked at.
    Head(Scan),
    /// In a body, of which so much is to come; never 0.
    Body(u64),
    Refused(Malformed),
}

/// How far a head has been looked at, and what the last octets were.
#[derive(Debug, Clone, Copy, Default)]
struct Scan {
    seen: usize,
    last: Last,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    /// Nothing yet.
    #[default]
    Nothing,
    /// An octet within a line.
    Text,
    /// CR within a line.
    Cr,
    /// CR LF: a line has ended.
    Line,
    /// CR LF CR.
    LineCr,
}

/// What looking at the next octets found.
enum Seen {
    /// The head goes on.
    Unfinished(Scan),
    /// The head ends after so many octets.
    End(usize),
}

impl Gate {
    /// A gate at the start of a connection.
    pub fn new(bounds: GateBounds) -> Self {
        Self { bounds, state: State::Head(Scan::default()) }
    }

    /// Looks at `held`, everything read and not yet released. Costs no more than linear time over the life of a head
    /// however finely it is cut. What is released must be gone from the front of `held` at the next call. Once it has
    /// refused it refuses for ever, with the same words.
    pub fn step(&mut self, held: &[u8]) -> Step {
        match &mut self.state {
            State::Refused(fault) => Step::Refuse(fault.clone()),
            State::Body(_) if held.is_empty() => Step::Need,
            State::Body(left) => {
                let released = usize::try_from(*left).unwrap_or(usize::MAX).min(held.len());
                let left = left.saturating_sub(released as u64);
                self.state = after(left);
                Step::Release(released)
            }
            State::Head(scan) => {
                let read = scan.go_on(held, self.bounds.head).and_then(|seen| match seen {
                    Seen::Unfinished(scan) => Ok((State::Head(scan), Step::Need)),
                    Seen::End(end) => {
                        let body = inspect::head(held.get(..end).unwrap_or(held), self.bounds)?;
                        Ok((after(body), Step::Release(end)))
                    }
                });
                let (state, step) = match read {
                    Ok(next) => next,
                    Err(fault) => (State::Refused(fault.clone()), Step::Refuse(fault)),
                };
                self.state = state;
                step
            }
        }
    }
}

/// What comes when `left` octets of a body are to come.
fn after(left: u64) -> State {
    if left == 0 { State::Head(Scan::default()) } else { State::Body(left) }
}

impl Scan {
    /// Looks at what has not been looked at yet, up to the end of the head or the first octet that no head may hold.
    fn go_on(mut self, held: &[u8], most: usize) -> Result<Seen, Malformed> {
        let within = held.get(..most).unwrap_or(held);
        while let Some((byte, rest)) = within.get(self.seen..).and_then(<[u8]>::split_first) {
            self.seen += 1;
            let ended = self.last == Last::LineCr;
            self.last = self.last.then(*byte)?;
            if ended {
                return Ok(Seen::End(self.seen));
            }
            // Most of a head is text, which changes nothing.
            if self.last == Last::Text {
                self.seen += rest.iter().take_while(|byte| is_text(**byte)).count();
            }
        }
        if within.len() < held.len() {
            let why = format!("the head is larger than {most} octets");
            return Err(Malformed::with(ErrorType::HeadTooLarge, why));
        }
        Ok(Seen::Unfinished(self))
    }
}

/// Whether an octet is one within a line, and says nothing of its end.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e)
}

impl Last {
    /// What the last octets are when `byte` follows.
    fn then(self, byte: u8) -> Result<Self, Malformed> {
        let refuse = |why: &str| Err(Malformed::form(format!("head: {why}")));
        match (self, byte) {
            (Self::Cr | Self::LineCr, b'\n') => Ok(Self::Line),
            (Self::Cr | Self::LineCr, _) => refuse("a CR without LF"),
            (Self::Nothing, b'\r' | b'\n') => refuse("a line end before the request line"),
            (Self::Line, b'\r') => Ok(Self::LineCr),
            (Self::Text, b'\r') => Ok(Self::Cr),
            (_, b'\n') => refuse("an LF without CR"),
            (Self::Line, b' ' | b'\t') => refuse("a line that begins with white space"),
            (_, byte) if is_text(byte) => Ok(Self::Text),
            (_, 0x80..) => refuse("an octet that is not ASCII"),
            (_, _) => refuse("a control character"),
        }
    }
}
