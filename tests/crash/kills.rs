//! The end at random, again and again, while several callers make changes and ask again as SDKs do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use connect_guard::demo::{
    caller::Request,
    connect::Fault,
    stage::{INSTANCE, SECURITY},
};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    length::number,
    lists::{Compared, Lists, Told},
    run::{LIMIT, Run},
    running::{own_address, user},
    stage::Before,
    store::Stores,
    story::Said,
};

const CALLERS: usize = 8;
/// What is not said otherwise.
const CHANGES: usize = 60;
const KILLS: usize = 5;
/// A caller's patience with one try, and how often it tries.
const PATIENCE: Duration = Duration::from_secs(50);
const TRIES: usize = 12;

/// Requests of Connect between two kills, at least: some for each caller, so that none is always the one that is cut off.
const SERVED: usize = 60;
/// Between two looks whether there is anything left to be done.
const AGAIN: Duration = Duration::from_millis(200);

/// Numbers that look random and are the same in every run (`splitmix64`, public domain).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % bound
    }
}

/// Makes changes of one user after the other.
async fn call(run: Arc<Run>, next: Arc<AtomicUsize>, changes: usize) -> Vec<Said> {
    let mut said = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst) + 1;
        if number > changes {
            return said;
        }
        let agent = user(number);
        let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
        let mut status = 0;
        for attempt in 0..TRIES {
            let caller = run.caller("IdentityDesk", run.address().await);
            if let Ok(Ok(answer)) = timeout(PATIENCE, caller.send(&request)).await {
                status = answer.status;
                if ![429, 500, 503].contains(&status) {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(50 << attempt.min(5))).await;
        }
        assert_ne!(status, 0, "no answer in {TRIES} tries");
        said.push(Said { step: "address", target: Some(agent.id), status });
    }
}

/// Kills it until everything is done: every so many milliseconds, or else after so many of Connect's requests.
async fn kill(run: Arc<Run>, over: Arc<AtomicBool>, kills: usize, seed: usize) -> usize {
    let mut dice = Dice(seed as u64);
    let (least, most) = (number("CRASH_LEAST", 0), number("CRASH_MOST", 0));
    let mut requests = 0;
    let mut killed = 0;
    while killed < kills && !over.load(Ordering::SeqCst) {
        if most > least {
            // Whoever is killed before anything went through it shows nothing, and on a busy machine nothing ever would.
            let served = run.stage.connect.requests().len() + SERVED;
            let wait = u64::try_from(least + dice.below(most - least)).unwrap();
            tokio::time::sleep(Duration::from_millis(wait)).await;
            while timeout(AGAIN, run.stage.connect.wait_for(served, "*")).await.is_err() {
                if over.load(Ordering::SeqCst) {
                    return killed;
                }
            }
        } else {
            requests += 20 + dice.below(15);
            timeout(LIMIT, run.stage.connect.wait_for(requests, "*")).await.unwrap();
        }
        run.kill().await;
        run.address().await;
        killed += 1;
    }
    killed
}

/// Who is told of each change.
fn told(changes: usize) -> Told {
    let of = |number: usize| {
        let agent = user(number);
        let new = own_address(&agent);
        let people = [SECURITY.to_owned(), agent.email, agent.secondary_email, new];
        let mut told: BTreeSet<_> = people.map(|to| (to, "address-changed".to_owned())).into();
        told.insert(("hook".into(), "connect-guard.address-changed".into()));
        (agent.id, told)
    };
    (1..=changes).map(of).collect::<BTreeMap<_, _>>()
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_killed_at_random_under_load_no_change_is_lost_or_doubled() {
    let (changes, kills, seed) =
        (number("CRASH_CHANGES", CHANGES), number("CRASH_KILLS", KILLS), number("CRASH_SEED", 1));
    let run = Arc::new(Run::new(&Stores::chosen(), changes, Before::Nobody, Vec::new()).await);
    run.stage.connect.fail_all("UpdateUserIdentityInfo", Fault::Slow(Duration::from_millis(100)));
    let (next, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let killing = tokio::spawn(kill(run.clone(), over.clone(), kills, seed));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(call(run.clone(), next.clone(), changes));
    }
    let said = callers.join_all().await.concat();
    over.store(true, Ordering::SeqCst);
    let ends = killing.await.unwrap();
    assert!(ends > 0, "nothing was killed");
    let lists = Lists::of(&run).await;
    assert!(run.ended() >= ends, "{} ends of {ends}", run.ended());
    let compared = lists.compare(&said, &told(changes)).unwrap_or_else(|why| panic!("{why}"));
    println!("seed {seed}: {changes} changes, {ends} kills; {}: {compared}", Compared::HEADING);
    assert!(compared.intents >= changes, "{} intents of {changes} changes", compared.intents);
    let made: usize = said.iter().filter(|one| one.status == 200).count();
    assert!(made <= compared.applied, "{made} were answered with 200, {} were made", compared.applied);
}
