//! What the policy decides, by example and by property.

mod advice;
mod bad;
mod chain;
mod create;
mod decisions;
mod deny;
mod differences;
mod emails;
mod emergency;
mod example;
mod expiring;
mod explain;
mod format;
mod freezes;
mod groups;
mod language;
mod lint;
mod past;
mod monitor;
mod narrower;
mod outline;
mod own;
mod properties;
mod protected;
mod quotas;
mod reach;
mod readme;
mod report;
mod scale;
mod schema;
mod screening;
mod search;
mod sentences;
mod suggest;
mod signed;
mod tickets;
mod trials;
mod who_can;

use std::{collections::BTreeMap, fs, path::Path};

use jiff::Timestamp;

use crate::{
    caller::{Arn, Principal},
    clock::Now,
    diagnostic::Source,
    operation::{Directory, Field, Profile, routes},
};

use super::{
    Code, DirectoryFile, Known, Policy, PolicyFiles, Refusal,
    case::{Case, CaseUser},
    compile::verdict,
    grant::Grant,
    question::Password,
};

/// The instance of every test.
const INSTANCE: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";
/// A Friday morning.
const NOON: &str = "2027-03-12T10:00:00Z";
/// The security profile of plain agents.
const AGENT: &str = "12345678-1111-2222-aaaa-111111111111";

fn at(text: &str) -> Now {
    text.parse::<Timestamp>().unwrap().into()
}

/// Files of a policy directory with these rules.
fn files(rules: &[&str]) -> PolicyFiles {
    PolicyFiles {
        rules: (1..)
            .zip(rules)
            .map(|(n, text)| Source::new(format!("rules-{n}.toml"), format!("version = 1\n{text}")))
            .collect(),
        ..PolicyFiles::default()
    }
}

/// The policy of these rules; they must be without errors.
fn policy(rules: &[&str]) -> Policy {
    compile(&files(rules))
}

fn compile(files: &PolicyFiles) -> Policy {
    match Policy::compile(files, at(NOON)) {
        Ok((policy, _)) => policy,
        Err(faults) => panic!("{}", faults.plain()),
    }
}

/// The faults of these rules, a line each.
fn faults(rules: &[&str]) -> String {
    match Policy::compile(&files(rules), at(NOON)) {
        Ok((_, faults)) | Err(faults) => faults.plain(),
    }
}

/// A file of the repository.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A policy directory on disk.
fn directory(path: &Path, modified: Now) -> PolicyFiles {
    let mut files = PolicyFiles::default();
    let of = |path: &Path| {
        let mut found: Vec<_> = match fs::read_dir(path) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect(),
            Err(_) => Vec::new(),
        };
        found.sort();
        found.into_iter().map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            Source::new(name, read(&path))
        })
    };
    for source in of(path) {
        if &*source.name == "revoked.toml" {
            files.revoked = Some(Ok(source));
        } else if &*source.name == "policy.sig" {
            files.signature = Some(Ok(source));
        } else if source.name.ends_with(".toml") {
            files.rules.push(source);
        } else if source.name.ends_with(".csv") {
            files.directories.push(DirectoryFile { source, modified });
        }
    }
    files.deny = of(&path.join("deny.d")).filter(|file| file.name.ends_with(".toml")).map(Ok).collect();
    files
}

fn principal(arn: &str) -> Principal {
    Principal { arn: Arn::read(arn).unwrap(), unique_id: None }
}

/// A session of a role of the account.
fn role(name: &str) -> Principal {
    principal(&format!("arn:aws:sts::111122223333:assumed-role/{name}/kim"))
}

/// `IdentityDesk` asks about Mary, an agent.
fn case(operation: &str) -> Case {
    Case {
        caller: role("IdentityDesk"),
        key_id: None,
        issued: None,
        claims: BTreeMap::new(),
        notes: BTreeMap::new(),
        route: routes().iter().find(|route| route.operation == operation).unwrap(),
        instance: Some(INSTANCE.to_owned()),
        instance_arn: Some(format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}")),
        user: Some(user("mary")),
        username: None,
        wanted: Vec::new(),
        password: Password::Absent,
        grants: Vec::new(),
        permissions: Vec::new(),
        members: Vec::new(),
        profile: None,
        profiles: vec![profile(AGENT, &["BasicAgentAccess"])],
        directory: Directory::ConnectManaged,
        channel: Vec::new(),
        known: Known::default(),
        at: at(NOON),
    }
}

fn user(username: &str) -> CaseUser {
    CaseUser {
        id: format!("id-of-{username}"),
        username: username.to_owned(),
        values: vec![
            (Field::FirstName, "Mary".to_owned()),
            (Field::LastName, "Major".to_owned()),
            (Field::Email, "mary.old@example.com".to_owned()),
        ],
        profiles: vec![AGENT.to_owned()],
    }
}

fn profile(id: &str, permissions: &[&str]) -> Profile {
    Profile {
        id: id.to_owned(),
        name: id.to_owned(),
        permissions: permissions.iter().map(|&permission| permission.to_owned()).collect(),
    }
}

/// `UpdateUserIdentityInfo` with these values; an empty one is a removal.
fn update(wanted: &[(Field, &str)]) -> Case {
    let value = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Case {
        wanted: wanted.iter().map(|(field, text)| (*field, value(text))).collect(),
        ..case("UpdateUserIdentityInfo")
    }
}

fn email(address: &str) -> Case {
    update(&[(Field::Email, address)])
}

fn allowed(policy: &Policy, case: &Case) -> Grant {
    match verdict(policy, case) {
        Ok(grant) => grant,
        Err(refusal) => panic!("{}: {}", refusal.code, refusal.detail),
    }
}

fn refused(policy: &Policy, case: &Case) -> Refusal {
    verdict(policy, case).expect_err("it is allowed")
}

fn code(policy: &Policy, case: &Case) -> Option<Code> {
    verdict(policy, case).err().map(|refusal| refusal.code)
}

/// The rules that a grant rests on.
fn rules(grant: &Grant) -> Vec<&str> {
    grant.basis.grounds.iter().map(|(_, rule)| &*rule.id).collect()
}

/// An `[[allow]]` for `IdentityDesk` over `UpdateUserIdentityInfo`, with more lines.
fn allow(id: &str, lines: &str) -> String {
    allow_of(id, "UpdateUserIdentityInfo", lines)
}

fn allow_of(id: &str, operation: &str, lines: &str) -> String {
    format!(
        r#"
[[allow]]
id = "{id}"
reason = "test"
callers = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions = ["connect:{operation}"]
instances = ["{INSTANCE}"]
{lines}
"#
    )
}

/// The same with Email to anything at example.com.
fn any_mail(id: &str, lines: &str) -> String {
    let any = r#"email_any_in = { domains = ["example.com"], because = "decided for this test" }"#;
    allow(id, &format!("fields = [\"Email\", \"SecondaryEmail\"]\n{any}\n{lines}"))
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.user.as_ref().map(|user| &user.username);
        write!(f, "{} {user:?} {} {:?}", self.caller.arn, self.route.operation, self.wanted)
    }
}
