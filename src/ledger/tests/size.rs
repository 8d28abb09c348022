//! A store as large as a year leaves it, for `tests/long size`. What makes the records of a running guard makes these, byte
//! for byte: intents, outcomes, deliveries, ordinary operations, refusals, heads. The tables beside them are as that guard
//! leaves them once it has forgotten what it forgets. Only the writing is another: many records are one statement, and
//! nothing is synced before the end.

use std::{collections::HashMap, mem, sync::Arc};

use tokio::sync::mpsc;

use super::*;
use crate::{
    caller::{Arn, Caller, Principal},
    ledger::{
        answer, core::Core, intent, lease::AtWork, notices, outbox, outcome, outcome::reference, refusal,
        summary,
    },
    operation::testing::ordinary,
    store::{
        Append, Compose, Composed, Head, IntentRef, NewPerson, Op, Others, PersonRow, Place, Settled, State,
        Step, Verdict,
        testing::{Bulk, BulkIntent},
    },
    wire::RequestId,
};

/// What is not said otherwise.
const RECORDS: u64 = 400;
const USERS: u64 = 5_000;
/// Roles, and sessions of each.
const ROLES: u64 = 20;
const SESSIONS: u64 = 10;
const YEAR: i64 = 365 * 24 * 60 * 60 * 1000;
/// Records between two that say where the chains end.
const HEADS: u64 = 2_000;
/// Records given to the store at once.
const BATCH: usize = 2_000;
/// Of so many events, changes and refusals; the rest are ordinary operations.
const EVENTS: u64 = 50;
const CHANGES: u64 = 10;
const REFUSALS: u64 = 4;
/// Changes of one user whose addresses are noted: each has four, one after the other.
const ADDRESSES: u32 = 4;
const LEASE: i64 = 30_000;

/// What goes into the store at once.
#[derive(Default)]
struct Batch {
    first: u64,
    records: Vec<Vec<u8>>,
    people: Vec<NewPerson>,
    intents: Vec<BulkIntent>,
    ops: Vec<(u64, Vec<Op>)>,
}

/// Makes records one after another.
struct Maker {
    core: Arc<Core>,
    at_work: AtWork,
    head: Head,
    people: HashMap<String, PersonRow>,
    changes: HashMap<u64, u32>,
    batch: Batch,
    to: mpsc::Sender<Batch>,
    dice: u64,
}

