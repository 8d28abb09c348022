//! Ten rules against ten thousand: a decision is to take at most twice as long. `cargo bench --bench policy`

use std::{fmt::Write as _, hint::black_box};

use connect_guard::policy::{Policy, PolicyFiles, Probe};
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
        let (caller, domain, users) = words(shape, number);
        let _ = writeln!(
            text,
            r#"
[[allow]]
id = "rule-{number}"
reason = "measured"
callers = ["arn:aws:iam::111122223333:role/{caller}"]
actions = ["connect:UpdateUserIdentityInfo"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields = ["Email", "SecondaryEmail"]
email_any_in = {{ domains = ["{domain}"], because = "only to be measured" }}
users = ["{users}"]"#
        );
    }
    text
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
