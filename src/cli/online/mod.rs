//! `config check --online` and `relay --check`: everything outside that a configuration names, tried at the same time, each
//! with a time of its own. Nothing is changed anywhere, and no answer shows a secret.

mod listeners;
mod people;
mod relay;
mod sites;
mod store;

use std::{future::Future, path::PathBuf, time::Duration};

use serde_json::json;
use tokio::{task::JoinHandle, time::timeout};

pub(super) use relay::relay;

use super::{Exit, args::Format, output::Output, serve::runtime};
use crate::{app::Ways, clock::Clock, config::Config};

/// For each trial that has no shorter time of its own.
const LIMIT: Duration = Duration::from_secs(30);

/// What is asked of the trials.
#[derive(clap::Args)]
pub(super) struct Online {
    /// Try everything that the configuration names as well: certificates as clients see them, credentials, endpoints, clock,
    /// store, mail, webhooks, streams, issuers. Changes nothing and sends no message.
    #[arg(long)]
    pub(super) online: bool,
    /// The CAs (PEM) that callers trust, where those are not the platform's: for the certificates of the listeners.
    #[arg(long, value_name = "FILE", requires = "online")]
    pub(super) trust: Option<PathBuf>,
}

/// One thing that was tried.
struct Trial {
    /// What: `endpoint`, `certificate`.
    what: &'static str,
    /// Of what: a name from the configuration; empty where there is one only.
    of: String,
    found: Found,
}

/// What came of it.
enum Found {
    /// It holds: what was seen.
    Holds(String),
    /// It holds, and is worth a look: what was seen, what to do.
    Look(String, String),
    /// It does not hold: why, what to do.
    Fails(String, String),
}

/// Trials that are under way, in the order in which they are told.
#[derive(Default)]
struct Trying {
    all: Vec<(&'static str, String, JoinHandle<Vec<Trial>>)>,
}

/// Tries everything. What could not be made of the configuration was told of before.
pub(super) fn tried(config: &Config, ways: Ways, trust: Option<PathBuf>, output: Output) -> Exit {
    let clock = Clock::system();
    all(output, || {
        let mut trying = Trying::default();
        listeners::of_guard(config, trust.as_deref(), &clock, &mut trying);
        sites::all(config, &clock, &mut trying);
        store::store(config, &mut trying);
        people::all(config, ways, &mut trying);
        trying
    })
}

/// Runs the trials that `begin` starts, within a runtime, and tells what came of them.
fn all(output: Output, begin: impl FnOnce() -> Trying) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&format!("nothing can be tried: {error}"));
            return Exit::Failed;
        }
    };
    let trials = runtime.block_on(async { begin().ended().await });
    runtime.shutdown_background();
    told(&trials, output)
}

impl Trying {
    /// Starts a trial, which has so long.
    fn begin(
        &mut self,
        (what, of): (&'static str, &str),
        limit: Duration,
        trial: impl Future<Output = Vec<Trial>> + Send + 'static,
    ) {
        let named = of.to_owned();
        let bounded = async move {
            timeout(limit, trial).await.unwrap_or_else(|_| {
                let said = format!("no end within {} s", limit.as_secs());
                vec![Trial::new(
                    what,
                    named,
                    Found::Fails(said, "see whether a firewall drops it".to_owned()),
                )]
            })
        };
        self.all.push((what, of.to_owned(), tokio::spawn(bounded)));
    }

    /// One that is over by now.
    fn done(&mut self, trial: Trial) {
        let (what, of) = (trial.what, trial.of.clone());
        self.all.push((what, of, tokio::spawn(async { vec![trial] })));
    }

    async fn ended(self) -> Vec<Trial> {
        let mut found = Vec::new();
        for (what, of, handle) in self.all {
            match handle.await {
                Ok(trials) => found.extend(trials),
                Err(error) => {
                    found.push(Trial::new(
                        what,
                        of,
                        Found::Fails(error.to_string(), "report this".to_owned()),
                    ));
                }
            }
        }
        found
    }
}

impl Trial {
    fn new(what: &'static str, of: String, found: Found) -> Self {
        Self { what, of, found }
    }

    /// `endpoint main`
    fn name(&self) -> String {
        if self.of.is_empty() { self.what.to_owned() } else { format!("{} {}", self.what, self.of) }
    }
}

impl Found {
    fn look(said: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Look(said.into(), hint.into())
    }

    fn fails(said: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Fails(said.into(), hint.into())
    }

    /// The state, what was seen, what to do.
    fn parts(&self) -> (&'static str, &str, Option<&str>) {
        match self {
            Self::Holds(said) => ("holds", said, None),
            Self::Look(said, hint) => ("warning", said, Some(hint)),
            Self::Fails(said, hint) => ("fails", said, Some(hint)),
        }
    }
}

/// One line for each thing that was tried, in the form that is asked for; and how it ends.
fn told(trials: &[Trial], output: Output) -> Exit {
    let width = trials.iter().map(|trial| trial.name().chars().count()).max().unwrap_or_default();
    for trial in trials {
        let (state, said, hint) = trial.found.parts();
        let name = trial.name();
        match (output.format(), hint) {
            (Format::Human, _) => output.data(&format!("{state:<7}  {name:<width$}  {said}")),
            (Format::Plain, Some(hint)) => output.data(&format!("{name}: {state}: {said} (hint: {hint})")),
            (Format::Plain, None) => output.data(&format!("{name}: {state}: {said}")),
            (Format::Json, _) => {
                let (what, of) = (trial.what, &trial.of);
                let line = json!({ "trial": what, "of": of, "state": state, "said": said, "hint": hint });
                output.data(&line.to_string());
            }
        }
        if let (Format::Human, Some(hint)) = (output.format(), hint) {
            output.data(&format!("{:7}  {:width$}  hint: {hint}", "", ""));
        }
    }
    let held = trials.iter().filter(|trial| !matches!(trial.found, Found::Fails(..))).count();
    output.say(&format!("{held} of {} trials hold", trials.len()));
    if held == trials.len() { Exit::Done } else { Exit::Failed }
}
