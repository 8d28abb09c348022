//! The door to what mail servers and receivers of webhooks answer: see `crate::fuzzing`. Each speaks out of a script, which
//! ends or goes on for ever.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::{Builder, Runtime},
};

use super::{
    Hook, HookFormat, HookOptions, MailTls,
    connect::over,
    letter::Letter,
    mail::hand_over,
    pace::Pace,
    unsent::{Step, Unsent, Verdict},
};
use crate::{clock::Now, secret::Secret};

/// What came of it.
pub struct Ended {
    /// What the other side said when it took the message; or why not, and what that means for the message: `channel`,
    /// `message` or `never`.
    pub told: Result<String, (String, &'static str)>,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Octets of the script that were taken.
    pub taken: usize,
}

/// Octets that the other side says, so many at a time; then nothing more, or all of it again.
struct Script {
    octets: Vec<u8>,
    at: usize,
    piece: usize,
    again: bool,
    /// Whether it waits until it is spoken to.
    silent: bool,
    waiting: Option<Waker>,
    taken: Arc<AtomicUsize>,
}

/// A mail server that says this.
///
/// # Errors
/// When there is no runtime.
pub fn mail(octets: &[u8], implicit: bool, piece: usize, again: bool) -> io::Result<Ended> {
    let (script, taken) = Script::new(octets, piece, again, false);
    let tls = if implicit { MailTls::Implicit } else { MailTls::StartTls };
    let told = runtime()?.block_on(async {
        let pace = Pace::new(Duration::from_secs(30));
        let mut connection = over(script, tls, &pace).await?;
        let credentials = Credentials::new("guard".to_owned(), "password".to_owned());
        let auth = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
        let auth = pace.step(Step::Auth, auth).await?;
        auth.map_err(|source| Unsent::Refused { step: Step::Auth, source })?;
        let address = |local| lettre::Address::new(local, "example.com").map_err(|_| Unsent::Address);
        let octets = b"Subject: x\r\n\r\n.\r\n".to_vec();
        let letter = Letter { from: address("guard")?, to: address("mary")?, octets };
        hand_over(&mut connection, letter, &pace, None).await.map(|taken| taken.reply)
    });
    Ok(ended(told, &taken))
}

/// A receiver that answers this, at a moment in 1994.
///
/// # Errors
/// When there is no runtime.
pub fn webhook(octets: &[u8], piece: usize, again: bool) -> io::Result<Ended> {
    let options = HookOptions {
        url: Secret::new(b"https://hooks.example.com/guard".to_vec()),
        secrets: Vec::new(),
        format: HookFormat::Slack,
        ca_file: None,
        private: Vec::new(),
        timeout: Duration::from_secs(20),
    };
    thread_local!(static HOOK: std::cell::OnceCell<Option<Arc<Hook>>> = const { std::cell::OnceCell::new() });
    let hook = HOOK.with(|hook| hook.get_or_init(|| Hook::new(&options).ok().map(Arc::new)).clone());
    let hook = hook.ok_or_else(|| io::Error::other("there is no receiver"))?;
    let (script, taken) = Script::new(octets, piece, again, true);
    let now = Now::from(jiff::Timestamp::from_second(784_111_740).map_err(io::Error::other)?);
    let told = runtime()?.block_on(hook.hear(script, now));
    Ok(ended(told, &taken))
}

fn ended(told: Result<String, Unsent>, taken: &AtomicUsize) -> Ended {
    let retry_after = told.as_ref().err().and_then(Unsent::retry_after);
    let told = told.map_err(|unsent| {
        let verdict = match unsent.verdict() {
            Verdict::Channel => "channel",
            Verdict::Message => "message",
            Verdict::Never => "never",
        };
        (unsent.to_string(), verdict)
    });
    Ended { told, retry_after, taken: taken.load(Ordering::Relaxed) }
}

fn runtime() -> io::Result<Arc<Runtime>> {
    thread_local!(static RUNTIME: std::cell::OnceCell<Arc<Runtime>> = const { std::cell::OnceCell::new() });
    RUNTIME.with(|kept| {
        if let Some(runtime) = kept.get() {
            return Ok(Arc::clone(runtime));
        }
        let runtime = Arc::new(Builder::new_current_thread().enable_time().build()?);
        Ok(Arc::clone(kept.get_or_init(|| runtime)))
    })
}

impl Script {
    fn new(octets: &[u8], piece: usize, again: bool, silent: bool) -> (Self, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let script = Self {
            octets: octets.to_vec(),
            at: 0,
            piece: piece.max(1),
            again: again && !octets.is_empty(),
            silent,
            waiting: None,
            taken: Arc::clone(&taken),
        };
        (script, taken)
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.silent {
            self.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        if self.again && self.at == self.octets.len() {
            self.at = 0;
        }
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let now = rest.get(..self.piece.min(buffer.remaining())).unwrap_or(rest);
        let now = now.get(..buffer.remaining()).unwrap_or(now);
        buffer.put_slice(now);
        let length = now.len();
        self.at += length;
        self.taken.fetch_add(length, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.silent = false;
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
