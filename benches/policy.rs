//! Ten rules against ten thousand: a decision is to take at most twice as long. Ten thousand rules in two hundred files:
//! `policy check` within a second, `policy who-can` within two. `cargo bench --bench policy`; figures are in `results.md`.

use std::{fmt::Write as _, hint::black_box};

use connect_guard::policy::{Policy, PolicyFiles, Probe, Query, Terms};
use divan::Bencher;

const COUNTS: [usize; 3] = [10, 1_000, 10_000];

fn main() {
    divan::main();
}

/// What the rules of a policy are told apart by.
#[derive(Clone, Copy)]
enum Shape {
    Callers,
    Users,
    Domains,
    Nothing,
}

#[divan::bench(args = COUNTS)]
fn callers_all_distinct(bencher: Bencher<'_, '_>, count: usize) {
    decide(bencher, Shape::Callers, count);
}

#[divan::bench(args = COUNTS)]
fn one_caller_users_all_distinct(bencher: Bencher<'_, '_>, count: usize) {
    decide(bencher, Shape::Users, count);
}

#[divan::bench(args = COUNTS)]
fn one_caller_domains_all_distinct(bencher: Bencher<'_, '_>, count: usize) {
    decide(bencher, Shape::Domains, count);
}

#[divan::bench(args = COUNTS)]
fn rules_all_the_same(bencher: Bencher<'_, '_>, count: usize) {
    decide(bencher, Shape::Nothing, count);
}

#[divan::bench(args = COUNTS, sample_count = 3, sample_size = 1)]
fn load(bencher: Bencher<'_, '_>, count: usize) {
    let text = rules(Shape::Callers, count);
    bencher.bench(|| compiled(black_box(&text)));
}

/// What `policy check` does with ten thousand rules in two hundred files, one in ten of them a deny.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn check_ten_thousand_rules_in_two_hundred_files(bencher: Bencher<'_, '_>) {
    let files = directory();
    let now = jiff::Timestamp::UNIX_EPOCH;
    assert!(Policy::compile(&files, now.into()).is_ok(), "the rules are good");
    bencher.bench(|| Policy::check(black_box(&files), now.into(), Terms::default()).ok());
}

/// What `policy who-can` does with them, once they are loaded.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn who_can_by_ten_thousand_rules(bencher: Bencher<'_, '_>) {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let policy = Policy::compile(&directory(), now.into()).ok().map(|(policy, _)| policy);
    let all =
        || policy.as_ref().map_or(0, |policy| policy.who_can(black_box(&Query::default()), now.into()).len());
    assert_eq!(all(), 9_000, "every allow is one");
    bencher.bench(all);
}

fn directory() -> PolicyFiles {
    let texts: Vec<(String, String)> = (0..200)
        .map(|file| {
            let mut text = "version = 1\n".to_owned();
            for number in file * 50..file * 50 + 50 {
                if number % 10 == 0 {
                    let _ = writeln!(
                        text,
                        "\n[[deny]]\nid = \"rule-{number}\"\nreason = \"measured\"\nusers = [\"user{number}\"]"
                    );
                } else {
                    text.push_str(&rule(Shape::Callers, number));
                }
            }
            (format!("rules-{file:03}.toml"), text)
        })
        .collect();
    PolicyFiles::of_rules(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
}

fn decide(bencher: Bencher<'_, '_>, shape: Shape, count: usize) {
    let policy = compiled(&rules(shape, count));
    let probe = probe(shape, count / 2);
    let (policy, probe) = (policy.as_ref(), probe.as_ref());
    let answer = || policy.zip(black_box(probe)).is_some_and(|(policy, probe)| policy.answer(probe).is_ok());
    assert!(answer(), "the rules are good, and the question is allowed");
    bencher.bench(answer);
}

fn compiled(text: &str) -> Option<Policy> {
    let now = jiff::Timestamp::UNIX_EPOCH;
    Policy::compile(&PolicyFiles::of_rules([("rules.toml", text)]), now.into()).ok().map(|(policy, _)| policy)
}

fn rules(shape: Shape, count: usize) -> String {
    let mut text = "version = 1\n".to_owned();
    for number in 0..count {
        text.push_str(&rule(shape, number));
    }
    text
}

fn rule(shape: Shape, number: usize) -> String {
    let (caller, domain, users) = words(shape, number);
    format!(
        r#"
[[allow]]
id = "rule-{number}"
reason = "measured"
callers = ["arn:aws:iam::111122223333:role/{caller}"]
actions = ["connect:UpdateUserIdentityInfo"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields = ["Email", "SecondaryEmail"]
email_any_in = {{ domains = ["{domain}"], because = "only to be measured" }}
users = ["{users}"]
"#
    )
}

fn words(shape: Shape, number: usize) -> (String, String, String) {
    let (mut caller, mut domain, mut user) =
        ("IdentityDesk".to_owned(), "example.com".to_owned(), "mary".to_owned());
    match shape {
        Shape::Callers => caller = format!("Desk{number}"),
        Shape::Users => user = format!("user{number}"),
        Shape::Domains => domain = format!("d{number}.example.com"),
        Shape::Nothing => {}
    }
    (caller, domain, user)
}

fn probe(shape: Shape, number: usize) -> Option<Probe> {
    let (caller, domain, user) = words(shape, number);
    let text = format!(
        r#"
[[test]]
name = "measured"
caller = "arn:aws:sts::111122223333:assumed-role/{caller}/kim"
action = "connect:UpdateUserIdentityInfo"
instance = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
user = {{ username = "{user}", Email = "old@example.com" }}
at = 2027-03-12T10:00:00Z
change = {{ Email = "new@{domain}" }}
expect = "allow"
"#
    );
    Probe::read(&text).ok()
}
