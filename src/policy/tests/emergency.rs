//! `revoked.toml` and `deny.d`: at once, each by itself, and closed when broken.

use super::*;

fn with(revoked: Option<&str>, deny: &[&str]) -> PolicyFiles {
    let read = allow_of("read", "ListQueues", "");
    PolicyFiles {
        revoked: revoked.map(|text| Ok(Source::new("revoked.toml", text))),
        deny: (1..).zip(deny).map(|(n, text)| Ok(Source::new(format!("deny.d/{n}.toml"), *text))).collect(),
        ..files(&[&any_mail("desk", ""), &read])
    }
}

fn revoked_by(line: &str) -> Policy {
    compile(&with(Some(&format!("[[revoked]]\nreason = \"INC-12\"\n{line}\n")), &[]))
}

#[test]
fn each_way_to_revoke() {
    let mut asked = email("u@example.com");
    asked.caller.unique_id = Some("AROAEXAMPLE".to_owned());
    asked.key_id = Some("GKEXAMPLEEXAMPLE2345".to_owned());
    for (line, revoked) in [
        ("principal = \"arn:aws:iam::111122223333:role/IdentityDesk\"", true),
        ("principal = \"arn:aws:iam::111122223333:role/IdentityDesk2\"", false),
        ("unique_id = \"AROAEXAMPLE\"", true),
        ("unique_id = \"AROAOTHER\"", false),
        ("key_id = \"GKEXAMPLEEXAMPLE2345\"", true),
        ("key_id = \"GKEXAMPLEEXAMPLE2346\"", false),
        ("session = \"kim\"", true),
        ("session = \"GKEXAMPLEEXAMPLE2345\"", true),
        ("session = \"lee\"", false),
        ("issued_before = 2027-01-01T00:00:00Z", true),
    ] {
        let policy = revoked_by(line);
        assert_eq!(code(&policy, &asked), revoked.then_some(Code::Revoked), "{line}");
        let list = Case { route: case("ListQueues").route, user: None, wanted: Vec::new(), ..asked.clone() };
        assert_eq!(code(&policy, &list), revoked.then_some(Code::Revoked), "{line}: reads too");
    }
    // What nobody can have revokes nobody: a fault, and until it is mended no change.
    for line in [
        "unique_id = \"AROAEXAMPLE:kim\"",
        "unique_id = \"aroaexample\"",
        "unique_id = \"AROAEXAMPLE \"",
        "unique_id = \"arn:aws:iam::111122223333:role/IdentityDesk\"",
        "key_id = \"gkexampleexample2345\"",
        "key_id = \" GKEXAMPLEEXAMPLE2345\"",
        "key_id = \"AKIAEXAMPLE\"",
        "session = \"arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim\"",
        "session = \"kim \"",
        "session = \"\"",
    ] {
        assert_eq!(code(&revoked_by(line), &asked), Some(Code::Freeze), "{line}");
    }
    let refusal = refused(&revoked_by("session = \"kim\""), &asked);
    assert_eq!(&*refusal.rule.unwrap().place, "revoked.toml:1");
    assert_eq!(refusal.detail, "the caller is revoked: INC-12");
}

#[test]
fn a_deny_of_deny_d_denies() {
    let policy = compile(&with(None, &["[[deny]]\nid = \"stop\"\nreason = \"INC-13\"\n"]));
    let refusal = refused(&policy, &email("u@example.com"));
    assert_eq!((refusal.code, &*refusal.rule.unwrap().place), (Code::DeniedBy, "deny.d/1.toml:1"));
    assert_eq!(policy.counts(), (2, 1, 0));
}

#[test]
fn a_broken_file_refuses_all_changes_and_no_read() {
    let unreadable = PolicyFiles { revoked: Some(Err("permission denied".to_owned())), ..with(None, &[]) };
    let unreadable_deny = PolicyFiles { deny: vec![Err("permission denied".to_owned())], ..with(None, &[]) };
    for files in [
        with(Some("[[revoked]]\nreason = \"x\"\n"), &[]),
        with(Some("no toml"), &[]),
        with(Some("[[revoked]]\nkey_id = \"a\"\nsession = \"b\"\nreason = \"x\"\n"), &[]),
        with(None, &["[[deny]]\nid = \"a\"\n"]),
        with(None, &["[[allow]]\nid = \"a\"\n"]),
        unreadable,
        unreadable_deny,
    ] {
        let (policy, faults) = Policy::compile(&files, at(NOON)).expect("the rules keep");
        assert!(faults.fatal());
        assert_eq!(code(&policy, &email("u@example.com")), Some(Code::Freeze));
        let list = Case { user: None, ..case("ListQueues") };
        assert_eq!(code(&policy, &list), None);
    }
}

