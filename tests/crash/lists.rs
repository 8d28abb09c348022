//! The three lists, and how they are compared: what Connect did, what `audit show` says, what came to people.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use connect_guard::demo::{connect::Done, mailbox::Letter};
use serde_json::Value;

use crate::{
    place::{Place, Placed},
    records::{Record, of_kind},
    run::Run,
    running::event,
    store::in_order,
    story::Said,
};

/// The kinds of records that a change or a notice leaves.
const KINDS: [&str; 10] = [
    "start",
    "policy",
    "intent",
    "outcome",
    "unknown",
    "confirmation",
    "refusal",
    "event",
    "freeze",
    "unfreeze",
];

/// What is told of the changes of one kind of step: recipients and kinds.
pub type Told = BTreeMap<String, BTreeSet<(String, String)>>;

/// A message that came.
#[derive(Debug, Clone)]
struct Message {
    id: String,
    to: String,
    kind: String,
    /// The record that it tells of.
    record: Place,
    body: Vec<u8>,
}

/// Everything, once nothing is left to be done.
pub struct Lists {
    /// How often Connect did what an intent says, by its place.
    applied: BTreeMap<Place, usize>,
    records: Vec<Record>,
    /// The target and the intent of the change that a record is about.
    changes: BTreeMap<Place, (String, Place)>,
    messages: Vec<Message>,
    verified: (String, bool),
    ended: usize,
}

/// How the lists compare, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Compared {
    pub applied: usize,
    pub intents: usize,
    pub inferred: usize,
    pub messages: usize,
    pub repeats: usize,
}

impl Compared {
    /// What the numbers are.
    pub const HEADING: &str = "intents applied inferred messages repeats";
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { intents, applied, inferred, messages, repeats } = self;
        write!(f, "{intents:>7} {applied:>7} {inferred:>8} {messages:>8} {repeats:>7}")
    }
}

impl Lists {
    /// Stops the guard in good order, and reads them.
    pub async fn of(run: &Run) -> Self {
        run.stop().await;
        let kinds = KINDS.iter().flat_map(|kind| ["--kind", kind]);
        let words = ["--format", "json", "audit", "show", "--limit", "10000"].into_iter().chain(kinds);
        let (said, shown) = run.command(&words.collect::<Vec<_>>());
        assert!(shown, "{said}");
        let mut records: Vec<_> = said
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")))
            .map(|one| {
                // A rule that decided is there to be read.
                let rules = one["rules"].as_array().unwrap();
                assert!(rules.iter().all(|rule| rule["text"].is_string()), "{one}");
                Record(one["record"].clone())
            })
            .collect();
        in_order(&mut records);
        let mut applied = BTreeMap::new();
        for request in run.stage.connect.requests().iter().filter(|one| one.done == Done::Applied) {
            let agent = request.values("user-agent").concat();
            let place =
                agent.rsplit_once("rec/").unwrap_or_else(|| panic!("a change without a record: {agent}")).1;
            *applied.entry(read_place(place, '-')).or_default() += 1;
        }
        let mut messages: Vec<_> = run.stage.mailbox.letters().iter().map(mailed).collect();
        messages.extend(run.hook.posts().iter().map(|post| Message {
            id: post.id.clone(),
            to: "hook".into(),
            kind: post.body["type"].as_str().unwrap().to_owned(),
            record: Record(post.body["data"]["record"].clone()).place(),
            body: post.body.to_string().into_bytes(),
        }));
        let changes = changes(&records);
        let verified = run.command(&["audit", "verify"]);
        Self { applied, records, changes, messages, verified, ended: run.ended() }
    }

    /// Compares them; says what is not equal. `told`: who is told of a change of each target that was made.
    pub fn compare(&self, said: &[Said], told: &Told) -> Result<Compared, String> {
        self.done_as_recorded()?;
        self.told_as_recorded()?;
        self.told_of_what_was_made(told)?;
        self.said_as_done(said)?;
        self.told_of_policies()?;
        let (report, whole) = &self.verified;
        whole.then_some(()).ok_or_else(|| report.clone())?;
        let outcomes = outcomes(&self.records);
        let inferred = outcomes.values().filter(|one| one.text("/sent") == "recovered").count();
        let ids: BTreeSet<_> = self.messages.iter().map(|one| &one.id).collect();
        Ok(Compared {
            applied: self.applied.values().sum(),
            intents: of_kind(&self.records, "intent").len(),
            inferred,
            messages: ids.len(),
            repeats: self.messages.len() - ids.len(),
        })
    }

    /// Who was told of what was made, by target: what a run without an end shows.
    pub fn told(&self) -> Told {
        let mut all = Told::new();
        for message in &self.messages {
            if let Some((target, _)) = self.changes.get(&message.record) {
                all.entry(target.clone()).or_default().insert((message.to.clone(), message.kind.clone()));
            }
        }
        all
    }

