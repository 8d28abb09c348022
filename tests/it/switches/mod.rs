//! What nobody outside AWS knows about the real Connect makes no difference: the identity operations under every
//! combination of the embedded one's switches.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use connect_guard::{
    demo::{
        connect::{Instance, Switches},
        mailbox::Letter,
        stage::{INSTANCE, SECURITY, Setting, Stage},
    },
    operation::Directory,
};

use crate::{
    records::{Record, of_kind, outcomes},
    running::{Running, event, program, rewrite, roomy, user},
};

mod trial;

use trial::{Expected, Trial, addressee};

const SAML: &str = "b2c3d4e5-6789-01ab-cdef-EXAMPLE22222";
const AGENT: &str = "11111111-aaaa-bbbb-cccc-EXAMPLE11111";

/// How late a change takes effect, and how late a read shows it: together less than a guard waits at first.
const LATE: Duration = Duration::from_millis(80);
/// Users for each combination.
const USERS: usize = 10;
/// The combinations are tried by so many guards at the same time.
const PARTS: usize = 4;

/// The names of what is cleared when it is left out.
type Fields = &'static [&'static str];

fn setting(combinations: usize) -> Setting {
    let mut setting = roomy([]);
    let saml = |number: usize| number % USERS == 4;
    let (on_saml, here): (Vec<_>, Vec<_>) = (0..combinations * USERS).partition(|number| saml(*number));
    let instances = &mut setting.connect.instances;
    let profiles = instances[0].profiles.clone();
    instances[0].users.extend(here.into_iter().map(user));
    instances.push(Instance {
        id: SAML.into(),
        name: "saml".into(),
        directory: Directory::Saml,
        users: on_saml.into_iter().map(user).collect(),
        profiles,
        addresses: Vec::new(),
    });
    setting.roles.push("Onboarding".into());
    let policy = &mut setting.policy[0].1;
    let both = format!("instances = [\"{INSTANCE}\", \"{SAML}\"]");
    *policy = policy.replace(&format!("instances  = [\"{INSTANCE}\"]"), &both);
    *policy = format!(
        r#"{policy}
[[allow]]
id        = "identity-desk-removals"
reason    = "The desk takes second addresses away"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:UpdateUserIdentityInfo"]
instances = ["{INSTANCE}"]
remove    = ["SecondaryEmail"]

[[allow]]
id         = "onboarding"
reason     = "New agents"
callers    = ["arn:aws:iam::111122223333:role/Onboarding"]
actions    = ["connect:CreateUser"]
instances  = ["{INSTANCE}"]
usernames  = ["*"]
grants     = ["{AGENT}"]
fields     = ["FirstName", "LastName", "Email"]
email_from = "{{username}}@example.com"
password   = "allow"
"#
    );
    setting
}

