//! An embedded mail server for the story and for tests: it takes mail over TLS only, keeps it in memory, and can be told
//! to fail in the ways in which real ones do. It relays nothing.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use crate::demo::certificates::Authority;

mod dialogue;
mod letter;

pub use letter::Letter;

/// How connections are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// STARTTLS (RFC 3207), required before anything else.
    StartTls,
    /// TLS from the first octet (RFC 8314).
    Implicit,
}

/// What goes wrong, until it is healed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing does.
    None,
    /// Connections are refused.
    Down,
    /// So many times: 451 to MAIL FROM.
    Busy(u32),
    /// 550 5.1.1 to this recipient.
    Unknown(String),
    /// This recipient is answered so.
    Refused(String, &'static str),
    /// 550 5.7.1 to every recipient: not about them, but about who sends.
    RelayDenied,
    /// The content is refused with this reply.
    Content(&'static str),
    /// So many times: the connection is dropped after the content, which is kept.
    DropAfterContent(u32),
    /// AUTH is never answered.
    SilentAuth,
    /// AUTH is answered with 535.
    WrongPassword,
    /// STARTTLS is not offered and refused.
    NoStartTls,
    /// Replies in clear follow the reply to STARTTLS, as somebody on the way would put them in.
    Injected(&'static str),
    /// So many times: the content is kept, and its reply never comes.
    SilentContent(u32),
    /// This is never answered: `greeting`, `tls` (the handshake), or a command.
    Silent(&'static str),
    /// This command is answered so.
    Says(&'static str, &'static str),
    /// So many messages are taken; then the mailbox is down.
    DownAfter(usize),
}

/// How the mailbox is set up.
#[derive(Debug, Clone)]
pub struct MailboxOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How connections are protected.
    pub protection: Protection,
    /// User name and password that AUTH must give before mail is taken; none takes mail from everybody.
    pub credentials: Option<(String, String)>,
    /// The names and addresses in its certificate.
    pub names: Vec<String>,
    /// The longest message, in octets (RFC 1870).
    pub size: usize,
}

/// The mailbox. Stops when dropped.
pub struct Mailbox {
    /// Where it listens.
    pub address: SocketAddr,
    /// The CA of its certificate, PEM.
    pub ca_pem: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    protection: Protection,
    credentials: Option<(String, String)>,
    size: usize,
    acceptor: TlsAcceptor,
    fault: watch::Sender<Fault>,
    listening: watch::Sender<bool>,
    letters: watch::Sender<Vec<Letter>>,
    heartbeats: watch::Sender<u32>,
    hang_ups: watch::Sender<u32>,
    refusals: watch::Sender<u32>,
    connections: Mutex<u64>,
}

impl Default for MailboxOptions {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            protection: Protection::StartTls,
            credentials: None,
            names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            size: 1024 * 1024,
        }
    }
}