    /// Each intent has one outcome, and Connect did what that says, once.
    fn done_as_recorded(&self) -> Result<(), String> {
        let outcomes = outcomes(&self.records);
        let intents: BTreeSet<_> = of_kind(&self.records, "intent").iter().map(|one| one.place()).collect();
        for (seq, times) in &self.applied {
            check(intents.contains(seq), || format!("Connect did what no intent says: {seq:?}"))?;
            check(*times == 1, || format!("Connect did {seq:?} {times} times"))?;
        }
        for seq in &intents {
            check(outcomes.contains_key(seq), || format!("{seq:?} has no outcome"))?;
            let done = self.applied.contains_key(seq);
            let effect = self.effect(&outcomes, seq);
            let fits = match effect {
                "applied" | "inferred_applied" => done,
                "not_applied" | "inferred_not_applied" => !done,
                "undetermined" => true,
                _ => false,
            };
            check(fits, || format!("{seq:?} is on record as {effect}, and Connect did it: {done}"))?;
        }
        Ok(())
    }

    /// What the ledger says in the end: an outcome, or a confirmation that says otherwise.
    fn effect<'a>(&'a self, outcomes: &BTreeMap<Place, &'a Record>, intent: &Place) -> &'a str {
        let confirmations = of_kind(&self.records, "confirmation");
        let revised = confirmations.into_iter().find(|one| one.intent_place() == *intent);
        let revised = revised.map(|one| one.text("/effect")).filter(|effect| !effect.is_empty());
        revised.unwrap_or_else(|| outcomes[intent].text("/effect"))
    }

    /// What a record says it told came, and nothing else; a repeat is the same message.
    fn told_as_recorded(&self) -> Result<(), String> {
        let mut came = BTreeMap::<&Place, BTreeSet<&str>>::new();
        let mut by_id = BTreeMap::<&str, Vec<&Message>>::new();
        for message in &self.messages {
            came.entry(&message.record).or_default().insert(&message.id);
            by_id.entry(&message.id).or_default().push(message);
        }
        for (id, same) in &by_id {
            let first = same[0];
            check(same.len() <= 1 + self.ended, || {
                format!("{id} came {} times, {} ends", same.len(), self.ended)
            })?;
            check(same.iter().all(|one| one.to == first.to && one.body == first.body), || {
                format!("repeats of {id} are not the same")
            })?;
        }
        for record in &self.records {
            let told = record.0.pointer("/notices/count").and_then(Value::as_u64).unwrap_or(0);
            let came = came.remove(&record.place()).map_or(0, |ids| ids.len() as u64);
            // Heartbeats are no letters; refusals may come folded; announcements are of an intent, and beside its notices.
            let beside = match record.kind() {
                "event" => record.text("/event/event") == "heartbeat",
                "refusal" | "intent" => true,
                _ => false,
            };
            let (kind, place) = (record.kind(), record.place());
            check(beside || told == came, || format!("{kind} {place:?} tells {told}, and {came} came"))?;
        }
        check(came.is_empty(), || format!("told of what is not on record: {came:?}"))
    }

    /// Nobody is told of what was not made but those who heard of it before; everybody is of what was.
    fn told_of_what_was_made(&self, told: &Told) -> Result<(), String> {
        let outcomes = outcomes(&self.records);
        let mut messages = BTreeMap::<&Place, BTreeSet<(String, String)>>::new();
        for message in &self.messages {
            if let Some((_, intent)) = self.changes.get(&message.record) {
                messages.entry(intent).or_default().insert((message.to.clone(), message.kind.clone()));
            }
        }
        for intent in of_kind(&self.records, "intent") {
            let (target, seq) = (target(intent), intent.place());
            let effect = self.effect(&outcomes, &seq);
            let came = messages.remove(&seq).unwrap_or_default();
            let kinds: BTreeSet<_> = came.iter().map(|(_, kind)| kind.as_str()).collect();
            let people: BTreeSet<_> = came.iter().map(|(to, _)| to).collect();
            let Some(expected) = told.get(&target) else { continue };
            let everybody: BTreeSet<_> = expected.iter().map(|(to, _)| to).collect();
            match effect {
                // Somebody may have been told that it may have been made: then that, and that it was.
                "applied" => {
                    check(
                        expected.is_subset(&came) || kinds.iter().any(|kind| kind.contains("may")),
                        || format!("{seq:?} was made, and was told so: {came:?} in place of {expected:?}"),
                    )?;
                }
                "inferred_applied" | "undetermined" => {
                    let mut everybody = everybody;
                    // The route of the webhook names what was done, and not what nobody can tell.
                    everybody.retain(|to| effect != "undetermined" || *to != "hook");
                    check(people == everybody, || {
                        format!("{seq:?} is {effect}, and was told to {people:?} in place of {everybody:?}")
                    })?;
                }
                _ => {
                    let silent = |kind: &&str| ["announced", "not-changed-after-all"].contains(kind);
                    check(kinds.iter().all(silent), || {
                        format!("{seq:?} was not made, and was told as {kinds:?}")
                    })?;
                    // Whoever heard that it would be made hears that it was not.
                    check(!kinds.contains("announced") || kinds.contains("not-changed-after-all"), || {
                        format!("{seq:?} was announced and not made, and that was not told")
                    })?;
                }
            }
        }
        Ok(())
    }