#[test]
fn what_is_not_broken_holds_beside_what_is() {
    let files =
        with(Some("broken"), &["[[deny]]\nid = \"stop\"\nreason = \"x\"\nactions = [\"connect:List*\"]\n"]);
    let (policy, _) = Policy::compile(&files, at(NOON)).expect("the rules keep");
    assert_eq!(code(&policy, &Case { user: None, ..case("ListQueues") }), Some(Code::DeniedBy));
}

#[test]
fn f10_emergencies_are_renewed_without_the_rules() {
    let old = compile(&with(None, &[]));
    let broken = PolicyFiles {
        rules: vec![Source::new("a.toml", "broken")],
        ..with(None, &["[[deny]]\nid = \"stop\"\nreason = \"x\"\n"])
    };
    assert!(Policy::compile(&broken, at(NOON)).is_err());
    let (renewed, faults) = old.renewed(&broken);
    assert!(faults.is_empty());
    assert_eq!(code(&old, &email("u@example.com")), None);
    assert_eq!(code(&renewed, &email("u@example.com")), Some(Code::DeniedBy));
    assert_ne!(old.digest(), renewed.digest());
}

#[test]
fn a_frozen_policy_refuses_changes_and_a_closed_one_everything() {
    let policy = compile(&with(None, &[]));
    let frozen = policy.frozen("the policy is older than an hour");
    assert_eq!(refused(&frozen, &email("u@example.com")).code, Code::Freeze);
    let list = Case { user: None, ..case("ListQueues") };
    assert_eq!(code(&frozen, &list), None);
    assert_eq!(code(&Policy::closed(), &list), Some(Code::NoRule));
    assert_eq!(code(&Policy::closed(), &email("u@example.com")), Some(Code::NoRule));
    let (renewed, _) = frozen.renewed(&with(None, &[]));
    assert_eq!(code(&renewed, &email("u@example.com")), Some(Code::Freeze), "still frozen");
}

#[test]
fn tests_of_the_rules_do_not_depend_on_emergencies() {
    let test = format!(
        "[[test]]\nname = \"t\"\ncaller = \"arn:aws:iam::111122223333:role/IdentityDesk\"\naction = \"connect:ListQueues\"\n\
         instance = \"{INSTANCE}\"\nat = {NOON}\nexpect = \"allow\"\n"
    );
    let mut files = with(None, &["[[deny]]\nid = \"stop\"\nreason = \"x\"\n"]);
    files.rules.push(Source::new("tests.toml", format!("version = 1\n{test}")));
    assert_eq!(compile(&files).counts(), (2, 1, 1));
}

/// Written anew in its place, a file is empty for a moment: nobody who was shut out gets in by that.
#[test]
fn o8_an_emptied_file_takes_nothing_back() {
    let revoked = "version = 1\n[[revoked]]\nreason = \"INC-12\"\nsession = \"kim\"\n";
    let stop = "[[deny]]\nid = \"stop\"\nreason = \"INC-13\"\nactions = [\"connect:List*\"]\n";
    let asked = email("u@example.com");
    let list = Case { user: None, ..case("ListQueues") };
    for emptied in ["", "\n", " \r\n"] {
        let before = compile(&with(Some(revoked), &[]));
        let files = with(Some(emptied), &[]);
        let (after, faults) = Policy::compile(&files, at(NOON)).expect("the rules keep");
        assert!(faults.fatal());
        assert_eq!(code(&after.after(&before), &asked), Some(Code::Revoked));
        let before = compile(&with(None, &[stop]));
        let (after, _) = before.renewed(&with(None, &[emptied]));
        assert_eq!(code(&after, &asked), Some(Code::Freeze));
        assert_eq!(code(&after, &list), Some(Code::DeniedBy));
    }
    // One that says that nothing is denied is taken at its word.
    let (after, faults) = compile(&with(Some(revoked), &[])).renewed(&with(Some("version = 1\n"), &[]));
    assert!(faults.is_empty());
    assert_eq!(code(&after, &asked), None);
}

