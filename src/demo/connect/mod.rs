//! An embedded Connect: as much of Amazon Connect's API, over TLS on this machine, as a guard in front of it can meet.
//!
//! It is honest where the documentation says what the real one does, and has a switch where it does not (see
//! [`Switches`]). It verifies every signature, matches raw paths, keeps users and security profiles, enforces the quota of
//! each operation, records every request octet for octet, and fails in every way that is asked for (see [`Fault`]).
//!
//! What it never does: it is no oracle for the real Connect, whose behaviour was not observed; it has no IAM (whoever may
//! sign may do everything); it reads no file and no environment.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle, time::Instant};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

mod answer;
mod body;
mod door;
mod exchange;
mod fault;
mod identity;
mod instances;
mod line;
mod operations;
mod options;
mod profiles;
mod proof;
mod rate;
mod received;
mod serve;
#[cfg(test)]
mod tests;
mod users;
mod world;

pub use door::Door;
pub use fault::{Fault, Held};
pub use options::{
    ConnectOptions, Credential, DoubledKeys, Instance, Omitted, Profile, Rate, SamlEmail, Switches, Taken,
    User,
};
pub use received::{Done, Received};
pub use world::Change;

use crate::clock::Clock;

use self::{
    door::Entrance,
    exchange::State,
    fault::Plan,
    rate::Buckets,
    serve::Shared,
    world::{Moment, World},
};

use super::certificates::Authority;

/// Stands for every operation where a fault is planned.
pub const EVERY: &str = "*";

/// A running embedded Connect. Each clone is the same one; it stops when the last is dropped.
#[derive(Clone)]
pub struct Connect(Arc<Running>);

struct Running {
    address: SocketAddr,
    host: String,
    authority: Authority,
    shared: Arc<Shared>,
    clock: Clock,
    stop: CancellationToken,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    _guard: DropGuard,
}

impl Connect {
    /// Starts one. Its certificate is for [`Connect::host`], `localhost` and the address listened on.
    ///
    /// # Errors
    /// When the address cannot be listened on, or no certificate can be made.
    pub async fn start(options: ConnectOptions) -> io::Result<Self> {
        let clock = Clock::system();
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let host = format!("connect.{}.amazonaws.com", options.region);
        let authority = match &options.authority {
            Some(authority) => authority.clone(),
            None => Authority::new("embedded connect")?,
        };
        let names = [&host, "localhost", &address.ip().to_string()];
        let acceptor = |by: &Authority, names: &[&str]| -> io::Result<TlsAcceptor> {
            Ok(by.issue(names)?.server(&["http/1.1"])?.into())
        };
        let entrance = Entrance::new(
            acceptor(&authority, &names)?,
            acceptor(&Authority::new("nobody knows it")?, &names)?,
            acceptor(&authority, &["elsewhere.example.com"])?,
        );

        let moment = Moment { now: Instant::now(), wall: clock.now().timestamp() };
        let state = State {
            world: World::new(&options, moment),
            buckets: Buckets::new(options.rate),
            plan: Plan::default(),
            credentials: options.credentials,
            skew: options.skew,
            requests: Vec::new(),
        };
        let shared = Arc::new(Shared::new(state, clock.clone(), entrance));
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve::accept(listener, shared.clone(), stop.clone()));
        Ok(Self(Arc::new(Running {
            address,
            host,
            authority,
            shared,
            clock,
            stop: stop.clone(),
            task: tokio::sync::Mutex::new(Some(task)),
            _guard: stop.drop_guard(),
        })))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The name of the real endpoint of its Region, for which its certificate is valid.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The certificate authority to trust, PEM.
    pub fn ca_pem(&self) -> &str {
        self.0.authority.pem()
    }

    /// The authority itself, for another server, or for this one to be started again.
    pub fn authority(&self) -> Authority {
        self.0.authority.clone()
    }

