//! The end of the machine, again and again, in the middle of many changes: nothing is lost, nothing is done twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use connect_guard::demo::{
    caller::{Caller, Request},
    connect::{Done, Fault},
    stage::{INSTANCE, SECURITY},
};
use tokio::{sync::watch, time::timeout};

use crate::{
    records::{Record, of_kind, outcomes},
    running::{LIMIT, Running, event, own_address, roomy, told, until, user},
};

const UPDATE: &str = "UpdateUserIdentityInfo";
const CHANGES: usize = 200;
const CALLERS: usize = 10;
const CRASHES: usize = 7;

/// A caller's patience with one try, and how often it tries: a little more than what is found at the first look.
const PATIENCE: Duration = Duration::from_secs(8);
const TRIES: usize = 3;

/// Makes changes of one user after the other, tries again as SDKs do, and says which users it was told are changed.
async fn call(
    desk: Caller,
    mut address: watch::Receiver<SocketAddr>,
    next: Arc<AtomicUsize>,
) -> BTreeSet<usize> {
    let mut done = BTreeSet::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed) + 1;
        if number > CHANGES {
            return done;
        }
        let agent = user(number);
        let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
        for _ in 0..TRIES {
            let desk = Caller { address: *address.borrow_and_update(), ..desk.clone() };
            match timeout(PATIENCE, desk.send(&request)).await {
                Ok(Ok(answer)) if answer.status == 200 => {
                    done.insert(number);
                    break;
                }
                Ok(Ok(answer)) => assert!([409, 500, 503].contains(&answer.status), "{}", answer.text()),
                // It is gone: the next one listens elsewhere.
                Ok(Err(_)) => drop(timeout(LIMIT, address.changed()).await),
                Err(_) => {}
            }
        }
    }
}

