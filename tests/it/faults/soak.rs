//! A soak: changes, refusals and reads at the same time, with faults of every kind by a seed. Afterwards nothing is lost,
//! nobody is untold, and the guard is no larger than it was.
//!
//! `SOAK_SECONDS` says how long and `SOAK_SEED` with which faults; `tests/long soak` has the long one.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::{Caller, Request},
    connect::{Done, Fault},
    mailbox,
    process::Signal,
    stage::INSTANCE,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    UPDATE, change,
    disk::{behaves, disk, over_disk},
};
use crate::{
    rates::resident,
    records::{Record, of_kind, outcomes},
    running::{LIMIT, Running, own_address, user},
};

/// Where nothing else is said.
const SHORT: Duration = Duration::from_secs(8);
/// What a step asks for: changes, as many refusals and reads.
const EACH: usize = 3;
/// How long what is open may take: an outcome that nobody saw is looked for during five minutes.
const SETTLING: Duration = Duration::from_mins(8);

/// What it may have grown in the last quarter, in KiB: pages that the allocator keeps.
const ROOM: usize = 6 * 1024;

/// Random numbers from a seed (xorshift64).
struct Seed(u64);

impl Seed {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % most
    }
}

/// What goes wrong in a step.
#[derive(Debug, Clone)]
enum Trouble {
    Connect(&'static str, Fault),
    Mail(mailbox::Fault),
    Disk(&'static str),
    Policy,
    Stopped,
    Killed,
}

impl Trouble {
    /// One in two steps has some; a kill only where one may be.
    fn of(seed: &mut Seed, kills: bool) -> Option<Self> {
        let faults = [
            Fault::CloseBefore,
            Fault::CloseAfter,
            Fault::Garbage,
            Fault::Truncated,
            Fault::ResetAfter,
            Fault::Throttle(1),
            Fault::Status(500, "InternalServiceException"),
            Fault::StatusAfter(500, "InternalServiceException"),
            Fault::Interim(5),
            Fault::LongHead,
            Fault::LongBody,
            Fault::HangAfter,
            Fault::Hang,
        ];
        let mails = [
            mailbox::Fault::Down,
            mailbox::Fault::Busy(3),
            mailbox::Fault::DropAfterContent(1),
            mailbox::Fault::WrongPassword,
            mailbox::Fault::NoStartTls,
        ];
        let disks = ["eio write", "eio sync", "short write", "rofs write"];
        Some(match seed.below(if kills { 26 } else { 24 }) {
            0..=6 => {
                let operation = if seed.below(2) == 0 { UPDATE } else { "DescribeUser" };
                Self::Connect(operation, faults[seed.below(faults.len())].clone())
            }
            7 | 8 => Self::Mail(mails[seed.below(mails.len())].clone()),
            9 | 10 => Self::Disk(disks[seed.below(disks.len())]),
            11 => Self::Policy,
            12 => Self::Stopped,
            24 | 25 => Self::Killed,
            _ => return None,
        })
    }
}

struct Soak {
    guard: Running,
    seed: Seed,
    policy: String,
    /// The users so far; those whose change was answered with 200.
    users: usize,
    made: BTreeSet<usize>,
    faults: BTreeMap<&'static str, usize>,
    /// Resident KiB and open descriptors, sampled while nothing goes wrong.
    sizes: Vec<(usize, usize)>,
}

impl Soak {
    async fn begin(seed: u64) -> Self {
        let guard = over_disk(0).await;
        let policy = fs::read_to_string(guard.stage.folder.join("policies/policy.toml")).unwrap();
        let (made, faults) = (BTreeSet::new(), BTreeMap::new());
        Self { guard, seed: Seed(seed), policy, users: 0, made, faults, sizes: Vec::new() }
    }

    /// Load with something that goes wrong, and a while without.
    async fn step(&mut self, kills: bool) {
        let began = Instant::now();
        let trouble = Trouble::of(&mut self.seed, kills);
        self.begins(trouble.as_ref());
        let ends = matches!(trouble, Some(Trouble::Killed));
        // What Connect cuts short is cut short for whoever reads it.
        let cut = matches!(trouble, Some(Trouble::Connect("DescribeUser", _)));
        let mut asking = self.load(cut);
        match trouble {
            Some(Trouble::Killed) => {
                sleep(Duration::from_millis(u64::try_from(self.seed.below(80)).unwrap())).await;
                self.guard.crash().await;
            }
            Some(Trouble::Stopped) => {
                self.guard.signal(Signal::STOP).unwrap();
                sleep(Duration::from_millis(300)).await;
                self.guard.signal(Signal::CONT).unwrap();
            }
            Some(_) | None => {}
        }
        while let Some(answered) = timeout(LIMIT, asking.join_next()).await.expect("an answer in time") {
            match answered.unwrap() {
                Ok(made) => self.made.extend(made),
                Err(_) if ends => {}
                Err(why) => panic!("{trouble:?}: {why}\n{}", self.guard.log()),
            }
        }
        self.over(trouble.as_ref());
        if trouble.is_none() {
            self.sizes.push((resident(&self.guard), self.descriptors()));
        }
        // Half of the time nothing is asked.
        sleep(began.elapsed().min(Duration::from_millis(500))).await;
    }

    fn begins(&mut self, trouble: Option<&Trouble>) {
        let stage = &self.guard.stage;
        let name = match trouble {
            Some(Trouble::Connect(operation, fault)) => {
                stage.connect.fail_next(operation, fault.clone());
                "Connect"
            }
            Some(Trouble::Mail(fault)) => {
                stage.mailbox.fail(fault.clone());
                "mail"
            }
            Some(Trouble::Disk(what)) => {
                disk(&self.guard, what);
                "disk"
            }
            Some(Trouble::Policy) => {
                self.write_policy("version = 1\n[[allow]]\nid = ");
                "policy"
            }
            Some(Trouble::Stopped) => "stopped",
            Some(Trouble::Killed) => "killed",
            None => return,
        };
        *self.faults.entry(name).or_default() += 1;
    }

    fn over(&self, trouble: Option<&Trouble>) {
        self.guard.stage.connect.clear_faults();
        match trouble {
            Some(Trouble::Mail(_)) => self.guard.stage.mailbox.heal(),
            Some(Trouble::Disk(_)) => behaves(&self.guard),
            Some(Trouble::Policy) => self.write_policy(&self.policy),
            Some(Trouble::Connect(..) | Trouble::Stopped | Trouble::Killed) | None => {}
        }
    }

    fn write_policy(&self, text: &str) {
        let path = self.guard.stage.folder.join("policies/policy.toml");
        fs::write(path.with_extension("next"), text).unwrap();
        fs::rename(path.with_extension("next"), path).unwrap();
    }

    /// Changes, each of a user of its own, refusals and reads; each gives the user whose change was made.
    fn load(&mut self, cut: bool) -> JoinSet<Result<Option<usize>, String>> {
        let (desk, help) = (self.guard.caller("IdentityDesk"), self.guard.caller("HelpDesk"));
        let mut asking = JoinSet::new();
        for _ in 0..EACH {
            self.users += 1;
            let number = self.users;
            let user = user(number);
            let id = user.id.clone();
            let other = [("Email", "kim@example.com")];
            let requests = [
                (desk.clone(), change(&user), &[200, 429, 500, 503][..]),
                (help.clone(), Request::update_identity(INSTANCE, &id, &other), &[403, 409, 429, 503]),
                (help.clone(), Request::describe_user(INSTANCE, &id), &[200, 429, 500, 502, 503, 504]),
            ];
            self.guard.stage.connect.put_user(INSTANCE, &id, Some(user));
            for (place, (caller, request, right)) in requests.into_iter().enumerate() {
                asking.spawn(async move {
                    match asked(&caller, &request, right).await {
                        Ok(status) => Ok((place == 0 && status == 200).then_some(number)),
                        Err(_) if place == 2 && cut => Ok(None),
                        Err(why) => Err(why),
                    }
                });
            }
        }
        asking
    }

    async fn during(&mut self, time: Duration, kills: bool) {
        let began = Instant::now();
        while began.elapsed() < time {
            self.step(kills).await;
        }
    }

    /// The middle of the sizes in the second quarter of all, and in the last.
    fn grown(&self) -> [(usize, usize); 2] {
        let quarter = self.sizes.len() / 4;
        assert!(quarter > 0, "too few steps: {}", self.sizes.len());
        [quarter, self.sizes.len() - quarter].map(|from| {
            let sizes = self.sizes[from..].iter().take(quarter);
            (median(sizes.clone().map(|size| size.0)), median(sizes.map(|size| size.1)))
        })
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.guard.id().unwrap())).map_or(0, Iterator::count)
    }

