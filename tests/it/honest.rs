//! Somebody honest, who asks at a steady pace while others are a burden: how long each answer took, and how many were none.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::{Caller, Request},
    stage::{INSTANCE, Setting, Stage},
};
use tokio::time::sleep;

use crate::running::{Running, program, user};

/// Between two requests: 20 a second, of 50 that he may make.
const PACE: Duration = Duration::from_millis(50);

/// What somebody met with.
pub struct Met {
    took: Vec<Duration>,
    unserved: usize,
}

impl Met {
    /// Requests that were made.
    pub fn asked(&self) -> usize {
        self.took.len() + self.unserved
    }

    /// That all but one in a thousand were served.
    pub fn is_served(&self) -> bool {
        !self.took.is_empty() && self.unserved * 1_000 <= self.asked()
    }

    /// The time that so many of a thousand answers took at most.
    pub fn quantile(&self, of_thousand: usize) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took[(took.len() * of_thousand / 1_000).min(took.len() - 1)]
    }

    /// In words, beside what he met with before.
    pub fn said(&self, before: &Self) -> String {
        let [p50, p99] = [500, 990].map(|of| self.quantile(of).as_micros());
        let [unloaded50, unloaded99] = [500, 990].map(|of| before.quantile(of).as_micros());
        format!(
            "somebody honest: {} of {} served, p50 {p50} µs ({unloaded50} before), p99 {p99} µs ({unloaded99} before)",
            self.took.len(),
            self.asked()
        )
    }
}

/// A guard with one user and no rate of Connect's.
pub async fn guard() -> Running {
    guard_by(|_| PathBuf::from(program())).await
}

/// The same, of another program.
pub async fn guard_by(program: impl FnOnce(&Stage) -> PathBuf) -> Running {
    let mut setting = Setting::default();
    setting.connect.rate = None;
    setting.connect.instances[0].users.push(user(1));
    setting.more = "[limits]\nconnect = { per_second = 100000.0, burst = 100000 }\n".into();
    Running::amended(setting, program).await
}

/// What he met with for three seconds without any burden.
pub async fn alone(caller: &Caller) -> Met {
    let met = beside(caller, sleep(Duration::from_secs(3))).await.1;
    assert_eq!(met.unserved, 0, "not served though nothing else was asked");
    met
}

/// What he met with during this work, and what came of it.
pub async fn beside<T>(caller: &Caller, work: impl Future<Output = T>) -> (T, Met) {
    let over = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(asks(caller.clone(), Arc::clone(&over)));
    let done = work.await;
    over.store(true, Ordering::Relaxed);
    (done, asking.await.unwrap())
}

async fn asks(caller: Caller, over: Arc<AtomicBool>) -> Met {
    let request = Request::describe_user(INSTANCE, &user(1).id);
    let mut met = Met { took: Vec::new(), unserved: 0 };
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        if caller.send(&request).await.is_ok_and(|answer| answer.status == 200) {
            met.took.push(began.elapsed());
        } else {
            met.unserved += 1;
        }
        sleep(PACE.saturating_sub(began.elapsed())).await;
    }
    met
}
