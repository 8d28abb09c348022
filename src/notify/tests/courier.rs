//! The courier over an outbox in memory.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::sync::{Notify, oneshot};

use super::*;
use crate::{
    clock::Clock,
    demo::mailbox::Fault,
    ledger::{Claimed, DeliveryOutcome, Unwritten},
    notice::{Audience, tests::delivery},
    notify::{
        Courier,
        courier::{CourierStats, Outbox},
    },
};

/// Waits, and what became of them.
#[derive(Default)]
struct Memory {
    waiting: Mutex<VecDeque<Claimed>>,
    outcomes: Mutex<Vec<(i64, DeliveryOutcome)>>,
    due: Notify,
    reported: Notify,
    /// So many claims and reports fail first.
    unclaimable: AtomicU32,
    unwritable: AtomicU32,
}

impl Memory {
    fn put(&self, id: i64, recipient: &str, attempts: u32) {
        let delivery = delivery(Audience::OldPrimary, recipient, id.unsigned_abs());
        self.waiting.lock().unwrap().push_back(Claimed { id, delivery, attempts });
        self.due.notify_one();
    }

    async fn outcomes(&self, most: usize) -> Vec<(i64, DeliveryOutcome)> {
        loop {
            let reported = self.reported.notified();
            let outcomes = self.outcomes.lock().unwrap().clone();
            if outcomes.len() >= most {
                return outcomes;
            }
            reported.await;
        }
    }
}

fn fails(times: &AtomicU32) -> bool {
    times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Outbox for Arc<Memory> {
    async fn claim(&self, most: usize) -> Result<Vec<Claimed>, Unwritten> {
        assert!(most > 0);
        if fails(&self.unclaimable) {
            return Err(Unwritten::Timeout);
        }
        let mut waiting = self.waiting.lock().unwrap();
        let most = most.min(waiting.len());
        Ok(waiting.drain(..most).collect())
    }

    async fn delivered(&self, claimed: &Claimed, outcome: DeliveryOutcome) -> Result<(), Unwritten> {
        if fails(&self.unwritable) {
            return Err(Unwritten::Overloaded);
        }
        self.outcomes.lock().unwrap().push((claimed.id, outcome));
        self.reported.notify_one();
        Ok(())
    }

    async fn due(&self) {
        self.due.notified().await;
    }
}

struct Running {
    memory: Arc<Memory>,
    courier: Arc<Courier<Arc<Memory>>>,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
    clock: Clock,
}

fn run(mailbox: &Mailbox, timeout: Duration) -> Running {
    let memory = Arc::new(Memory::default());
    run_over(mailbox, timeout, memory)
}

fn run_over(mailbox: &Mailbox, timeout: Duration, memory: Arc<Memory>) -> Running {
    let (mut options, _ca_file) = options(mailbox, MailTls::StartTls, &mailbox.ca_pem);
    options.timeout = timeout;
    let clock = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
    let mail = Mail::new(options).unwrap();
    let courier = Courier::new(Arc::clone(&memory), Templates::built_in().unwrap(), mail, clock.clone());
    let courier = Arc::new(courier);
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(Arc::clone(&courier).run(async move { stopped.await.unwrap() }));
    Running { memory, courier, stop, done, clock }
}

impl Running {
    async fn stop(self) -> CourierStats {
        self.stop.send(()).unwrap();
        self.done.await.unwrap();
        self.courier.stats()
    }
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn everything_that_waits_is_brought() {
    let mailbox = mailbox(Protection::StartTls).await;
    let running = run(&mailbox, LONG);
    for id in 1..=20 {
        running.memory.put(id, "mary@example.com", 0);
    }
    let outcomes = running.memory.outcomes(20).await;
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, DeliveryOutcome::Delivered { .. })));
    let letters = mailbox.received(20).await;
    let mut ids: Vec<_> = letters.iter().flat_map(|letter| letter.header("Message-ID")).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((letters.len(), ids.len()), (20, 20));
    assert!(mailbox.connections() <= 4);
    assert_eq!(running.stop().await, CourierStats { delivered: 20, retried: 0, dead: 0 });
}

#[tokio::test]
async fn h4_what_fails_comes_back_later_and_later() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::Down);
    let running = run(&mailbox, LONG);
    for (id, attempts) in [(1, 0), (2, 3), (3, 1_000)] {
        running.memory.put(id, "mary@example.com", attempts);
    }
    let mut outcomes = running.memory.outcomes(3).await;
    outcomes.sort_by_key(|(id, _)| *id);
    let now = running.clock.now().millis();
    for ((_, outcome), least) in outcomes.into_iter().zip([5_000, 40_000, 900_000]) {
        let DeliveryOutcome::Retry { why, at } = outcome else { panic!("{outcome:?}") };
        let wait = at.millis() - now;
        assert!(wait >= least && wait <= least + least / 4, "{wait}");
        assert!(why.starts_with("the mail server cannot be reached") && !why.contains('@'), "{why}");
    }
    assert_eq!(running.stop().await, CourierStats { delivered: 0, retried: 3, dead: 0 });
}

#[tokio::test]
async fn h10_only_the_mailbox_that_is_refused_is_given_up_on() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::Unknown("gone@example.com".to_owned()));
    let running = run(&mailbox, LONG);
    running.memory.put(1, "gone@example.com", 0);
    running.memory.put(2, "mary@example.com", 0);
    running.memory.put(3, "not an address", 0);
    let mut outcomes = running.memory.outcomes(3).await;
    outcomes.sort_by_key(|(id, _)| *id);
    assert!(matches!(outcomes[0].1, DeliveryOutcome::Dead { .. }));
    assert!(matches!(outcomes[1].1, DeliveryOutcome::Delivered { .. }));
    assert!(matches!(outcomes[2].1, DeliveryOutcome::Retry { .. }));
    assert_eq!(running.stop().await, CourierStats { delivered: 1, retried: 1, dead: 1 });
}

#[tokio::test]
async fn shutdown_finishes_the_attempt_under_way() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::SilentContent(1));
    let running = run(&mailbox, Duration::from_millis(700));
    running.memory.put(1, "mary@example.com", 0);
    mailbox.received(1).await;
    let memory = Arc::clone(&running.memory);
    assert_eq!(running.stop().await.retried, 1);
    assert_eq!(memory.outcomes(1).await.len(), 1);
}

#[tokio::test]
async fn a_ledger_in_trouble_is_asked_again() {
    let mailbox = mailbox(Protection::StartTls).await;
    let memory = Arc::new(Memory::default());
    memory.unclaimable.store(1, Ordering::SeqCst);
    memory.unwritable.store(1, Ordering::SeqCst);
    memory.put(1, "mary@example.com", 0);
    let running = run_over(&mailbox, LONG, memory);
    assert_eq!(running.memory.outcomes(1).await.len(), 1);
    assert_eq!(mailbox.letters().len(), 1, "the message is not sent again for a result that is not written");
    running.stop().await;
}
