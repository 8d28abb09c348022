//! Mail over SMTP: STARTTLS required or implicit TLS, never opportunistic; every step under a timeout of its own, every
//! message under one for all of them.
//!
//! lettre's timeout covers connecting only, and its pool takes a connection back on which a reply is still outstanding:
//! the next message would then be believed on the reply to the last. So connections are kept here: one returns to the
//! idle ones after a message that was accepted, and in no other case.

use std::{
    error::Error,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::AsyncSmtpConnection,
    commands,
    response::Response,
};

use super::{
    connect::Connector,
    letter::Letter,
    pace::Pace,
    turn::{Taken, Turn, Waiting},
    unsent::{Step, Unsent},
    words::Words,
};
use crate::{
    client::TrustFault,
    crash::{Point, point},
    notice::{Delivery, ascii},
    operation::Address,
    secret::Secret,
};

/// Connections kept open for the next message.
const IDLE: usize = 6;
/// First digit of a reply to what is done (RFC 5321 section 4.2.1).
const DONE: u16 = 2;
/// First digit of the reply to DATA before the content.
const GO_ON: u16 = 3;
/// An idle connection that is older is closed.
const IDLE_FOR: Duration = Duration::from_mins(1);

/// How the connection is protected. There is no way to send in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailTls {
    /// STARTTLS, required (RFC 3207).
    StartTls,
    /// TLS from the first octet (RFC 8314).
    Implicit,
}

/// Where mail is handed in.
pub(crate) struct MailOptions {
    /// The server's name, verified against its certificate.
    pub host: String,
    /// Its port; 587 for STARTTLS and 465 for implicit TLS by default.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Trust these CAs (PEM) instead of the platform's.
    pub ca_file: Option<PathBuf>,
    /// User name and password for AUTH (RFC 4954), sent over TLS only.
    pub credentials: Option<(String, Secret)>,
    /// The sender's address, in `From` and in the envelope.
    pub from: Address,
    /// `List-Id` and the right side of `Message-ID`: this guard's name, a domain.
    pub domain: String,
    /// For one message, from connecting to the last reply. Default 30 s.
    pub timeout: Duration,
}

/// The mail channel.
pub(crate) struct Mail {
    connector: Connector,
    credentials: ArcSwapOption<Credentials>,
    from: Address,
    domain: String,
    timeout: Duration,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// The mail channel cannot be set up.
#[derive(Debug)]
pub(crate) enum MailFault {
    /// The host is neither a DNS name nor an IP address.
    Host(String),
    /// The domain is not one: letters, digits, hyphens and dots.
    Domain(String),
    /// There is nothing to trust.
    Trust(TrustFault),
    /// The password is not UTF-8 (RFC 4616).
    Password,
}

impl Mail {
    /// Sets the channel up; reads the CA file; connects to nothing.
    ///
    /// # Errors
    /// When nothing could ever be sent with these options.
    pub(crate) fn new(options: MailOptions) -> Result<Self, MailFault> {
        let MailOptions { host, port, tls, ca_file, credentials, from, domain, timeout } = options;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if domain.is_empty() || domain.len() > 253 || !domain.bytes().all(plain) {
            return Err(MailFault::Domain(domain));
        }
        let credentials = ArcSwapOption::from(read(credentials)?.map(Arc::new));
        let connector = Connector::new(host, port, tls, ca_file.as_deref(), &domain)?;
        Ok(Self { connector, credentials, from, domain, timeout, idle: Mutex::default() })
    }

