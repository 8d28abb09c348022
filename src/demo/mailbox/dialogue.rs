//! One connection: SMTP (RFC 5321) as far as handing in a message needs it, with STARTTLS (RFC 3207), AUTH PLAIN and LOGIN
//! (RFC 4954, 4616), and SIZE (RFC 1870).

use std::io;

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use super::{Fault, Letter, Protection, Shared};

/// Longest command line, in octets (AUTH PLAIN included).
const LONGEST_LINE: u64 = 12_288;

/// What is known of the client so far.
#[derive(Default)]
struct State {
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// What comes after a command.
enum Then {
    Next,
    StartTls,
    End,
}

/// Lines in, lines out.
struct Wire<S>(BufReader<S>);

/// Holds the dialogue to its end.
pub(super) async fn hold(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    match shared.protection {
        Protection::Implicit => inside(shared, Wire::new(secured(shared, stream).await?), true).await,
        Protection::StartTls => {
            let mut wire = Wire::new(stream);
            unless_silent(shared, "greeting").await;
            wire.say("220 mailbox ESMTP").await?;
            if !outside(shared, &mut wire).await? {
                return Ok(());
            }
            // What was sent ahead in clear is dropped with the reader (RFC 3207 section 4.2).
            let stream = secured(shared, wire.0.into_inner()).await?;
            inside(shared, Wire::new(stream), false).await
        }
    }
}

async fn secured(shared: &Shared, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    unless_silent(shared, "tls").await;
    shared.acceptor.accept(stream).await
}

/// Never comes back when this is to stay unanswered.
async fn unless_silent(shared: &Shared, what: &str) {
    if matches!(shared.fault(), Fault::Silent(silent) if silent == what) {
        std::future::pending::<()>().await;
    }
}

/// In clear: nothing but greeting, leaving, and the way into TLS; whether that way was taken.
async fn outside(shared: &Shared, wire: &mut Wire<TcpStream>) -> io::Result<bool> {
    while let Some(line) = wire.line().await? {
        let offered = shared.fault() != Fault::NoStartTls;
        unless_silent(shared, &verb(&line)).await;
        match verb(&line).as_str() {
            "EHLO" if offered => wire.say("250-mailbox\r\n250-STARTTLS\r\n250 ENHANCEDSTATUSCODES").await?,
            "EHLO" => wire.say("250-mailbox\r\n250 AUTH PLAIN LOGIN").await?,
            "STARTTLS" if offered => {
                wire.say("220 go ahead").await?;
                if let Fault::Injected(replies) = shared.fault() {
                    wire.say(replies).await?;
                }
                return Ok(true);
            }
            "NOOP" => wire.say("250 2.0.0 ok").await?,
            "QUIT" => {
                wire.say("221 2.0.0 bye").await?;
                return Ok(false);
            }
            _ => wire.say("530 5.7.0 must issue a STARTTLS command first").await?,
        }
    }
    Ok(false)
}

async fn inside<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    mut wire: Wire<S>,
    greet: bool,
) -> io::Result<()> {
    if greet {
        wire.say("220 mailbox ESMTP").await?;
    }
    let mut state = State::default();
    while let Some(line) = wire.line().await? {
        match command(shared, &mut wire, &mut state, &line).await? {
            Then::Next => {}
            Then::StartTls => wire.say("503 5.5.1 in TLS already").await?,
            Then::End => break,
        }
    }
    wire.0.shutdown().await
}

async fn command<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    wire: &mut Wire<S>,
    state: &mut State,
    line: &str,
) -> io::Result<Then> {
    let fault = shared.fault();
    unless_silent(shared, &verb(line)).await;
    match verb(line).as_str() {
        said if matches!(fault, Fault::Says(asked, _) if asked == said) => {
            if let Fault::Says(_, reply) = fault {
                wire.say(reply).await?;
            }
        }
        "EHLO" => {
            let size = shared.size;
            wire.say(&format!(
                "250-mailbox\r\n250-SIZE {size}\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN LOGIN"
            ))
            .await?;
        }
        "STARTTLS" => return Ok(Then::StartTls),
        "AUTH" if fault == Fault::SilentAuth => std::future::pending().await,
        "AUTH" => auth(shared, wire, state, line).await?,
        "NOOP" => wire.say("250 2.0.0 ok").await?,
        "RSET" => {
            state.from = None;
            state.to.clear();
            wire.say("250 2.0.0 ok").await?;
        }
        "QUIT" => {
            wire.say("221 2.0.0 bye").await?;
            return Ok(Then::End);
        }
        "MAIL" | "RCPT" | "DATA" if shared.credentials.is_some() && state.user.is_none() => {
            wire.say("530 5.7.0 authentication required").await?;
        }
        "MAIL" => match path(line) {
            _ if shared.happens(busy) => {
                wire.say("451 4.3.2 busy, come back later").await?;
                shared.refusals.send_modify(|count| *count += 1);
            }
            Some(from) => {
                state.from = Some(from);
                state.to.clear();
                wire.say("250 2.1.0 ok").await?;
            }
            None => wire.say("501 5.5.4 no path").await?,
        },
        "RCPT" => match (path(line), &state.from) {
            (Some(to), Some(_)) if fault == Fault::Unknown(to.clone()) => {
                wire.say(&format!("550 5.1.1 <{to}>: no such mailbox")).await?;
            }
            (Some(to), Some(_)) if matches!(&fault, Fault::Refused(refused, _) if *refused == to) => {
                if let Fault::Refused(_, reply) = fault {
                    wire.say(reply).await?;
                }
            }
            (Some(_), Some(_)) if fault == Fault::RelayDenied => {
                wire.say("550 5.7.1 relaying denied").await?;
            }
            (Some(to), Some(_)) => {
                state.to.push(to);
                wire.say("250 2.1.5 ok").await?;
            }
            (_, None) => wire.say("503 5.5.1 MAIL first").await?,
            (None, _) => wire.say("501 5.5.4 no path").await?,
        },
        "DATA" => return data(shared, wire, state).await,
        _ => wire.say("502 5.5.2 what?").await?,
    }
    Ok(Then::Next)
}

