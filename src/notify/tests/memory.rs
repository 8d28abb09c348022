//! An outbox in memory, with queues, due times by the clock, and everything that was reported.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use tokio::{
    sync::{Notify, oneshot, watch},
    task::JoinHandle,
};

use super::*;
use crate::{
    clock::Clock,
    ledger::{Claimed, DeliveryOutcome, OutboxStats, Queue, Unwritten},
    notice::Urgency,
    notify::{
        ChannelStats, Channels, Courier,
        courier::{Alarm, Outbox},
    },
};

/// Channel, urgency, when it is due, number.
type Place = (String, Urgency, i64, i64);

/// Waits, and what became of them.
pub(super) struct Memory {
    clock: Clock,
    waiting: Mutex<BTreeMap<Place, (Delivery, u32)>>,
    claimed: Mutex<BTreeMap<i64, Place>>,
    outcomes: watch::Sender<Vec<(i64, DeliveryOutcome)>>,
    said: watch::Sender<Vec<Alarm>>,
    due: Notify,
    /// So many claims, reports and alarms fail first.
    pub(super) unclaimable: AtomicU32,
    pub(super) unwritable: AtomicU32,
    pub(super) unsayable: AtomicU32,
    /// Whether others are to come first.
    pub(super) busy: AtomicBool,
}

impl Memory {
    pub(super) fn new(clock: &Clock) -> Arc<Self> {
        Arc::new(Self {
            clock: clock.clone(),
            waiting: Mutex::default(),
            claimed: Mutex::default(),
            outcomes: watch::Sender::new(Vec::new()),
            said: watch::Sender::new(Vec::new()),
            due: Notify::new(),
            unclaimable: AtomicU32::new(0),
            unwritable: AtomicU32::new(0),
            unsayable: AtomicU32::new(0),
            busy: AtomicBool::new(false),
        })
    }

    pub(super) fn put(&self, id: i64, delivery: Delivery, attempts: u32) {
        self.wait(id, delivery, attempts, self.clock.now().millis());
        self.look();
    }

    fn wait(&self, id: i64, delivery: Delivery, attempts: u32, due: i64) {
        let place = (delivery.channel.to_string(), delivery.urgency, due, id);
        self.waiting.lock().unwrap().insert(place, (delivery, attempts));
    }

    /// Something may be due.
    pub(super) fn look(&self) {
        self.due.notify_one();
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.lock().unwrap().len() + self.claimed.lock().unwrap().len()
    }

    /// What was reported, once it is so much.
    pub(super) async fn outcomes(&self, most: usize) -> Vec<(i64, DeliveryOutcome)> {
        self.outcomes.subscribe().wait_for(|outcomes| outcomes.len() >= most).await.unwrap().clone()
    }

    /// How many were delivered or given up, once it is so many.
    pub(super) async fn ended(&self, most: usize) {
        let ends = |outcomes: &Vec<(i64, DeliveryOutcome)>| {
            let ended =
                |(_, outcome): &&(i64, DeliveryOutcome)| !matches!(outcome, DeliveryOutcome::Retry { .. });
            outcomes.len() >= most && outcomes.iter().filter(ended).count() >= most
        };
        self.outcomes.subscribe().wait_for(ends).await.unwrap();
    }

    /// Resolves once so many attempts have failed.
    pub(super) async fn refused(&self, most: usize) {
        let failed =
            |(_, outcome): &&(i64, DeliveryOutcome)| matches!(outcome, DeliveryOutcome::Retry { .. });
        let enough = |outcomes: &Vec<(i64, DeliveryOutcome)>| {
            outcomes.iter().filter(failed).take(most).count() >= most
        };
        self.outcomes.subscribe().wait_for(enough).await.unwrap();
    }

    pub(super) fn said(&self) -> Vec<Alarm> {
        self.said.borrow().clone()
    }

    pub(super) async fn alarms(&self, most: usize) -> Vec<Alarm> {
        self.said.subscribe().wait_for(|said| said.len() >= most).await.unwrap().clone()
    }
}

fn fails(times: &AtomicU32) -> bool {
    times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Outbox for Arc<Memory> {
    async fn claim(&self, queue: &Queue, most: usize) -> Result<Vec<Claimed>, Unwritten> {
        assert!(most > 0);
        if fails(&self.unclaimable) {
            return Err(Unwritten::Timeout);
        }
        let name = queue.channel.to_string();
        let (from, to) = (i64::MIN, self.clock.now().millis());
        let due = (name.clone(), queue.urgency, from, from)..=(name, queue.urgency, to, i64::MAX);
        let mut waiting = self.waiting.lock().unwrap();
        let places: Vec<_> = waiting.range(due).take(most).map(|(place, _)| place.clone()).collect();
        let claim = |place: Place| {
            let (delivery, attempts) = waiting.remove(&place).unwrap();
            let id = place.3;
            self.claimed.lock().unwrap().insert(id, place);
            claimed(id, delivery, attempts)
        };
        Ok(places.into_iter().map(claim).collect())
    }

    async fn delivered(&self, claimed: &Claimed, outcome: DeliveryOutcome) -> Result<(), Unwritten> {
        if fails(&self.unwritable) {
            return Err(Unwritten::Overloaded);
        }
        let id = number(claimed);
        self.claimed.lock().unwrap().remove(&id).expect("a claim is reported once");
        if let DeliveryOutcome::Retry { at, .. } = &outcome {
            self.wait(id, claimed.delivery.clone(), claimed.attempts + 1, at.millis());
        }
        self.outcomes.send_modify(|outcomes| outcomes.push((id, outcome)));
        Ok(())
    }

    async fn queues(&self) -> Result<Vec<OutboxStats>, Unwritten> {
        let one = |((name, urgency, due, _), _): (&Place, &_)| OutboxStats {
            channel: name.parse().unwrap(),
            urgency: *urgency,
            waiting: 1,
            oldest: Some(*due),
            dead: 0,
        };
        Ok(self.waiting.lock().unwrap().iter().map(one).collect())
    }

    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    async fn due(&self) {
        self.due.notified().await;
    }

    async fn say(&self, alarm: &Alarm) -> Result<(), Unwritten> {
        if fails(&self.unsayable) {
            return Err(Unwritten::Overloaded);
        }
        self.said.send_modify(|said| said.push(alarm.clone()));
        Ok(())
    }
}

fn claimed(id: i64, delivery: Delivery, attempts: u32) -> Claimed {
    Claimed { ids: vec![id], delivery, attempts, first_at: 0 }
}

fn number(claimed: &Claimed) -> i64 {
    claimed.id()
}

/// A courier at work.
pub(super) struct Running {
    pub(super) memory: Arc<Memory>,
    pub(super) clock: Clock,
    pub(super) courier: Arc<Courier<Arc<Memory>>>,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Running {
    pub(super) fn over(memory: &Arc<Memory>, channels: Channels) -> Self {
        let clock = memory.clock.clone();
        let courier = Arc::new(Courier::new(Arc::clone(memory), &templates(), &Arc::new(channels), &clock));
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(Arc::clone(&courier).run(async move { stopped.await.unwrap() }));
        Self { memory: Arc::clone(memory), clock, courier, stop, done }
    }

    /// Moves the clock, and has everybody look.
    pub(super) fn after(&self, seconds: i64) {
        self.clock.advance(jiff::SignedDuration::from_secs(seconds));
        self.memory.look();
    }

    pub(super) async fn stop(self) -> Vec<ChannelStats> {
        self.stop.send(()).unwrap();
        self.done.await.unwrap();
        self.courier.stats().channels
    }
}