    /// Stops listening and closes every connection; what was received can still be asked for.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        if let Some(task) = self.0.task.lock().await.take() {
            // A task that panicked has stopped as well.
            drop(task.await);
        }
    }

    /// Sets the switches, for every request from now on.
    pub fn set_switches(&self, switches: Switches) {
        self.0.shared.state().world.switches = switches;
    }

    /// The switches as they are.
    pub fn switches(&self) -> Switches {
        self.0.shared.state().world.switches
    }

    /// Sets the quota of each operation; every bucket is full again.
    pub fn set_rate(&self, rate: Option<Rate>) {
        self.0.shared.state().buckets = Buckets::new(rate);
    }

    /// Sets who may call.
    pub fn set_credentials(&self, credentials: Vec<Credential>) {
        self.0.shared.state().credentials = credentials;
    }

    /// Plans a fault for the next request of an operation, or of any ([`EVERY`]), after those planned for it already. A
    /// request that is refused for its proof or its rate meets no fault and uses none up.
    pub fn fail_next(&self, operation: &str, fault: Fault) {
        self.0.shared.state().plan.next(operation, fault);
    }

    /// Plans a fault for every request of an operation, or of any ([`EVERY`]), that has none of its own.
    pub fn fail_all(&self, operation: &str, fault: Fault) {
        self.0.shared.state().plan.always(operation, fault);
    }

    /// Forgets every planned fault.
    pub fn clear_faults(&self) {
        self.0.shared.state().plan = Plan::default();
    }

    /// Sets what new connections meet, and closes all there are.
    pub fn set_door(&self, door: Door) {
        self.0.shared.entrance.set(door);
    }

    /// Changes, creates (or with none deletes) a user as the administration website does: at once, and past this API.
    pub fn put_user(&self, instance: &str, id: &str, user: Option<User>) {
        let moment = self.moment();
        self.0.shared.state().world.put_user("website", instance, id, user, moment, Duration::ZERO);
    }

    /// A user as it is now, whatever reads still show; the first one of this id.
    pub fn user(&self, id: &str) -> Option<User> {
        let now = self.moment().now;
        let state = self.0.shared.state();
        let mut tracks = state.world.sites.values().filter_map(|site| site.users.get(id));
        tracks.find_map(|track| Some(track.at(now)?.0.clone()))
    }

    /// A user as it is now, by its Username; the first one of this name.
    pub fn user_named(&self, username: &str) -> Option<User> {
        let now = self.moment().now;
        let state = self.0.shared.state();
        let users = state.world.sites.values().flat_map(|site| site.users.values());
        users
            .filter_map(|track| track.at(now))
            .find(|(user, _)| user.username == username)
            .map(|(user, _)| user.clone())
    }

    /// A security profile as it is now; the first one of this id.
    pub fn profile(&self, id: &str) -> Option<Profile> {
        let now = self.moment().now;
        let state = self.0.shared.state();
        let mut tracks = state.world.sites.values().filter_map(|site| site.profiles.get(id));
        tracks.find_map(|track| Some(track.at(now)?.0.clone()))
    }

    /// The changes to users that have taken effect, oldest first.
    pub fn history(&self) -> Vec<Change> {
        let now = self.moment().now;
        self.0.shared.state().world.history(now)
    }

    /// Every request received so far, oldest first.
    pub fn requests(&self) -> Vec<Received> {
        self.0.shared.state().requests.clone()
    }

    /// The requests of one operation received so far, oldest first.
    pub fn requests_of(&self, operation: &str) -> Vec<Received> {
        let state = self.0.shared.state();
        state.requests.iter().filter(|one| one.operation == Some(operation)).cloned().collect()
    }

    /// The `UpdateUserIdentityInfo` received so far, applied or not.
    pub fn updates(&self) -> Vec<Received> {
        self.requests_of("UpdateUserIdentityInfo")
    }

    /// How many requests of each operation were received; those of none count under the empty name.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for request in &self.0.shared.state().requests {
            *counts.entry(request.operation.unwrap_or_default()).or_default() += 1;
        }
        counts
    }

    /// Forgets the requests received so far.
    pub fn forget_requests(&self) {
        self.0.shared.state().requests.clear();
    }

    /// Waits until so many requests of an operation, or of any ([`EVERY`]), were received, answered or not.
    pub async fn wait_for(&self, requests: usize, operation: &str) {
        let mut count = self.0.shared.count.subscribe();
        loop {
            let wanted = |one: &&Received| operation == EVERY || one.operation == Some(operation);
            let received = {
                let state = self.0.shared.state();
                state.requests.iter().filter(wanted).count()
            };
            // The sender lives as long as this handle.
            if received >= requests || count.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until no connection is open: what those sent who are gone was received by then, or never will be.
    pub async fn wait_for_quiet(&self) {
        let mut open = self.0.shared.open.subscribe();
        // The sender lives as long as this handle.
        drop(open.wait_for(|open| *open == 0).await);
    }

    fn moment(&self) -> Moment {
        Moment { now: Instant::now(), wall: self.0.clock.now().timestamp() }
    }
}
