//! A policy file: reading it never fails but with faults, and `policy fmt` is a fixed point that keeps what the file decides. The
//! file also stands for `revoked.toml` and for one of `deny.d`. Which of the questions are asked, and whether faults are put
//! into words, follows from the file: all of it at every file is ten times as slow.
#![no_main]

use std::sync::LazyLock;

use connect_guard::{
    fuzzing::{Now, Source},
    policy::{DirectoryFile, Policy, PolicyFiles, Probe, formatted},
};
use connect_guard_fuzz::Dice;
use libfuzzer_sys::fuzz_target;

static NOW: LazyLock<Now> =
    LazyLock::new(|| Now::from(jiff::Timestamp::from_second(2_057_997_600).expect("a time")));

/// Who asks for what: those whom the example policies name, and others.
static PROBES: LazyLock<Vec<Probe>> = LazyLock::new(|| {
    let instance = "instance = \"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111\"";
    let roles = ["IdentityDesk", "HrSync", "Onboarding", "AgentDesktop", "LeadEast", "HelpDesk"];
    let changes = [
        "Email = \"mary.major@example.com\"",
        "Email = \"mary@example.org\"",
        "SecondaryEmail = \"\"",
        "FirstName = \"Maria\", Mobile = \"+12065550100\"",
    ];
    let mut texts = Vec::new();
    for role in roles {
        let caller = format!(
            "[[test]]\nname = \"n\"\nexpect = \"allow\"\nat = 2035-03-12T10:00:00Z\n\
             caller = \"arn:aws:sts::111122223333:assumed-role/{role}/kim\"\n"
        );
        for change in changes {
            texts.push(format!(
                "{caller}{instance}\naction = \"connect:UpdateUserIdentityInfo\"\nchange = {{ {change} }}\n\
                 user = {{ username = \"mary\", Email = \"mary.old@example.com\" }}\n"
            ));
        }
        for action in ["DescribeUser", "DeleteUser"] {
            texts.push(format!(
                "{caller}{instance}\naction = \"connect:{action}\"\nuser = {{ username = \"mary\" }}\n"
            ));
        }
    }
    let probes: Vec<Probe> = texts
        .iter()
        .map(|text| match Probe::read(text) {
            Ok(probe) => probe,
            Err(faults) => panic!("{}", faults.plain()),
        })
        .collect();
    assert_eq!(probes.len(), 36);
    probes
});

fuzz_target!(|octets: &[u8]| {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let mut dice = Dice::of(octets);
    let in_words = dice.below(8) == 0;
    let read = compiled(text, in_words);
    let laid_out = match formatted(&Source::new("rules.toml", text)) {
        Ok(laid_out) => laid_out,
        Err(faults) => {
            assert!(!in_words || !faults.plain().is_empty());
            return;
        }
    };
    let again = formatted(&Source::new("rules.toml", laid_out.as_str())).expect("what was laid out");
    assert!(again == laid_out, "laid out twice:\n{laid_out}\nbecomes\n{again}");
    match (read, compiled(&laid_out, false)) {
        (Some(before), Some(after)) => {
            assert_eq!(before.counts(), after.counts());
            assert_eq!((before.epoch(), before.monitors()), (after.epoch(), after.monitors()));
            assert_eq!(before.frozen_by().is_some(), after.frozen_by().is_some());
            for _ in 0..3 {
                let probe = &PROBES[dice.below(PROBES.len())];
                assert_eq!(answer(&before, probe), answer(&after, probe));
            }
        }
        (None, None) => {}
        (before, _) => {
            panic!("it loads {} it is laid out:\n{laid_out}", if before.is_some() { "until" } else { "once" })
        }
    }
});

fn compiled(text: &str, in_words: bool) -> Option<Policy> {
    let source = |name: &str| Source::new(name, text);
    let mut files = PolicyFiles::of_rules([("rules.toml", text)]);
    files.directories = vec![DirectoryFile {
        source: Source::new("hr.csv", "username,address\nmary,mary.major@example.com\n"),
        modified: *NOW,
    }];
    if text.contains("[[revoked]]") {
        files.revoked = Some(Ok(source("revoked.toml")));
    } else if text.contains("[[deny]]") {
        files.deny = vec![Ok(source("deny.d/rules.toml"))];
    }
    match Policy::compile(&files, *NOW) {
        Ok((policy, faults)) => {
            if in_words {
                let _ = faults.plain();
            }
            Some(policy)
        }
        Err(faults) => {
            assert!(faults.fatal());
            assert!(!in_words || (!faults.plain().is_empty() && !faults.json().is_empty()));
            None
        }
    }
}

/// The code of the refusal, or the ids of the rules; their lines differ.
fn answer(policy: &Policy, probe: &Probe) -> Result<Vec<String>, String> {
    match policy.answer(probe) {
        Ok(basis) => {
            Ok(basis.grounds.iter().map(|(ground, rule)| format!("{ground:?} {}", rule.id)).collect())
        }
        Err(refusal) => Err(refusal.code.as_str().to_owned()),
    }
}