async fn part(number: usize) {
    let times = [Duration::ZERO, LATE];
    let all = Switches::combinations(&times, &times);
    assert_eq!(all.len(), 192);
    let own: Vec<_> = all.into_iter().skip(number).step_by(PARTS).collect();
    let both = |stage: &Stage| {
        rewrite(stage, &format!("[\"{INSTANCE}\"]"), &format!("[\"{INSTANCE}\", \"{SAML}\"]"));
        PathBuf::from(program())
    };
    let guard = Running::amended(setting(own.len()), both).await;
    let mut found = Vec::new();
    for (place, switches) in own.into_iter().enumerate() {
        let trial = Trial { guard: &guard, switches, first: place * USERS };
        found.extend(Box::pin(trial.all()).await.into_iter().map(|expected| (switches, expected)));
    }
    let sent = guard.stage.connect.requests();
    assert!(sent.iter().all(|one| !one.target.contains("arn")), "Connect got an ARN");
    on_record(&guard.records().await, &found);
    guard.hasten();
    in_the_mail(&guard.letters().await, &found);
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

fn on_record(records: &[Record], found: &[(Switches, Expected)]) {
    let outcomes = outcomes(records);
    let mut intents = BTreeMap::<&str, Vec<&Record>>::new();
    let mut creations = Vec::new();
    for intent in of_kind(records, "intent") {
        match intent.text("/operation") {
            // Its target is a name, which no record shows.
            "CreateUser" => creations.push(intent),
            _ => intents.entry(intent.text("/target/id/0")).or_default().push(intent),
        }
    }
    let mut refusals = BTreeMap::<&str, Vec<&str>>::new();
    for refusal in of_kind(records, "refusal") {
        refusals.entry(refusal.text("/target/id/0")).or_default().push(refusal.text("/refusal/code"));
    }
    let also = |intent: &Record| {
        let outcome = outcomes[&intent.seq()];
        assert_eq!((outcome.text("/effect"), outcome.text("/sent")), ("applied", "accepted"));
        let mut fields = outcome.side_effects();
        fields.sort_by_key(|field| FIELDS.iter().position(|name| name == field));
        fields.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    for (switches, expected) in found {
        let id = &*expected.user.id;
        if !expected.user.username.starts_with("new") {
            let changes: Vec<_> = intents.remove(id).unwrap_or_default().into_iter().map(also).collect();
            assert_eq!(changes, expected.changes, "{switches:?} {}", expected.user.username);
        }
        assert_eq!(refusals.remove(id).unwrap_or_default(), expected.refusals, "{switches:?}");
    }
    let new: Vec<_> = found.iter().filter(|(_, one)| one.user.username.starts_with("new")).collect();
    assert_eq!(creations.len(), new.len());
    assert!(creations.into_iter().all(|intent| also(intent).is_empty()));
    // What has no one reading has no target either.
    let unread = refusals.remove("").unwrap_or_default();
    assert_eq!(unread, vec!["malformed"; new.len()]);
    assert!(intents.is_empty() && refusals.is_empty(), "more is on record");
}

/// How many refusals a letter about several of them stands for.
fn folded(letter: &Letter) -> usize {
    let text = letter.text().unwrap();
    text.lines().find_map(|line| line.strip_prefix("Refusals: ")).expect("a count").parse().unwrap()
}

/// Refusals reach the security team folded: they are counted, and not told apart.
fn counted(to: String, kind: &str) -> (String, String) {
    let to = if kind == REFUSED && to.starts_with(SECURITY) { SECURITY.to_owned() } else { to };
    (to, kind.to_owned())
}

const REFUSED: &str = "address-change-refused";
const FIELDS: [&str; 5] = ["FirstName", "LastName", "Email", "SecondaryEmail", "Mobile"];

fn in_the_mail(letters: &[Letter], found: &[(Switches, Expected)]) {
    let mut mailed = BTreeMap::<(String, String), usize>::new();
    for letter in letters {
        let (key, times) = match event(letter).as_str() {
            "repeated-refusals" => (counted(letter.to.concat(), REFUSED), folded(letter)),
            kind => (counted(addressee(letter), kind), 1),
        };
        *mailed.entry(key).or_default() += times;
    }
    let mut expected = BTreeMap::<(String, String), usize>::new();
    for (to, kind) in found.iter().flat_map(|(_, one)| &one.told) {
        *expected.entry(counted(to.clone(), kind)).or_default() += 1;
    }
    let switches = |to: &str| {
        let mut who = found.iter().filter(|(_, one)| one.told.iter().any(|(other, _)| other == to));
        who.next().map(|(switches, _)| *switches)
    };
    let keys: BTreeSet<_> = mailed.keys().chain(expected.keys()).collect();
    for key in keys {
        assert_eq!(mailed.get(key), expected.get(key), "{key:?} {:?}", switches(&key.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fourth_combination_from_the_first() {
    part(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fourth_combination_from_the_second() {
    part(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fourth_combination_from_the_third() {
    part(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fourth_combination_from_the_fourth() {
    part(3).await;
}
