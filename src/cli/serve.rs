//! `serve`: the guard, until it is told to stop.

use std::{
    future::{Future, pending},
    io,
    path::Path,
};

use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::{Exit, check, logs, output::Output};
use crate::{
    app::{App, AppFault},
    clock::Clock,
    config::Config,
    guard::Settling,
};

/// Serves.
pub(super) fn serve(named: Option<&Path>, output: Output) -> Exit {
    let config = match check::read(named) {
        Ok((config, warnings)) => {
            output.tell(&warnings);
            config
        }
        Err(unread) => return unread.told(output),
    };
    logs::start(config.log);
    keep_memory();
    let runtime = match runtime() {
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
            served = Box::pin(until(config, named, told.once())) => conclude(served, output),
            () = told.twice() => {
                tracing::warn!("told to stop twice: ending at once, and the next start settles what is open");
                Exit::Failed
            }
        }
    });
    // Waits for no thread: what belongs to the guard was waited for, or whoever runs it does not want to wait.
    runtime.shutdown_background();
    exit
}

/// No core file, and nobody else's debugger: there are secrets in memory from here on (`PR_SET_DUMPABLE`).
pub(super) fn keep_memory() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "a core file of this process would hold its secrets");
    }
}

async fn until(config: Config, named: Option<&Path>, stop: impl Future<Output = ()>) -> Result<(), AppFault> {
    let mut hangup = signal(SignalKind::hangup()).map_err(|error| AppFault::Failed {
        what: "SIGHUP cannot be received".into(),
        why: error.to_string(),
    })?;
    let named = named.map(Path::to_owned);
    let reread = Box::new(move || check::reread(named.as_deref()));
    let app = Box::pin(App::start(config, reread, Clock::system(), Settling::default())).await?;
    let renew = app.renew();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("told to read everything again");
            renew.now().await;
        }
    });
    for address in app.status_addresses() {
        tracing::info!(%address, "answering for status");
    }
    for address in app.session_addresses() {
        tracing::info!(%address, "answering for sessions");
    }
    for address in app.addresses() {
        tracing::info!(%address, "listening");
    }
    app.run(stop).await
}

fn conclude(served: Result<(), AppFault>, output: Output) -> Exit {
    match served {
        Ok(()) => Exit::Done,
        Err(AppFault::Invalid(faults)) => {
            output.tell(&faults);
            Exit::Invalid
        }
        Err(fault @ AppFault::Failed { .. }) => {
            output.error(&fault.to_string());
            Exit::Failed
        }
    }
}

/// The runtime of whatever the command does.
pub(super) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// The runtime of what handles few requests at a time: of one thread, so that the tasks of a request wake each other without
/// the system.
pub(super) fn runtime_of_one() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Resolves when the process is told to stop, or at once when it cannot be told.
#[cfg(feature = "demo")]
pub(super) async fn told_to_stop() {
    match Told::listen() {
        Ok(told) => told.once().await,
        Err(error) => tracing::error!(%error, "signals cannot be received"),
    }
}

/// How often the process was told to stop, by SIGTERM or SIGINT.
pub(super) struct Told(watch::Receiver<u32>);

impl Told {
    /// From now on neither signal ends the process by itself. Must be called within a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (told, times) = watch::channel(0);
        tokio::spawn(async move {
            while !told.is_closed() {
                either(&mut terminate, &mut interrupt).await;
                told.send_modify(|times| *times += 1);
            }
        });
        Ok(Self(times))
    }

    /// Resolves when it was told to stop.
    pub(super) fn once(&self) -> impl Future<Output = ()> + use<> {
        at_least(self.0.clone(), 1)
    }

    /// Resolves when it was told to stop for the second time.
    pub(super) fn twice(&self) -> impl Future<Output = ()> + use<> {
        at_least(self.0.clone(), 2)
    }
}

async fn at_least(mut times: watch::Receiver<u32>, enough: u32) {
    if times.wait_for(|times| *times >= enough).await.is_err() {
        // Whoever counts is gone, so nobody is told anything any more.
        pending::<()>().await;
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