/// A number that looks like chance and is the same in every run.
fn chance(seed: usize) -> usize {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    word ^= word >> 31;
    word = word.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    usize::try_from(word >> 40).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i2_killed_in_the_middle_of_200_changes() {
    let mut guard = Running::with(roomy((1..=CHANGES).map(user))).await;
    guard.stage.connect.fail_all(UPDATE, Fault::Slow(Duration::from_millis(40)));
    let (moved, address) = watch::channel(guard.process.address);
    let next = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| tokio::spawn(call(guard.caller("IdentityDesk"), address.clone(), next.clone())))
        .collect();
    let mut requests = 0;
    for crash in 0..CRASHES {
        // Connect's requests are the clock: reads before, changes, reads after.
        requests += 30 + chance(crash) % 45;
        timeout(LIMIT, guard.stage.connect.wait_for(requests, "*")).await.unwrap();
        guard.crash().await;
        moved.send(guard.process.address).unwrap();
    }
    let mut told_done = BTreeSet::new();
    for caller in callers {
        told_done.extend(timeout(4 * LIMIT, caller).await.unwrap().unwrap());
    }

    let applied = applied(&guard);
    assert!(applied.len() > CHANGES / 2, "{} were applied", applied.len());
    assert!(told_done.is_subset(&applied), "somebody was told that a change was made that was not");
    let records = guard.recorded(|records| settled(records, &applied)).await;
    let outcomes = outcomes(&records);
    let intents = of_kind(&records, "intent");
    let mut taken_over = 0;
    for number in &applied {
        let own: Vec<_> = intents.iter().filter(|intent| intent.is_of(&user(*number).id)).collect();
        let effects: Vec<_> =
            own.iter().filter_map(|own| outcomes.get(&own.seq())).map(|one| one.text("/effect")).collect();
        let made = |effect: &&&str| ["applied", "inferred_applied"].contains(*effect);
        assert_eq!(effects.iter().filter(made).count(), 1, "user {number}: {effects:?}");
        taken_over += usize::from(effects.contains(&"inferred_applied"));
    }
    assert!(taken_over > 0, "no crash was in the middle of a change");
    notices(&guard, &applied).await;
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

/// The users that Connect changed; fails when one was changed or asked for twice.
fn applied(guard: &Running) -> BTreeSet<usize> {
    let mut applied = BTreeMap::<usize, usize>::new();
    for update in guard.stage.connect.updates() {
        let id = update.target.split('/').nth(3).unwrap().rsplit('-').next().unwrap().to_owned();
        *applied.entry(id.parse().unwrap()).or_default() += usize::from(update.done == Done::Applied);
    }
    assert!(applied.values().all(|times| *times <= 1), "a change was sent twice");
    applied.into_iter().filter(|(_, times)| *times == 1).map(|(number, _)| number).collect()
}

fn settled(records: &[Record], applied: &BTreeSet<usize>) -> bool {
    let outcomes = outcomes(records);
    let closed = |number: &usize| {
        let id = user(*number).id;
        let mut own = of_kind(records, "intent").into_iter().filter(|intent| intent.is_of(&id));
        own.any(|intent| outcomes.contains_key(&intent.seq()))
    };
    applied.iter().all(closed)
}

/// Everybody was told of every change that was made, of nothing else, and a repeat is known by its id.
async fn notices(guard: &Running, applied: &BTreeSet<usize>) {
    // A notice under way when its guard was killed is claimed for a minute.
    let waited = timeout(2 * LIMIT, until_delivered(guard)).await;
    assert!(waited.is_ok(), "notices are left over: {:?}", guard.outbox().await);
    let letters = guard.stage.mailbox.letters();
    let mut ids = BTreeMap::<(String, String), BTreeSet<String>>::new();
    let mut repeats = 0;
    for letter in &letters {
        assert_eq!(event(letter), "address-changed");
        let to = letter.to.concat();
        let about = letter.header("Subject").concat();
        let known = ids.entry((to, about)).or_default();
        repeats += usize::from(!known.insert(letter.header("Message-ID").concat()));
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "a repeat has another Message-ID");
    assert!(repeats <= 4 * CRASHES, "{repeats} repeats");
    let mut expected = BTreeSet::new();
    for agent in applied.iter().map(|number| user(*number)) {
        let new = own_address(&agent);
        expected.extend([agent.email, agent.secondary_email, new]);
    }
    let mut people: BTreeSet<_> = told(&letters).into_iter().map(|(to, _)| to).collect();
    assert!(people.remove(SECURITY));
    assert_eq!(people, expected);
    assert_eq!(ids.keys().filter(|(to, _)| to == SECURITY).count(), applied.len());
}

async fn until_delivered(guard: &Running) {
    loop {
        if guard.outbox().await.iter().all(|one| one.state == "delivered") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A change of names of which nobody was told that it may have been made: nobody is told that it was made after all.
#[tokio::test(flavor = "multi_thread")]
async fn i2_what_is_taken_over_is_told_as_it_was_not_told_before() {
    let mut guard = Running::with(roomy([user(1), user(2)])).await;
    let (names, address) = (user(1), user(2));
    let new = own_address(&address);
    guard.stage.connect.fail_all(UPDATE, Fault::HangAfter);
    let (help, desk) = (guard.caller("HelpDesk"), guard.caller("IdentityDesk"));
    let requests = [
        (help, Request::update_identity(INSTANCE, &names.id, &[("FirstName", "Other")])),
        (desk, Request::update_identity(INSTANCE, &address.id, &[("Email", &new)])),
    ];
    for (caller, request) in requests {
        tokio::spawn(async move { caller.send(&request).await });
    }
    timeout(LIMIT, guard.stage.connect.wait_for(2, UPDATE)).await.unwrap();
    guard.crash().await;
    let records = guard.recorded(|records| of_kind(records, "outcome").len() == 2).await;
    for outcome in of_kind(&records, "outcome") {
        assert_eq!((outcome.text("/effect"), outcome.text("/sent")), ("inferred_applied", "recovered"));
    }
    let letters = until("four letters", || async {
        let letters = guard.letters().await;
        (letters.len() >= 4).then_some(letters)
    })
    .await;
    let people = [SECURITY, &*address.email, &*address.secondary_email, &*new];
    assert_eq!(told(&letters), crate::running::pairs(&people.map(|to| (to, "address-changed"))));
    assert_eq!(guard.stage.connect.updates().len(), 2);
}