impl Maker {
    /// A number below this that looks random and is the same in every run (`splitmix64`, public domain).
    fn below(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// One of two hundred sessions, with a request of its own.
    fn caller(&mut self) -> Caller {
        let (role, session) = (self.below(ROLES), self.below(SESSIONS));
        let arn = format!("arn:aws:sts::111122223333:assumed-role/Desk-{role:02}/agent-{session}");
        let id = u128::from(self.below(u64::MAX)) << 64 | u128::from(self.below(u64::MAX));
        let id = uuid::Uuid::from_u128(id).to_string();
        let mut caller = caller();
        caller.principal = Principal { arn: Arn::read(&arn).unwrap(), unique_id: None };
        caller.origin.request_id = RequestId::from(&*id);
        caller
    }

    fn user(&mut self) -> u32 {
        u32::try_from(self.below(USERS)).unwrap()
    }

    fn person(&mut self, new: NewPerson) -> PersonRow {
        if let Some(row) = self.people.get(&new.person) {
            return row.clone();
        }
        self.people.insert(new.person.clone(), new.row.clone());
        let row = new.row.clone();
        self.batch.people.push(new);
        row
    }

    /// The next record, and what was to be written beside it.
    async fn written(&mut self, append: Append, intent: Option<State>) -> (Head, Vec<Op>) {
        let person = append.person.map(|new| self.person(new));
        self.composed(append.compose, person, intent).await
    }

    async fn composed(
        &mut self,
        compose: Compose,
        person: Option<PersonRow>,
        intent: Option<State>,
    ) -> (Head, Vec<Op>) {
        let (seq, prev) = (self.head.seq + 1, self.head.hash);
        let heads = vec![(self.core.chain.to_string(), self.head)];
        let place = Place { seq, prev, person, verdict: Verdict::Clear, intent, freeze: None, heads };
        let Composed { record, ops } = compose(&place).unwrap();
        let bytes = record.unwrap();
        self.head = Head { seq, hash: Digest::of(&bytes) };
        if self.batch.records.len() >= BATCH {
            self.flush().await;
        }
        if self.batch.records.is_empty() {
            self.batch.first = seq;
        }
        self.batch.records.push(bytes);
        (self.head, ops)
    }

    async fn flush(&mut self) {
        assert!(self.to.send(mem::take(&mut self.batch)).await.is_ok(), "the store takes no more");
    }

    /// Everything there is of one change: the intent, its outcome, and what became of each message.
    async fn change(&mut self) {
        let (n, who) = (self.user(), self.caller());
        let counted = self.changes.entry(n.into()).or_default();
        *counted += 1;
        let count = *counted;
        let of = |k: u32| format!("mary.major{n}.{}@example.com", k % ADDRESSES);
        let (from, to) = (of(count), of(count + 1));
        let differences =
            vec![FieldChange { field: Field::Email, before: Some(from.clone()), after: Some(to.clone()) }];
        let signature = format!("{}", self.head.seq);
        let asked = (who, attempt(&signature, &to), update(n, &to));
        let permit = Permit::for_tests(asked, seen(n, &from), differences, Vec::new(), self.core.clock.now());
        let plan = plan(&permit);
        let at = self.core.now();
        let step = append(intent::step(&self.core, &permit, &plan).unwrap());
        let (head, ops) = self.written(step, None).await;
        let is_new = count <= ADDRESSES;
        let mut target = String::new();
        let mut known = Vec::new();
        for op in ops {
            if let Op::Intent(new) = op {
                target = new.target;
            } else if is_new && is_known(&op) {
                known.push(op);
            }
        }
        let named = IntentRef { chain: self.core.chain.to_string(), seq: head.seq };
        let (before, wanted) = intent::identities(&permit);
        let open = Intent {
            permit,
            record: reference(&self.core.chain, head),
            before,
            wanted,
            held: plan.held().into(),
            lease: self.at_work.begin(named, at + LEASE),
        }
        .sent(Sent::Accepted(answered(200)));
        let finding = Finding {
            effect: Effect::Applied,
            side_effects: Vec::new(),
            told_unknown: false,
            shows: Shows::Already,
            user: None,
            at: self.core.clock.now(),
        };
        let (reply, memory) = answer::reply(open.outcome(), open.operation(), finding.effect);
        let step = append(outcome::close(&self.core, &open, &finding, &reply, memory).unwrap());
        let (closed, ops) = self.written(step, Some(State::Open)).await;
        known.extend(ops.into_iter().filter(|op| is_new && is_known(op)));
        let letters = notices::resolve(plan.held(), &finding, &reference(&self.core.chain, closed));
        for delivery in letters {
            let reply = format!("250 2.1.5 <{}> ok", delivery.recipient);
            let claimed = Claimed { ids: vec![1], delivery, attempts: 0, first_at: at };
            let step =
                outbox::settle(&self.core, &claimed, target.clone(), Settled::Delivered, reply).unwrap();
            self.written(append(step), None).await;
        }
        if !known.is_empty() {
            self.batch.ops.push((closed.seq, known));
        }
        let owner = self.core.owner.clone();
        self.batch.intents.push(BulkIntent { seq: head.seq, target, owner, at, outcome: closed.seq });
    }

    async fn ordinary(&mut self) {
        let (n, who) = (self.user(), self.caller());
        let target = match self.below(4) {
            0 => format!("/users-summary/{INSTANCE}"),
            _ => format!("/users/{INSTANCE}/{}", user(n)),
        };
        let asked = (who, attempt("a", ""), ordinary("GET", &target, ""));
        let permit = Permit::for_tests(asked, Seen::default(), Vec::new(), Vec::new(), self.core.clock.now());
        let compose = refusal::ordinary(&self.core, &permit, self.core.now());
        self.composed(compose, None, None).await;
    }

    /// One half with what was asked sealed, the other one as of ordinary operations.
    async fn refusal(&mut self) {
        let mut refused = notes::refused(Some(self.user()));
        refused.caller = self.caller();
        if self.below(2) == 0 {
            let compose = refusal::compact(&self.core, &refused, self.core.now());
            self.composed(compose, None, None).await;
        } else {
            let plan = Plan::of_refusal(&refused, &routing(), self.core.clock.now());
            let step = append(refusal::step(&self.core, &refused, &plan).unwrap());
            self.written(step, None).await;
        }
    }

    /// All of them, over a year.
    async fn make(mut self, records: u64) {
        let first = self.head.seq;
        let mut heads = first + HEADS;
        while self.head.seq < records {
            let before = self.head.seq;
            match self.below(EVENTS) {
                event if event < CHANGES => self.change().await,
                event if event < CHANGES + REFUSALS => self.refusal().await,
                _ => self.ordinary().await,
            }
            if self.head.seq >= heads {
                heads += HEADS;
                self.written(append(summary::heads(&self.core)), None).await;
            }
            let passed = |seq: u64| YEAR * i64::try_from(seq).unwrap() / i64::try_from(records).unwrap();
            let by = passed(self.head.seq) - passed(before);
            self.core.clock.advance(SignedDuration::from_millis(by));
        }
        self.flush().await;
    }
}

/// What of a person stays beside the chain.
fn is_known(op: &Op) -> bool {
    matches!(op, Op::Addresses { .. } | Op::Permissions { .. } | Op::Named { .. })
}

fn append(step: Step) -> Append {
    let Step::Append(append) = step else { panic!("it appends nothing") };
    append
}

/// Puts what is made into the store until nothing more comes.
async fn put(url: String, chain: String, mut from: mpsc::Receiver<Batch>) {
    let mut bulk = Bulk::at(&url).await;
    while let Some(batch) = from.recv().await {
        bulk.begin().await;
        for person in &batch.people {
            bulk.person(person).await;
        }
        bulk.records(&chain, batch.first, &batch.records).await;
        bulk.intents(&chain, &batch.intents).await;
        for (seq, ops) in batch.ops {
            bulk.ops(&chain, seq, ops).await;
        }
        bulk.commit().await;
    }
    bulk.end().await;
}

/// Where it is, and how many records it has.
async fn made(url: String, records: u64) {
    let now = Clock::system().now().timestamp();
    let clock = Clock::manual(now - SignedDuration::from_millis(YEAR));
    let options = || LedgerOptions {
        url: url.clone(),
        replica: "guard".into(),
        timeout: Duration::from_mins(1),
        lease: Duration::from_millis(LEASE.unsigned_abs()),
        queue: 16,
        ephemeral: Some("a test".into()),
        seal: Seal::new(vec![("stage".into(), Secret::new(vec![7; 32]))]).unwrap(),
        hash: HashKey::new(&Secret::new(vec![9; 32])),
        clock: clock.clone(),
    };
    let ledger = Ledger::open(options()).await.unwrap();
    ledger.started(Digest::of(b"policy")).await.unwrap();
    ledger.stop().await.unwrap();
    let head = ledger.inner.shared.head().unwrap();
    let LedgerOptions { seal, hash, clock, .. } = options();
    let core = Core {
        chain: "guard".into(),
        owner: "00112233445566778899aabb".into(),
        others: Others::AreGone,
        seal,
        hash,
        clock: clock.clone(),
        lease: LEASE,
        timeout: Duration::from_mins(1),
    };
    let (to, from) = mpsc::channel(4);
    let maker = Maker {
        at_work: AtWork::new(clock, LEASE, true),
        core: Arc::new(core),
        head,
        people: HashMap::new(),
        changes: HashMap::new(),
        batch: Batch::default(),
        to,
        dice: 1,
    };
    let putting = tokio::spawn(put(url, "guard".into(), from));
    maker.make(records).await;
    putting.await.unwrap();
}

/// How many, and where, is said from outside: otherwise a few, to see that they are what a guard leaves.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "how many, and where, is said from outside")]
async fn a_year_of_records_is_a_sound_ledger() {
    let bench = Bench::new();
    let given = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let records = given("SIZE_RECORDS").map_or(RECORDS, |text| text.parse().unwrap());
    let url = given("SIZE_URL").unwrap_or_else(|| bench.url());
    made(url.clone(), records).await;
    if records > RECORDS {
        return;
    }
    let found = Ledger::verify(&url).await.unwrap();
    assert_eq!((found.faults.as_slice(), found.open), ([].as_slice(), 0));
    assert!(found.records >= records, "{}", found.records);
    let kinds: Vec<_> =
        rows(&url).await.iter().map(|row| serde_json::from_slice::<serde_json::Value>(&row.bytes)).collect();
    let count = |kind: &str| kinds.iter().filter(|row| row.as_ref().unwrap()["kind"] == kind).count();
    assert_eq!(count("intent"), count("outcome"));
    assert_eq!(count("delivery"), 4 * count("intent"));
    for kind in ["intent", "ordinary", "refusal"] {
        assert!(count(kind) > 0, "{kind}");
    }
    // The guard goes on with it.
    let ledger = Ledger::open(LedgerOptions {
        url,
        replica: "guard".into(),
        seal: Seal::new(vec![("stage".into(), Secret::new(vec![7; 32]))]).unwrap(),
        clock: Clock::system(),
        ..bench.options()
    })
    .await
    .unwrap();
    ledger.stop().await.unwrap();
}
