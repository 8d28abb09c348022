//! Running everything, and ending it: no new requests first, then those under way, then the work that belongs to the
//! guard, then what is on its way to people, then the ledger. Status answers to the last.

use std::{future::Future, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::timeout,
};

use super::{
    App, AppFault,
    doors::Doors,
    evidence, failed, retention,
    service::{Gateway, Issuing},
    standing::Phase,
    watched::Watch,
};
use crate::{
    client::ClientStats,
    server::{Server, Service, StatusServer, Watched, supervisor},
};

/// How often it is looked whether every site has credentials.
const CREDENTIALS: Duration = Duration::from_secs(30);

/// How much longer than its requests a part of the guard may take to end.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What a part of the guard is called, and how it ended.
type Ended = (&'static str, Result<(), JoinError>);

/// Parts that work until they are told to stop.
struct Working {
    tasks: JoinSet<Ended>,
    stop: watch::Sender<()>,
}

impl App {
    /// Serves until `shutdown` resolves; then ends what is under way, lets the guard finish its work, and closes the
    /// ledger. A part that ends by itself ends all of it: half a guard is none.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), AppFault> {
        let Self {
            guard,
            ledger,
            courier,
            doors: Doors { gateways, issuing, statuses },
            exchange,
            standing,
            watch,
            drain,
            reload,
            reload_again,
            renewal,
            renewal_again,
            renew,
            calendar,
            freezes,
            telling,
            evidence,
            channels,
            streams,
            teller,
            kept,
            retention,
        } = self;
        // Whoever has it read again has a copy; a copy of ours would keep nobody from ending, but says nothing either.
        drop(renew);
        let at = gateways.iter().map(|server| server.bound().to_string()).collect::<Vec<_>>().join(", ");
        let mut status = Working::default();
        status.statuses(statuses, &watch);
        let mut mail = Working::default();
        mail.part("courier", |stopped| courier.clone().run(stopped));
        mail.part("teller", |stopped| telling.run(stopped));
        mail.part("streams", |stopped| {
            streams.run(ledger.clone(), Arc::new(move |event| teller.tell(event)), stopped)
        });
        let mut serving = Working::default();
        serving.servers(gateways, &Arc::new(Gateway::new(guard.clone())));
        if let Some(exchange) = exchange {
            serving.servers(issuing, &Arc::new(Issuing::new(exchange, freezes.clone())));
        }
        serving.part("reload", |stopped| reload.run(reload_again, stopped));
        serving.part("renewal", |stopped| renewal.run(renewal_again, stopped));
        serving.part("calendar", |stopped| calendar.run(stopped));
        serving.part("freezes", |stopped| freezes.run(stopped));
        serving.part("evidence", |stopped| evidence.run(stopped));
        serving.part("retention", |stopped| retention::run(ledger.clone(), retention, stopped));
        serving.part("sweep", |stopped| guard.clone().sweep(stopped));
        serving.part("credentials", |stopped| credentials(watch.clone(), stopped));
        serving.part("watchdog", |stopped| {
            let watch = watch.clone();
            supervisor::watched(move || watch.live().is_empty(), stopped)
        });
        standing.phase(Phase::Serving);
        supervisor::ready(&format!("listening on {at}"));

        let broken = tokio::select! {
            () = shutdown => None,
            ended = serving.ended() => Some(ended),
            ended = mail.ended() => Some(ended),
            ended = status.ended() => Some(ended),
        };
        standing.phase(Phase::Stopping);
        supervisor::stopping(drain.requests * 2 + LAST_WAIT + drain.notices);
        match broken {
            None => tracing::info!("stopping"),
            Some((part, why)) => {
                standing.ended(part);
                tracing::error!(part, why, "a part of the guard ended: stopping");
            }
        }
        if timeout(drain.requests + LAST_WAIT, serving.stop()).await.is_err() {
            tracing::warn!("a part of the guard does not end");
        }
        if timeout(drain.requests, guard.drain()).await.is_err() {
            tracing::warn!("open changes are left to the next start");
        }
        if timeout(drain.notices, mail.stop()).await.is_err() {
            tracing::warn!("notices are left to the next start");
        }
        watch.counted();
        let ends = ledger.heads_line().await;
        let closed = ledger.stop().await;
        if let Ok(line) = ends {
            evidence::last(&ledger, &kept, &channels, line.ending(ledger.head())).await;
        }
        counted("ledger", &ledger.stats());
        status.stop().await;
        closed.map_err(|fault| failed("the ledger cannot be closed", &fault))?;
        broken.map_or(Ok(()), |(part, why)| Err(failed(&format!("the part `{part}` ended"), &why)))
    }
}