    /// People were told of every policy that came into force in the place of another.
    fn told_of_policies(&self) -> Result<(), String> {
        let digest = |record: &Record| record.text("/policy").to_owned();
        let in_force: Vec<_> =
            self.records.iter().filter(|one| ["start", "policy"].contains(&one.kind())).map(digest).collect();
        let told: BTreeSet<_> = of_kind(&self.records, "event")
            .into_iter()
            .filter(|one| one.text("/event/event") == "policy-changed")
            .map(|one| (one.text("/event/before").to_owned(), digest(one)))
            .collect();
        for pair in in_force.windows(2) {
            let same = pair[0] == pair[1];
            check(same || told.contains(&(pair[0].clone(), pair[1].clone())), || {
                format!("nobody was told of the policy {}", pair[1])
            })?;
        }
        Ok(())
    }

    /// Whoever was told that a change was made was told the truth.
    fn said_as_done(&self, said: &[Said]) -> Result<(), String> {
        let intents = of_kind(&self.records, "intent");
        for Said { step, target: whose, status } in said {
            let Some(whose) = whose else {
                // What was lifted before its guard ended is not there any more for whoever asks again.
                let again = *step == "lift" && *status == 404 && self.ended > 0;
                check(*status == 200 || again, || format!("{step} was answered {status}"))?;
                continue;
            };
            let of: Vec<_> =
                intents.iter().filter(|one| target(one) == *whose).map(|one| one.place()).collect();
            let times: usize = of.iter().filter_map(|seq| self.applied.get(seq)).sum();
            let fits = match (*step, *status) {
                ("refused", 403) => times == 0,
                ("frozen", 403) => times <= 1,
                ("refused" | "frozen", _) | (_, 403) => false,
                (_, 200) => times == 1,
                // Gone by another answer, or there by one: the ledger knows which attempt it was.
                (_, 404 | 409 | 500 | 503) => times <= 1,
                _ => false,
            };
            check(fits, || format!("{step} was answered {status}, and Connect did it {times} times"))?;
        }
        Ok(())
    }
}

/// The target and the intent of each record that is about a change.
fn changes(records: &[Record]) -> BTreeMap<Place, (String, Place)> {
    let targets: BTreeMap<_, _> =
        of_kind(records, "intent").iter().map(|intent| (intent.place(), target(intent))).collect();
    let intent = |record: &Record| match record.kind() {
        "intent" => Some(record.place()),
        "outcome" | "unknown" | "confirmation" => Some(record.intent_place()),
        _ => None,
    };
    let change = |record: &Record| {
        let intent = intent(record)?;
        Some((record.place(), (targets.get(&intent)?.clone(), intent)))
    };
    records.iter().filter_map(change).collect()
}

/// The outcome of each intent; fails when one has two.
pub fn outcomes(records: &[Record]) -> BTreeMap<Place, &Record> {
    let mut found = BTreeMap::new();
    for record in of_kind(records, "outcome") {
        let intent = record.intent_place();
        assert!(found.insert(intent.clone(), record).is_none(), "two outcomes of {intent:?}");
    }
    found
}

/// A place as a header field has it.
fn read_place(text: &str, between: char) -> Place {
    let (chain, seq) = text.rsplit_once(between).unwrap();
    (chain.to_owned(), seq.parse().unwrap())
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    holds.then_some(()).ok_or_else(why)
}

/// Whose change an intent is. A Username is sealed: there is one new user.
fn target(intent: &Record) -> String {
    let id = intent.text("/target/id/0");
    if intent.text("/operation") == "CreateUser" { "agent7".into() } else { id.to_owned() }
}

fn mailed(letter: &Letter) -> Message {
    let about = letter.header("X-Connect-Guard-Event").concat();
    let place = about.rsplit_once("record=").unwrap().1;
    // As it is read: what stands between the parts is chosen anew each time.
    let parts = vec![letter.text().unwrap(), letter.html().unwrap()];
    Message {
        id: letter.header("Message-ID").concat(),
        to: letter.to.concat(),
        kind: event(letter),
        record: read_place(place, '/'),
        body: [letter.header("Date"), letter.header("Subject"), parts].concat().join("\n").into_bytes(),
    }
}