async fn auth<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    wire: &mut Wire<S>,
    state: &mut State,
    line: &str,
) -> io::Result<()> {
    let mut words = line.split_whitespace().skip(1);
    let (mechanism, initial) = (words.next().unwrap_or_default().to_ascii_uppercase(), words.next());
    let given = match mechanism.as_str() {
        "PLAIN" => {
            let response = match initial {
                Some(response) => decoded(response),
                None => wire.ask("").await?,
            };
            let mut parts = response.split('\0').skip(1).map(str::to_owned);
            parts.next().zip(parts.next())
        }
        "LOGIN" => {
            let user = match initial {
                Some(user) => decoded(user),
                None => wire.ask("Username:").await?,
            };
            Some((user, wire.ask("Password:").await?))
        }
        _ => return wire.say("504 5.5.4 PLAIN or LOGIN").await,
    };
    match given {
        Some(given)
            if shared.fault() != Fault::WrongPassword
                && shared.credentials.as_ref().is_none_or(|known| *known == given) =>
        {
            state.user = Some(given.0);
            wire.say("235 2.7.0 welcome").await
        }
        _ => wire.say("535 5.7.8 wrong user name or password").await,
    }
}

async fn data<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    wire: &mut Wire<S>,
    state: &mut State,
) -> io::Result<Then> {
    let Some(from) = state.from.clone().filter(|_| !state.to.is_empty()) else {
        wire.say("503 5.5.1 MAIL and RCPT first").await?;
        return Ok(Then::Next);
    };
    wire.say("354 end with a dot").await?;
    let Some(raw) = wire.content(shared.size).await? else {
        wire.say("552 5.3.4 too long").await?;
        return Ok(Then::Next);
    };
    if let Fault::Content(reply) = shared.fault() {
        wire.say(reply).await?;
        return Ok(Then::Next);
    }
    let letter = Letter { from, to: std::mem::take(&mut state.to), raw, user: state.user.clone() };
    state.from = None;
    shared.keep(letter);
    if matches!(shared.fault(), Fault::DownAfter(most) if shared.letters.borrow().len() >= most) {
        shared.fault.send_replace(Fault::Down);
    }
    if shared.happens(dropped) {
        return Ok(Then::End);
    }
    if shared.happens(silent) {
        std::future::pending::<()>().await;
    }
    wire.say("250 2.0.0 ok: kept").await?;
    Ok(Then::Next)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// One line without its end; none at the end of the connection, and after a line that is too long.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.0).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        Ok(line.strip_suffix(b"\r\n").map(|line| String::from_utf8_lossy(line).into_owned()))
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.0.flush().await
    }

    /// A challenge and its decoded response.
    async fn ask(&mut self, challenge: &str) -> io::Result<String> {
        self.say(&format!("334 {}", STANDARD.encode(challenge))).await?;
        Ok(decoded(&self.line().await?.unwrap_or_default()))
    }

    /// Lines up to the one that is a single dot between two CRLF; a bare LF ends nothing. None when it is too long.
    async fn content(&mut self, size: usize) -> io::Result<Option<Vec<u8>>> {
        let mut content = Vec::new();
        let mut fits = true;
        let mut at_start = true;
        loop {
            let mut line = Vec::new();
            if (&mut self.0).take(LONGEST_LINE).read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if at_start && line == b".\r\n" {
                return Ok(fits.then_some(content));
            }
            let plain = if at_start { line.strip_prefix(b".").unwrap_or(&line) } else { &line };
            at_start = line.ends_with(b"\r\n");
            fits = fits && content.len() + plain.len() <= size;
            if fits {
                content.extend_from_slice(plain);
            }
        }
    }
}

fn verb(line: &str) -> String {
    line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}

/// What stands between `<` and `>`.
fn path(line: &str) -> Option<String> {
    line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| path.to_owned())
}

fn decoded(text: &str) -> String {
    STANDARD.decode(text).map(|octets| String::from_utf8_lossy(&octets).into_owned()).unwrap_or_default()
}

fn busy(fault: &mut Fault) -> Option<&mut u32> {
    if let Fault::Busy(left) = fault { Some(left) } else { None }
}

fn dropped(fault: &mut Fault) -> Option<&mut u32> {
    if let Fault::DropAfterContent(left) = fault { Some(left) } else { None }
}

fn silent(fault: &mut Fault) -> Option<&mut u32> {
    if let Fault::SilentContent(left) = fault { Some(left) } else { None }
}
