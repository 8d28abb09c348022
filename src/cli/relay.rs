//! `relay`: the sidecar, until it is told to stop.

use std::{
    future::{Future, pending},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Exit,
    check::{self, Unread},
    logs, online,
    output::Output,
    serve::{Told, keep_memory, runtime_of_one},
};
use crate::{
    clock::Clock,
    config::{Located, RelayAt, RelayFile, RelayListen},
    diagnostic::{Fault, Faults},
    relay::Relay,
    server::{
        Measurements, Options, Protection, Reason, Server, StatusOptions, StatusServer, Tls, Watched,
        supervisor,
    },
};

/// Why it does not serve.
enum Failed {
    Invalid(Faults),
    Said(String),
}

/// Relays.
pub(super) fn relay(named: Option<&Path>, output: Output) -> Exit {
    let file = match read(named) {
        Ok((file, warnings)) => {
            output.tell(&warnings);
            file
        }
        Err(unread) => return unread.told(output),
    };
    logs::start(file.log);
    keep_memory();
    let runtime = match runtime_of_one() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Failed;
        }
    };
    let exit = runtime.block_on(async {
        let told = match Told::listen() {
            Ok(told) => told,
            Err(error) => {
                output.error(&format!("signals cannot be received: {error}"));
                return Exit::Failed;
            }
        };
        tokio::select! {
            served = Box::pin(until(file, told.once())) => conclude(served, output),
            () = told.twice() => {
                tracing::warn!("told to stop twice: ending at once");
                Exit::Failed
            }
        }
    });
    runtime.shutdown_background();
    exit
}

/// `relay --check`: every fault of the file; and everything that it names is tried.
pub(super) fn check(named: Option<&Path>, trust: Option<PathBuf>, output: Output) -> Exit {
    let (file, warnings) = match read(named) {
        Ok(read) => read,
        Err(Unread::Faults(faults)) => return check::conclude(&faults, "", output),
        Err(unnamed @ Unread::Unnamed) => return unnamed.told(output),
    };
    let exit = check::conclude(&warnings, "the configuration holds", output);
    let tried = online::relay(&file, trust, output);
    if exit == Exit::Done { tried } else { exit }
}

fn read(named: Option<&Path>) -> Result<(RelayFile, Faults), Unread> {
    let (source, overrides) = check::source(named)?;
    RelayFile::read(&source, &overrides, Clock::system().now()).map_err(Unread::Faults)
}

async fn until(file: RelayFile, stop: impl Future<Output = ()>) -> Result<(), Failed> {
    let RelayFile { listen, status, drain, relay, log: _ } = file;
    let said = |error: &dyn std::error::Error| {
        let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        Failed::Said(format!("{error}{why}"))
    };
    let protection = protection(&listen)?;
    let tls = match &protection {
        Protection::Tls(tls) => Some(tls.clone()),
        Protection::Plain => None,
    };
    let hangup = signal(SignalKind::hangup()).map_err(|fault| said(&fault))?;
    let pair = pair(&listen);
    let opened = Relay::open(relay, listen.hosts, Clock::system()).await;
    let relay = opened.map_err(|fault| Failed::Said(fault.to_string()))?;
    let mut options = match listen.at {
        RelayAt::Address(address) => Options::at(address),
        RelayAt::Socket { path, mode } => Options { mode, ..Options::unix(path) },
    };
    options.timeouts.drain = drain;
    let server = Server::bind(options, protection).map_err(|fault| said(&fault))?;
    let status = status.map(|address| StatusServer::bind(StatusOptions { address, tls: None })).transpose();
    let status = status.map_err(|fault| said(&fault))?;
    let at = server.bound().to_string();
    tracing::info!(address = at, "listening");
    let status: JoinHandle<()> = match status {
        Some(status) => {
            tracing::info!(address = %status.address(), "answering for status");
            tokio::spawn(status.run(Arc::new(Standing(Arc::clone(&relay))), pending()))
        }
        None => tokio::spawn(async {}),
    };
    let stopping = CancellationToken::new();
    let told = stopping.clone();
    let stop = async move {
        stop.await;
        told.cancel();
        supervisor::stopping(drain);
    };
    let serving = server.run(Arc::clone(&relay), stop);
    let supervised = async {
        // A relay without a session answers, and `/readyz` says what is missing.
        relay.tried().await;
        supervisor::ready(&format!("listening on {at}"));
        let renewed = renewed(hangup, tls, pair);
        // It lives while it drains; it is never ready again.
        tokio::join!(supervisor::watched(|| true, pending()), stopping.run_until_cancelled(renewed));
    };
    tokio::select! {
        // What is under way while the relay drains may still need a session.
        _ = serving => {}
        () = relay.keep() => {}
        () = supervised => {}
    }
    // The last to end, so that a probe is answered while the relay drains.
    status.abort();
    tracing::info!("ended");
    Ok(())
}