    /// Every change that Connect has was on record first and is settled, everybody concerned was told, and the chain is
    /// whole.
    async fn nothing_is_lost(&self) {
        let updates = self.guard.stage.connect.updates();
        let applied: Vec<_> = updates.iter().filter(|one| one.done == Done::Applied).collect();
        let until = Instant::now() + SETTLING;
        loop {
            let records = self.guard.records().await;
            self.guard.hasten();
            let waiting = self.guard.outbox().await.iter().filter(|one| one.state != "delivered").count();
            let open = open(&records, &applied.iter().map(|one| one.target.as_str()).collect::<Vec<_>>());
            if open.is_empty() && waiting == 0 {
                break;
            }
            let why = || format!("{} are open, {waiting} notices wait", open.len());
            assert!(Instant::now() < until, "{}\n{:?}\n{}", why(), open.first(), self.guard.log());
            sleep(Duration::from_secs(1)).await;
        }
        let letters = self.guard.stage.mailbox.letters();
        let told: BTreeSet<&String> = letters.iter().flat_map(|letter| &letter.to).collect();
        let changed: BTreeSet<usize> = (1..=self.users)
            .filter(|number| applied.iter().any(|one| one.target.contains(&user(*number).id)))
            .collect();
        for number in &changed {
            assert!(told.contains(&user(*number).email), "{number}: the old address was told nothing");
        }
        for number in &self.made {
            assert!(changed.contains(number), "{number}: answered with 200, and Connect has no such change");
            let now = self.guard.stage.connect.user(&user(*number).id).unwrap().email;
            assert_eq!(now, own_address(&user(*number)));
        }
        let (report, whole) = self.guard.verify();
        assert!(whole, "{report}");
        assert!(!self.guard.log().contains("panicked"), "{}", self.guard.log());
    }
}