impl Default for Working {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), stop: watch::channel(()).0 }
    }
}

impl Working {
    /// Adds a part.
    fn part<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: &'static str,
        work: impl FnOnce(Stopped) -> F,
    ) {
        let work = tokio::spawn(work(Box::pin(told(self.stop.subscribe()))));
        self.tasks.spawn(async move { (name, work.await) });
    }

    fn servers<S: Service>(&mut self, servers: Vec<Server>, service: &Arc<S>) {
        for server in servers {
            let service = service.clone();
            self.part("listener", |stopped| async move {
                let drained = server.run(service, stopped).await;
                if drained.cut > 0 {
                    tracing::warn!(connections = drained.cut, "cut: they did not end in time");
                }
            });
        }
    }

    fn statuses(&mut self, statuses: Vec<StatusServer>, watch: &Arc<Watch>) {
        for status in statuses {
            let watch = watch.clone();
            self.part("status", |stopped| status.run(watch, stopped));
        }
    }

    /// The first part that ends, and why; never when there is none.
    async fn ended(&mut self) -> (&'static str, &'static str) {
        match self.tasks.join_next().await {
            Some(Ok((part, Ok(())))) => (part, "it was not told to"),
            Some(Ok((part, Err(_)))) => (part, "it panicked"),
            Some(Err(_)) => ("a part", "it panicked"),
            None => std::future::pending().await,
        }
    }

    /// Tells all parts to stop, and waits until they have.
    async fn stop(mut self) {
        drop(self.stop);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Resolves when the guard is told to stop.
type Stopped = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Resolves when the sender is gone.
async fn told(mut stopped: watch::Receiver<()>) {
    // Nothing is ever sent.
    while stopped.changed().await.is_ok() {}
}

/// Looks again and again whether every site has credentials. They are kept and renewed where they are used.
async fn credentials(watch: Arc<Watch>, mut shutdown: Stopped) {
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            () = watch.credentials() => {}
        }
        tokio::select! {
            () = &mut shutdown => return,
            () = tokio::time::sleep(CREDENTIALS) => {}
        }
    }
}

impl Watch {
    /// Notes which sites have credentials.
    async fn credentials(&self) {
        for (site, ready) in self.guard.credentials().await {
            let fault = ready.err();
            if let (Some(why), true) = (&fault, self.standing.credentials(&site, fault.clone())) {
                tracing::warn!(
                    upstream = site,
                    why,
                    "no credentials: changes and operations are answered 503"
                );
            }
        }
    }

    /// Logs what was counted, at the end.
    fn counted(&self) {
        for (address, counts) in &self.listeners {
            counted(&address.to_string(), &counts.stats());
        }
        let connect: Vec<(String, ClientStats)> =
            self.guard.connect().map(|(site, counts)| (site.to_owned(), counts)).collect();
        for (site, counts) in connect {
            counted(&site, &counts);
        }
        counted("guard", &self.guard.stats());
        if let Some(exchange) = &self.exchange {
            counted("sessions", &exchange.stats());
        }
        counted("rates", &self.guard.rates());
        counted("notices", &self.courier.stats());
    }
}

/// What a part counted, at its end.
fn counted(part: &str, counts: &impl Serialize) {
    match serde_json::to_string(counts) {
        Ok(counts) => tracing::info!(part, counts, "counted"),
        Err(error) => tracing::error!(part, %error, "counts cannot be written"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_or_ends_is_named_and_one_that_is_told_to_end_ends() {
        let mut working = Working::default();
        working.part("steady", |stopped| stopped);
        working.part("hasty", |_| async { panic!("on purpose") });
        assert_eq!(working.ended().await, ("hasty", "it panicked"));
        working.part("brief", |_| async {});
        assert_eq!(working.ended().await, ("brief", "it was not told to"));
        timeout(Duration::from_secs(10), working.stop())
            .await
            .expect("the steady one ends when it is told to");
    }
}