fn conclude(served: Result<(), Failed>, output: Output) -> Exit {
    match served {
        Ok(()) => Exit::Done,
        Err(Failed::Invalid(faults)) => {
            output.tell(&faults);
            Exit::Invalid
        }
        Err(Failed::Said(why)) => {
            output.error(&why);
            Exit::Failed
        }
    }
}

type Pair = Box<dyn Fn() -> Result<(Vec<u8>, crate::secret::Secret), Faults> + Send>;

/// Reads certificate and key as they are then.
fn pair(listen: &RelayListen) -> Pair {
    let Some((chain, key)) = &listen.tls else { return Box::new(|| Err(Faults::new())) };
    let chain = Located { value: chain.value.clone(), place: chain.place.clone() };
    let key = Located { value: key.value.clone(), place: key.place.clone() };
    Box::new(move || {
        let mut faults = Faults::new();
        let read = std::fs::read(&chain.value).map_err(|error| {
            let message = format!("cannot read the certificate `{}`: {error}", chain.value.display());
            faults.push(Fault::error(message, chain.place.clone()));
        });
        let secret = key.value.read().map_err(|error| {
            faults.push(Fault::error(error.to_string(), key.place.clone()));
        });
        match (read, secret) {
            (Ok(chain), Ok(secret)) => Ok((chain, secret)),
            _ => Err(faults),
        }
    })
}

fn protection(listen: &RelayListen) -> Result<Protection, Failed> {
    let Some((certificate, _)) = &listen.tls else { return Ok(Protection::Plain) };
    let (chain, key) = pair(listen)().map_err(Failed::Invalid)?;
    let tls = Tls::new(&chain, key.expose(), Clock::system().now()).map_err(|fault| {
        let mut faults = Faults::new();
        faults.push(Fault::error(fault.to_string(), certificate.place.clone()));
        Failed::Invalid(faults)
    })?;
    Ok(Protection::Tls(tls))
}

/// On SIGHUP the listener's certificate is read again; one that cannot be used leaves the old one.
async fn renewed(mut hangup: Signal, tls: Option<Tls>, pair: Pair) {
    while hangup.recv().await.is_some() {
        supervisor::reloading();
        if let Some(tls) = &tls {
            replace(tls, &pair);
        }
        supervisor::ready("serving");
    }
}

fn replace(tls: &Tls, pair: &Pair) {
    match pair() {
        Ok((chain, key)) => match tls.replace(&chain, key.expose(), None, None, Clock::system().now()) {
            Ok(()) => tracing::info!("the listener's certificate was read again"),
            Err(fault) => tracing::error!(%fault, "the listener keeps its certificate"),
        },
        Err(faults) => {
            for fault in faults.iter() {
                tracing::error!(fault = fault.message, "the listener keeps its certificate");
            }
        }
    }
}

/// What probes are told.
struct Standing(Arc<Relay>);

impl Watched for Standing {
    fn live(&self) -> Vec<Reason> {
        Vec::new()
    }

    fn ready(&self) -> Vec<Reason> {
        self.0.unready().map(|why| Reason { part: "session", why }).into_iter().collect()
    }

    fn started(&self) -> Vec<Reason> {
        Vec::new()
    }

    async fn measure(&self) -> Option<Measurements> {
        None
    }
}
