//! The engine against another: rules in Cedar's language, and Cedar's own engine, asked the same questions. Not one answer
//! may differ; and a translation with a fault put into it is found out, or the comparison would prove nothing.
//!
//! Cedar stands in a crate of its own, `tests/cedar`, since it takes minutes to compile, and this is a target of its own,
//! which `cargo test` leaves out: `tests/run cedar` builds both and runs them. What Cedar does not have (templates, hours, what counts as a change) is worked out here a second time.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod draft;
mod question;

use std::{
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use connect_guard::policy::{Policy, PolicyFiles};
use draft::{Draft, Slip};
use question::Question;

/// Policies, and questions to each: a hundred thousand answers.
const POLICIES: usize = 250;
const QUESTIONS: usize = 400;
/// Questions there are; each policy is asked some of them.
const POOL: usize = 4_000;

/// Numbers that look random and are the same in every run (`splitmix64`, public domain).
pub struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below a number.
    fn below(&mut self, number: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(number).unwrap()).unwrap()
    }

    /// Once in so many times.
    fn once_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    /// One of these.
    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Some of these, one at least.
    fn some<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        let mut some: Vec<T> = of.iter().filter(|_| self.once_in(2)).cloned().collect();
        if some.is_empty() {
            some.push(self.one(of).clone());
        }
        some
    }
}

/// What was compared.
struct Compared {
    answers: usize,
    allowed: usize,
    /// What was asked of which rules, where the answers differ.
    differences: Vec<String>,
}

#[test]
fn f1_cedar_gives_the_same_hundred_thousand_answers() {
    let begun = Instant::now();
    let found = compare(2_027, POLICIES, QUESTIONS, Slip::None);
    assert!(found.differences.is_empty(), "{} differ: {}", found.differences.len(), found.differences[0]);
    assert_eq!(found.answers, 100_000);
    let share = found.allowed * 100 / found.answers;
    assert!((5..=95).contains(&share), "{share} in a hundred are allowed: the questions are too plain");
    assert!(begun.elapsed() < Duration::from_mins(3), "it takes {:?}", begun.elapsed());
}

#[test]
fn f1_a_matcher_that_is_wrong_is_found_out() {
    for slip in Slip::ALL {
        let found = compare(7, 40, 400, slip);
        assert!(!found.differences.is_empty(), "{slip:?} changes nothing");
    }
}

fn compare(seed: u64, policies: usize, questions: usize, slip: Slip) -> Compared {
    let mut dice = Dice(seed);
    let pool: Vec<Question> = (0..POOL).map(|_| Question::rolled(&mut dice)).collect();
    let mut lines = Vec::new();
    let mut asked = Vec::new();
    for _ in 0..policies {
        let drafts: Vec<Draft> =
            (0..=dice.below(12)).map(|number| Draft::rolled(number, &mut dice)).collect();
        let (guarded, lifted) = (dice.once_in(3), dice.below(3));
        let protected = if guarded {
            format!("[protected]\nusers = [\"{}\"]\n", draft::NAMES[lifted])
        } else {
            String::new()
        };
        let text: String = std::iter::once("version = 1\n".to_owned())
            .chain([protected])
            .chain(drafts.iter().map(Draft::toml))
            .collect();
        let policy = compiled(&text);
        let protected = guarded.then(|| draft::NAMES[lifted]);
        let cedar: String = drafts.iter().map(|draft| draft.cedar(protected, slip)).collect();
        lines.push(serde_json::json!({ "policies": cedar }).to_string());
        for _ in 0..questions {
            let question = dice.one(&pool);
            let requests = question.requests();
            asked.push((
                policy.answer(&question.probe).is_ok(),
                requests.len(),
                text.clone(),
                question.shown(),
            ));
            lines.extend(requests.iter().map(ToString::to_string));
        }
    }
    let answers = ask(lines);
    let mut answers = answers.iter();
    let mut found = Compared { answers: 0, allowed: 0, differences: Vec::new() };
    for (ours, requests, rules, question) in asked {
        let all: Vec<&String> = answers.by_ref().take(requests).collect();
        assert_eq!(all.len(), requests, "Cedar answers too little");
        assert!(all.iter().all(|answer| !answer.starts_with("error")), "{all:?}: {rules}");
        let theirs = all.iter().all(|answer| *answer == "allow");
        found.answers += 1;
        found.allowed += usize::from(ours);
        if ours != theirs {
            found.differences.push(format!("the guard allows: {ours}, Cedar: {theirs}\n{question}\n{rules}"));
        }
    }
    assert!(answers.next().is_none(), "Cedar answers too much");
    found
}

fn compiled(text: &str) -> Policy {
    let now: jiff::Timestamp = draft::LONG_AGO.parse().unwrap();
    let Ok((policy, _)) = Policy::compile(&PolicyFiles::of_rules([("rules.toml", text)]), now.into()) else {
        panic!("it does not load:\n{text}")
    };
    policy
}

/// Cedar's answer to each line that is a request.
fn ask(lines: Vec<String>) -> Vec<String> {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/cedar/debug/cedar-oracle");
    let mut child = Command::new(&oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; tests/run cedar builds it", oracle.display()));
    let mut stdin = BufWriter::new(child.stdin.take().unwrap());
    let writing = thread::spawn(move || {
        for line in lines {
            writeln!(stdin, "{line}").unwrap();
        }
        stdin.flush().unwrap();
    });
    let answers = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    writing.join().unwrap();
    assert!(child.wait().unwrap().success(), "Cedar does not read it");
    answers
}