/// A session of the guard's own, issued at noon to a role.
fn session() -> crate::caller::Caller {
    use crate::caller::{Caller, Proof, Session, Voucher};
    let principal = Principal { unique_id: Some("AROAEXAMPLE".to_owned()), ..role("IdentityDesk") };
    let session = Session {
        id: "GSAAAAAAAAAAAAAAAAAA".to_owned(),
        principal: principal.clone(),
        voucher: Voucher::Sts,
        issued: at(NOON),
        expires: at("2027-03-12T10:15:00Z"),
        claims: BTreeMap::from([("preferred_username".to_owned(), "mary".to_owned())]),
        label: Some("lee".to_owned()),
    };
    Caller {
        principal,
        proof: Proof::Session(session.into()),
        origin: crate::wire::Origin::new(
            crate::wire::RequestId::from("r"),
            std::net::Ipv4Addr::LOCALHOST.into(),
            None,
        ),
        notes: BTreeMap::from([("x-guard-ticket".to_owned(), "SEC-1".to_owned())]),
    }
}

#[test]
fn a_session_is_revoked_by_its_id_by_its_role_and_by_when_it_was_issued() {
    use super::super::question::Asker;
    let caller = session();
    let asker = Asker::of(&caller);
    for (line, revoked) in [
        ("session = \"GSAAAAAAAAAAAAAAAAAA\"", true),
        ("key_id = \"GSAAAAAAAAAAAAAAAAAA\"", true),
        ("session = \"GSAAAAAAAAAAAAAAAAAB\"", false),
        ("session = \"kim\"", true),
        // What its holder called it is nobody's name.
        ("session = \"lee\"", false),
        ("unique_id = \"AROAEXAMPLE\"", true),
        ("unique_id = \"AROAOTHER\"", false),
        ("principal = \"arn:aws:iam::111122223333:role/IdentityDesk\"", true),
        ("issued_before = 2027-03-12T10:00:01Z", true),
        ("issued_before = 2027-03-12T10:00:00Z", false),
        ("issued_before = 2027-03-12T09:00:00Z", false),
    ] {
        assert_eq!(revoked_by(line).revoked(&asker).is_some(), revoked, "{line}");
        assert_eq!(revoked_by(line).revokes(&caller), revoked, "{line}");
    }
    assert_eq!(asker.claims.get("preferred_username").map(String::as_str), Some("mary"));
}

#[test]
fn the_texts_of_a_policy_are_those_of_its_files_and_of_the_last_emergencies() {
    let texts = |policy: &Policy| -> Vec<String> {
        policy
            .texts()
            .iter()
            .map(|(name, text)| format!("{name}: {}", text.lines().last().unwrap_or_default()))
            .collect()
    };
    let stop = "[[deny]]\nid = \"stop\"\nreason = \"x\"\n# in deny.d";
    let mut files = PolicyFiles {
        rules: vec![Source::new("a.toml", "version = 1\n# a")],
        ..with(Some("version = 1\n# before"), &[stop])
    };
    files.deny.push(Err("permission denied".to_owned()));
    let source = Source::new("/etc/guard/hr.csv", "username,address").within("hr.csv");
    files.directories.push(DirectoryFile { source, modified: at(NOON) });
    let (policy, _) = Policy::compile(&files, at(NOON)).unwrap();
    assert_eq!(
        texts(&policy),
        ["a.toml: # a", "hr.csv: username,address", "deny.d/1.toml: # in deny.d", "revoked.toml: # before"]
    );
    let later = PolicyFiles { rules: Vec::new(), ..with(Some("version = 1\n# later"), &[]) };
    let renewed = policy.renewed(&later).0;
    for kept in
        [&renewed, &renewed.frozen("old"), &renewed.with_freezes(&[]), &renewed.clone().after(&policy)]
    {
        assert_eq!(texts(kept), ["a.toml: # a", "hr.csv: username,address", "revoked.toml: # later"]);
    }
    assert!(Policy::closed().texts().is_empty());
}