/// The status of an answer that may be.
async fn asked(caller: &Caller, request: &Request, right: &[u16]) -> Result<u16, String> {
    let answer = caller.send(request).await.map_err(|error| format!("no answer: {error}"))?;
    if right.contains(&answer.status) {
        Ok(answer.status)
    } else {
        Err(format!("{} {}", answer.status, answer.text()))
    }
}

/// What Connect carried out, by its path, that no intent is on record of, or nothing says how it ended.
fn open<'a>(records: &[Record], targets: &[&'a str]) -> Vec<&'a str> {
    let outcomes = outcomes(records);
    let unknown: BTreeSet<u64> = of_kind(records, "unknown").iter().map(|one| one.intent()).collect();
    let settled = |seq: u64| outcomes.contains_key(&seq) || unknown.contains(&seq);
    let mut ended: BTreeMap<&str, bool> = BTreeMap::new();
    for intent in of_kind(records, "intent") {
        *ended.entry(intent.text("/target/id/0")).or_insert(true) &= settled(intent.seq());
    }
    let id = |target: &str| target.rsplit('/').find(|part| ended.contains_key(part)).map(|id| ended[id]);
    targets.iter().filter(|target| id(target) != Some(true)).copied().collect()
}

/// The middle one.
fn median(values: impl Iterator<Item = usize>) -> usize {
    let mut values: Vec<usize> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "how long a soak lasts is its caller's choice")]
fn told_by_environment(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is no number: `{value}`")))
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what it did is read from there")]
async fn fault_23_load_with_random_faults() {
    let asked_for = told_by_environment("SOAK_SECONDS").map(Duration::from_secs);
    let length = asked_for.unwrap_or(SHORT);
    let seed = told_by_environment("SOAK_SEED").unwrap_or(0x9e37_79b9);
    let mut soak = Soak::begin(seed).await;
    // Killed in the first half only: in the second is seen what grows. In a short one not at all: what a guard that was
    // killed had under way is claimed for a minute.
    soak.during(length / 2, asked_for.is_some()).await;
    soak.sizes.clear();
    soak.during(length / 2, false).await;
    let [before, after] = soak.grown();
    println!(
        "soak: seed {seed}, {} s: {} changes made of {} asked for, faults {:?}, {} to {} KiB, {} to {} descriptors",
        length.as_secs(),
        soak.made.len(),
        soak.users,
        soak.faults,
        before.0,
        after.0,
        before.1,
        after.1
    );
    soak.nothing_is_lost().await;
    assert!(after.0 <= before.0 + ROOM, "{} to {} KiB", before.0, after.0);
    assert!(after.1 <= before.1 + 10, "{} to {} descriptors", before.1, after.1);
    assert!(soak.made.len() >= soak.users / 2, "{} of {} changes made", soak.made.len(), soak.users);
}