    /// From now on AUTH uses these; connections that were authenticated with others are closed.
    ///
    /// # Errors
    /// When the password is not UTF-8; then nothing is replaced.
    pub(crate) fn replace_credentials(&self, credentials: Option<(String, Secret)>) -> Result<(), MailFault> {
        self.credentials.store(read(credentials)?.map(Arc::new));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    /// Puts a delivery into words and hands it in, its content when it is its turn.
    ///
    /// # Errors
    /// When the server has not taken the message, or may have taken it and did not say so.
    pub(super) async fn hand_in(
        &self,
        words: &Words,
        delivery: &Delivery,
        waiting: Option<&Waiting>,
    ) -> Result<Taken, Unsent> {
        let letter = Letter::new(delivery, words.of(delivery)?, &self.from, &self.domain)?;
        self.send(letter, &Pace::new(self.timeout), waiting).await
    }

    /// Connects, TLS, AUTH, NOOP, QUIT; hands nothing in.
    ///
    /// # Errors
    /// When nothing could be handed in now.
    pub(crate) async fn check(&self) -> Result<(), Unsent> {
        let pace = Pace::new(self.timeout);
        let mut connection = self.connect(&pace).await?;
        let noop = pace.step(Step::Noop, connection.command(commands::Noop)).await?;
        noop.map_err(|source| Unsent::Refused { step: Step::Noop, source })?;
        // Whether the server says goodbye is nobody's concern.
        drop(pace.step(Step::Quit, connection.quit()).await);
        Ok(())
    }

    async fn send(&self, letter: Letter, pace: &Pace, waiting: Option<&Waiting>) -> Result<Taken, Unsent> {
        let mut connection = match self.idle_connection(pace).await {
            Some(connection) => connection,
            None => self.connect(pace).await?,
        };
        let taken = hand_over(&mut connection, letter, pace, waiting).await?;
        self.idle(connection);
        Ok(taken)
    }

    async fn connect(&self, pace: &Pace) -> Result<AsyncSmtpConnection, Unsent> {
        let mut connection = self.connector.connect(pace).await?;
        if let Some(credentials) = self.credentials.load_full() {
            let auth = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
            pace.step(Step::Auth, auth)
                .await?
                .map_err(|source| Unsent::Refused { step: Step::Auth, source })?;
        }
        Ok(connection)
    }

    /// The connection used last, when it still answers.
    async fn idle_connection(&self, pace: &Pace) -> Option<AsyncSmtpConnection> {
        loop {
            let (mut connection, since) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if since.elapsed() < IDLE_FOR
                && pace.step(Step::Noop, connection.test_connected()).await.unwrap_or(false)
            {
                return Some(connection);
            }
        }
    }

    fn idle(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE_FOR);
        if idle.len() < IDLE && !connection.has_broken() {
            idle.push((connection, Instant::now()));
        }
    }
}

impl fmt::Display for MailFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(f, "`{host}` is neither a DNS name nor an IP address"),
            Self::Domain(domain) => write!(f, "`{domain}` is not a domain"),
            Self::Trust(fault) => fault.fmt(f),
            Self::Password => f.write_str("the password for mail is not UTF-8"),
        }
    }
}

impl Error for MailFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Trust(fault) => Some(fault),
            Self::Host(_) | Self::Domain(_) | Self::Password => None,
        }
    }
}

/// Hands one message in; gives what the server answered when it took it, without any address, and the turn it had.
pub(super) async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    letter: Letter,
    pace: &Pace,
    waiting: Option<&Waiting>,
) -> Result<Taken, Unsent> {
    point(Point::MailBegin);
    let steps = [
        (Step::Sender, DONE, commands::Mail::new(Some(letter.from), Vec::new()).to_string()),
        (Step::Recipient, DONE, commands::Rcpt::new(letter.to, Vec::new()).to_string()),
        (Step::Data, GO_ON, commands::Data.to_string()),
    ];
    for (step, class, command) in steps {
        let said = pace.step(step, connection.command(command)).await?;
        of_class(said.map_err(|source| Unsent::Refused { step, source })?, class)?;
    }
    let turn = match waiting {
        Some(waiting) => waiting.turn().await,
        None => Turn::default(),
    };
    point(Point::MailContent);
    let reply = pace
        .step(Step::Content, connection.message(&letter.octets))
        .await?
        .map_err(|source| Unsent::Refused { step: Step::Content, source })?;
    let reply = of_class(reply, DONE)?;
    point(Point::MailTaken);
    let words: Vec<_> = reply.message().collect();
    let reply = format!("{} {}", reply.code(), without_addresses(&words.join(" ")));
    Ok(Taken { reply, turn })
}

/// lettre takes 354 for a yes to anything, and 250 for an invitation: with one reply too many a message would count as
/// accepted by the reply to DATA.
fn of_class(reply: Response, class: u16) -> Result<Response, Unsent> {
    if u16::from(reply.code()) / 100 == class { Ok(reply) } else { Err(Unsent::NotSmtp) }
}

fn read(credentials: Option<(String, Secret)>) -> Result<Option<Credentials>, MailFault> {
    let Some((user, password)) = credentials else { return Ok(None) };
    let password = password.expose_str().ok_or(MailFault::Password)?;
    Ok(Some(Credentials::new(user, password.to_owned())))
}

/// What a server says, for the record: at most 200 characters of visible ASCII, and no word with an `@` in it.
pub(super) fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains('@') { "<address>" } else { word });
    ascii(&words.collect::<Vec<_>>().join(" "), 200)
}
