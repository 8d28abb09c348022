//! `ticket`: what a request has to carry in a signed header.

use super::*;

const TICKET: &str = "ticket = { header = \"x-guard-ticket\", pattern = \"SEC-[0-9]+\" }";

fn carrying(notes: &[(&str, &str)], case: Case) -> Case {
    let notes = notes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Case { notes, ..case }
}

#[test]
fn the_request_carries_it_and_the_permit_rests_on_it() {
    let policy = policy(&[&any_mail("r", TICKET), &allow_of("read", "ListQueues", TICKET)]);
    let list = Case { user: None, ..case("ListQueues") };
    for asked in [email("u@example.com"), list] {
        let grant = allowed(&policy, &carrying(&[("x-guard-ticket", "SEC-1042")], asked.clone()));
        assert_eq!(grant.basis.ticket.as_deref(), Some("SEC-1042"));
        for notes in [
            vec![],
            vec![("x-guard-ticket", "SEC-")],
            vec![("x-guard-ticket", "INC-1")],
            vec![("x-guard-change", "SEC-1042")],
        ] {
            assert_eq!(code(&policy, &carrying(&notes, asked.clone())), Some(Code::NoRule), "{notes:?}");
        }
    }
}

#[test]
fn a_ticket_no_rule_asked_for_is_no_ground() {
    let policy = policy(&[&any_mail("r", "")]);
    let grant = allowed(&policy, &carrying(&[("x-guard-ticket", "SEC-1042")], email("u@example.com")));
    assert_eq!(grant.basis.ticket, None);
}

#[test]
fn the_tickets_of_several_rules_are_told_each_once() {
    let change = "ticket = { header = \"x-guard-change\", pattern = \"CHG-[0-9]+\" }";
    let mobile = allow("mobile", &format!("fields = [\"Mobile\"]\n{change}"));
    let name = allow("name", &format!("fields = [\"FirstName\"]\n{TICKET}"));
    let policy = policy(&[&any_mail("mail", TICKET), &mobile, &name]);
    let asked = update(&[
        (Field::FirstName, "Maria"),
        (Field::Email, "u@example.com"),
        (Field::Mobile, "+12065550100"),
    ]);
    let notes = [("x-guard-ticket", "SEC-1"), ("x-guard-change", "CHG-7")];
    assert_eq!(
        allowed(&policy, &carrying(&notes, asked.clone())).basis.ticket.as_deref(),
        Some("CHG-7, SEC-1")
    );
    assert_eq!(code(&policy, &carrying(&notes[..1], asked)), Some(Code::NoRule));
}

#[test]
fn it_does_not_lift_protection_unseen() {
    let lifting = any_mail("r", &format!("{TICKET}\nprotected = \"decided for this test\""));
    let policy = policy(&[&lifting, "[protected]\nusers = [\"mary\"]\n"]);
    assert_eq!(code(&policy, &email("u@example.com")), Some(Code::Protected));
    assert_eq!(code(&policy, &carrying(&[("x-guard-ticket", "SEC-1")], email("u@example.com"))), None);
}

#[test]
fn what_is_no_ticket_is_a_fault() {
    for (ticket, fault) in [
        ("{ header = \"x-guard-ticket\" }", "`ticket` has no `pattern`"),
        ("{ header = \"X-Guard-Ticket\", pattern = \"a1\" }", "is no header of notes"),
        ("{ header = \"authorization\", pattern = \"a1\" }", "is no header of notes"),
        ("{ header = \"x-guard-ticket\", pattern = \"(\" }", "the pattern is none"),
        ("{ header = \"x-guard-ticket\", pattern = \".*\" }", "matches anything"),
        ("{ header = \"x-guard-ticket\", pattern = \"a{1,100000}\" }", "the pattern is none"),
    ] {
        let found = faults(&[&any_mail("r", &format!("ticket = {ticket}"))]);
        assert!(found.contains(fault), "{ticket}: {found}");
    }
}

#[test]
fn a_test_says_what_is_carried() {
    let test = |line: &str, expect: &str| {
        format!(
            "[[test]]\nname = \"t\"\ncaller = \"arn:aws:iam::111122223333:role/IdentityDesk\"\n\
             action = \"connect:ListQueues\"\ninstance = \"{INSTANCE}\"\nat = {NOON}\n{line}\n{expect}\n"
        )
    };
    let rule = allow_of("read", "ListQueues", TICKET);
    let (yes, no) = ("expect = \"allow\"", "expect = \"refuse\"\nbecause = \"no-rule\"");
    for (line, expect) in [
        ("ticket = \"SEC-1\"", yes),
        ("notes = { x-guard-ticket = \"SEC-1\" }", yes),
        ("ticket = \"SEC-x\"", no),
        ("", no),
    ] {
        assert_eq!(faults(&[&rule, &test(line, expect)]), "", "{line}");
    }
    let both = test("ticket = \"SEC-1\"\nnotes = { x-guard-ticket = \"SEC-1\" }", yes);
    assert!(faults(&[&rule, &both]).contains("which is given already"));
    assert!(faults(&[&rule, &test("notes = { Host = \"a\" }", no)]).contains("`Host` is no header of notes"));
}

#[test]
fn to_ask_for_none_is_a_gain() {
    let (asking, open) = (policy(&[&any_mail("r", TICKET)]), policy(&[&any_mail("r", "")]));
    assert!(!asking.differences(&open).gains().is_empty() && asking.differences(&open).losses().is_empty());
    assert!(open.differences(&asking).gains().is_empty() && !open.differences(&asking).losses().is_empty());
    let lost = open.differences(&asking).losses()[0].to_string();
    assert!(lost.contains("still allowed on other terms"), "{lost}");
}

#[test]
fn another_ticket_is_a_gain_and_a_loss_and_the_same_one_neither() {
    let with = |ticket: &str, until: &str| policy(&[&any_mail("r", &format!("{ticket}\nexpires = {until}"))]);
    let before = with(TICKET, "2027-06-30");
    for other in [TICKET.replace("SEC", "INC"), TICKET.replace("x-guard-ticket", "x-guard-change")] {
        let found = before.differences(&with(&other, "2027-06-30"));
        assert!(!found.gains().is_empty() && !found.losses().is_empty(), "{other}");
    }
    assert!(before.differences(&with(TICKET, "2027-06-29")).gains().is_empty());
}

#[test]
fn a_pattern_a_header_and_a_ticket_have_a_greatest_length() {
    let ticket = |header: &str, pattern: &str| {
        any_mail("r", &format!("ticket = {{ header = \"{header}\", pattern = \"{pattern}\" }}"))
    };
    assert_eq!(faults(&[&ticket("x-guard-ticket", &"a".repeat(128))]), "");
    let long = faults(&[&ticket("x-guard-ticket", &"a".repeat(129))]);
    assert!(long.contains("more than 128 characters"), "{long}");
    let header = |length: usize| format!("x-guard-{}", "a".repeat(length - 8));
    assert_eq!(faults(&[&ticket(&header(64), "a+b")]), "");
    assert!(faults(&[&ticket(&header(65), "a+b")]).contains("is no header of notes"));
    let policy = policy(&[&ticket("x-guard-ticket", "a+b")]);
    let code = |length: usize| {
        let value = format!("{}b", "a".repeat(length - 1));
        code(&policy, &carrying(&[("x-guard-ticket", &value)], email("u@example.com")))
    };
    assert_eq!((code(256), code(257)), (None, Some(Code::NoRule)));
}