impl Mailbox {
    /// Makes a CA and a certificate, and listens.
    ///
    /// # Errors
    /// When it cannot listen, or a name is no name.
    pub async fn start(options: MailboxOptions) -> io::Result<Self> {
        let MailboxOptions { listen, protection, credentials, names, size } = options;
        let authority = Authority::new("embedded mailbox")?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let config = authority.issue(&names)?.server(&[])?;
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            protection,
            credentials,
            size,
            acceptor: TlsAcceptor::from(config),
            fault: watch::Sender::new(Fault::None),
            listening: watch::Sender::new(true),
            letters: watch::Sender::new(Vec::new()),
            heartbeats: watch::Sender::new(0),
            hang_ups: watch::Sender::new(0),
            refusals: watch::Sender::new(0),
            connections: Mutex::new(0),
        });
        let accepting = tokio::spawn(accept(Arc::clone(&shared), listener, address));
        Ok(Self { address, ca_pem: authority.pem().to_owned(), shared, accepting })
    }

    /// From now on this goes wrong.
    pub fn fail(&self, fault: Fault) {
        if fault == Fault::Down {
            self.shared.listening.send_replace(false);
        }
        self.shared.fault.send_replace(fault);
    }

    /// Whether nothing is to go wrong here.
    pub fn works(&self) -> bool {
        self.shared.fault() == Fault::None
    }

    /// Closes every connection that is open, as a server does that is started again.
    pub fn hang_up(&self) {
        self.shared.hang_ups.send_modify(|count| *count += 1);
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        self.fail(Fault::None);
    }

    /// Heals, and resolves once it listens again.
    pub async fn healed(&self) {
        self.heal();
        let mut listening = self.shared.listening.subscribe();
        // The sender lives as long as this mailbox, so waiting cannot fail.
        let _ = listening.wait_for(|listening| *listening).await;
    }

    /// Resolves when a heartbeat has come; at once while something is to go wrong here. Heartbeats come by the calendar
    /// and not by what somebody does, so they are counted and not kept with the letters.
    pub async fn heartbeat(&self) {
        if self.works() {
            // The sender lives as long as this mailbox does.
            let _ = self.shared.heartbeats.subscribe().wait_for(|count| *count > 0).await;
        }
    }

    /// What was received, in order, once it is at least `most` letters.
    pub async fn received(&self, most: usize) -> Vec<Letter> {
        let mut letters = self.shared.letters.subscribe();
        // The sender lives as long as this mailbox, so waiting cannot fail.
        letters
            .wait_for(|letters| letters.len() >= most)
            .await
            .map(|letters| letters.clone())
            .unwrap_or_default()
    }

    /// Resolves once at least `most` attempts were told 451.
    pub async fn refusals(&self, most: u32) {
        let mut refusals = self.shared.refusals.subscribe();
        // The sender lives as long as this mailbox, so waiting cannot fail.
        let _ = refusals.wait_for(|count| *count >= most).await;
    }

    /// What was received so far, in order.
    pub fn letters(&self) -> Vec<Letter> {
        self.shared.letters.borrow().clone()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        *self.shared.connections()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// Keeps a letter, or counts a heartbeat.
    fn keep(&self, letter: Letter) {
        if letter.header("X-Connect-Guard-Event").iter().any(|event| event.starts_with("heartbeat;")) {
            self.heartbeats.send_modify(|count| *count += 1);
        } else {
            self.letters.send_modify(|letters| letters.push(letter));
        }
    }

    fn connections(&self) -> MutexGuard<'_, u64> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> Fault {
        self.fault.borrow().clone()
    }

    /// Counts a fault down; whether it was to happen this time.
    fn happens(&self, count: impl Fn(&mut Fault) -> Option<&mut u32>) -> bool {
        let mut happened = false;
        self.fault.send_if_modified(|fault| {
            if let Some(left) = count(fault).filter(|left| **left > 0) {
                *left -= 1;
                happened = true;
            }
            false
        });
        happened
    }
}

/// Accepts until it is aborted, and takes its connections with it. While it is down there is no listener at all.
async fn accept(shared: Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut fault = shared.fault.subscribe();
    let mut hung_up = shared.hang_ups.subscribe();
    let mut listener = Some(listener);
    let mut dialogues = JoinSet::new();
    loop {
        if *fault.borrow_and_update() == Fault::Down {
            listener = None;
            shared.listening.send_replace(false);
            dialogues.abort_all();
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
            shared.listening.send_replace(listener.is_some());
        }
        let Some(open) = &listener else {
            if fault.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            accepted = open.accept() => {
                if let Ok((stream, _)) = accepted {
                    // Replies are short: a failure costs time only.
                    drop(stream.set_nodelay(true));
                    *shared.connections() += 1;
                    let shared = Arc::clone(&shared);
                    dialogues.spawn(async move {
                        if let Err(error) = dialogue::hold(&shared, stream).await {
                            tracing::debug!(%error, "a connection to the mailbox ended");
                        }
                    });
                }
            }
            _ = fault.changed() => {}
            _ = hung_up.changed() => dialogues.abort_all(),
            Some(_) = dialogues.join_next() => {}
        }
    }
}
