//! Who is told what.

use super::*;
use crate::notice::{Became, PlanFault, Untold, Urgency};

fn told_as(held: &[Held]) -> Vec<(Audience, &str)> {
    held.iter().map(|held| (held.audience, held.recipient.as_str())).collect()
}

fn everyone() -> Vec<Held> {
    held(
        facts(Matter::Addresses),
        &["security@example.com"],
        Some("mary.major@example.com"),
        Some("mary@home.example.net"),
        &["mary@example.org"],
    )
    .unwrap()
}

#[test]
fn n11_both_old_addresses_and_the_new_one_are_told_of_a_change() {
    assert_eq!(
        told_as(&everyone()),
        [
            (Audience::Security, "security@example.com"),
            (Audience::OldPrimary, "mary.major@example.com"),
            (Audience::OldSecondary, "mary@home.example.net"),
            (Audience::New, "mary@example.org"),
        ]
    );
}

#[test]
fn each_address_is_told_once_in_its_strongest_role() {
    let held = held(
        facts(Matter::Addresses),
        &["desk@example.com", "desk@EXAMPLE.com"],
        Some("desk@example.com"),
        Some("mary@example.com"),
        &["mary@Example.com", "Mary@example.com"],
    )
    .unwrap();
    assert_eq!(
        told_as(&held),
        [
            (Audience::Security, "desk@example.com"),
            (Audience::OldSecondary, "mary@example.com"),
            (Audience::New, "Mary@example.com"),
        ]
    );
}

#[test]
fn without_a_security_team_there_is_no_change() {
    let fault = held(facts(Matter::Addresses), &[], Some("mary@example.com"), None, &[]).err();
    assert_eq!(fault, Some(PlanFault::NoRecipient));
}

/// The table of [`Held::resolve`], line by line: security, old, new.
#[test]
fn what_is_found_decides_what_is_said() {
    use Effect::{Applied, InferredApplied, InferredNotApplied, NotApplied, Undetermined, Unknown};
    use Kind::{
        AddressChanged, ChangedAfterAll, MayHaveChanged, NotChangedAfterAll, SensitiveDone, SideEffect,
        UserCreated,
    };
    let all = |kind: Kind| [Some(kind); 3];
    let none = [None; 3];
    let done = |matter| match matter {
        Matter::Addresses => all(AddressChanged),
        Matter::Details => none,
        Matter::Creation => all(UserCreated),
        Matter::Sensitive => all(SensitiveDone),
    };
    for matter in [Matter::Addresses, Matter::Details, Matter::Creation, Matter::Sensitive] {
        let after_all = if matter == Matter::Details { all(ChangedAfterAll) } else { done(matter) };
        let beside = |new: Option<Kind>| [Some(SideEffect), Some(SideEffect), new];
        let table = [
            (finding(Applied), done(matter)),
            (finding(InferredApplied), done(matter)),
            (told(Applied), after_all),
            (told(InferredApplied), after_all),
            (finding(NotApplied), none),
            (finding(InferredNotApplied), none),
            (told(NotApplied), all(NotChangedAfterAll)),
            (told(InferredNotApplied), all(NotChangedAfterAll)),
            (finding(Unknown), all(MayHaveChanged)),
            (told(Unknown), all(MayHaveChanged)),
            (finding(Undetermined), all(Kind::Undetermined)),
            (told(Undetermined), all(Kind::Undetermined)),
            (side_effect(Applied), beside(done(matter)[2])),
            (side_effect(NotApplied), beside(None)),
            (side_effect(Unknown), beside(Some(MayHaveChanged))),
        ];
        for (place, (finding, expected)) in table.into_iter().enumerate() {
            let said = [Audience::Security, Audience::OldPrimary, Audience::New].map(|audience| {
                one(audience, facts(matter)).resolve(&finding, &record()).map(|delivery| delivery.kind)
            });
            assert_eq!(said, expected, "{matter:?}, line {place}");
        }
    }
}

/// The table of [`Held::confirmed`], line by line: security, old, new.
#[test]
fn what_later_reads_show_decides_who_is_told_again() {
    let side_effects = vec![field("SecondaryEmail", Some("mary@home.example.net"), None)];
    let not_shown = [Some(Kind::NotShown), None, None];
    let beside = [Some(Kind::SideEffect), Some(Kind::SideEffect), None];
    for (later, became, alone) in [
        (Later::Shown, Became::Done, [None; 3]),
        (Later::NotShown, Became::NotShown, not_shown),
        (Later::NotRead, Became::NotRead, not_shown),
        (Later::Superseded, Became::Done, [None; 3]),
    ] {
        for (side_effects, expected) in [(Vec::new(), alone), (side_effects.clone(), beside)] {
            let confirmation = Confirmation { side_effects, ..confirmation(later) };
            let said = [Audience::Security, Audience::OldSecondary, Audience::New]
                .map(|audience| one(audience, facts(Matter::Addresses)).confirmed(&confirmation, &record()));
            let kinds = said.clone().map(|said| said.map(|delivery| delivery.kind));
            assert_eq!(kinds, expected, "{later:?}");
            for delivery in said.into_iter().flatten() {
                assert_eq!((delivery.told().unwrap().became, delivery.urgency), (became, Urgency::Now));
                assert!(delivery.told().unwrap().side_effects == confirmation.side_effects, "{later:?}");
            }
        }
    }
}

#[test]
fn what_passed_for_not_done_and_shows_after_all_is_told_as_done() {
    let side_effects = vec![field("SecondaryEmail", Some("mary@home.example.net"), None)];
    let who = [Audience::Security, Audience::OldSecondary, Audience::New];
    let changed = [Some(Kind::AddressChanged); 3];
    let beside = [Some(Kind::SideEffect), Some(Kind::SideEffect), Some(Kind::AddressChanged)];
    let after_all = [Some(Kind::ChangedAfterAll); 3];
    for (matter, told, side_effects, expected) in [
        (Matter::Addresses, true, Vec::new(), changed),
        (Matter::Addresses, false, Vec::new(), changed),
        (Matter::Addresses, true, side_effects, beside),
        (Matter::Details, true, Vec::new(), after_all),
        (Matter::Details, false, Vec::new(), [None; 3]),
    ] {
        let passed_for = PassedFor::NotDone { told };
        let found =
            |later| Confirmation { passed_for, side_effects: side_effects.clone(), ..confirmation(later) };
        let said = |later| who.map(|who| one(who, facts(matter)).confirmed(&found(later), &record()));
        let shown = said(Later::Shown);
        assert_eq!(shown.clone().map(|said| said.map(|said| said.kind)), expected, "{matter:?} {told}");
        assert!(shown.into_iter().flatten().all(|said| said.told().unwrap().became == Became::SeenDone));
        for later in [Later::NotShown, Later::NotRead, Later::Superseded] {
            assert!(said(later).into_iter().all(|said| said.is_none()), "{later:?}");
        }
    }
}

#[test]
fn a_side_effect_says_both() {
    let delivery = one(Audience::OldPrimary, facts(Matter::Addresses))
        .resolve(&side_effect(Effect::NotApplied), &record())
        .unwrap();
    let told = delivery.told().unwrap();
    assert_eq!(told.became, Became::NotDone);
    assert_eq!(told.facts.fields.len(), 2);
    assert_eq!(told.side_effects.len(), 1);
    assert_eq!(delivery.urgency, Urgency::Now);
}

#[test]
fn refusals_wait_behind_what_happened() {
    let delivery = one(Audience::Security, facts(Matter::Addresses)).refusal(&record());
    assert_eq!(
        (delivery.kind, delivery.told().unwrap().became),
        (Kind::AddressChangeRefused, Became::Refused)
    );
    assert_eq!(delivery.urgency, Urgency::Later);
    assert!(Urgency::Now < Urgency::Later);
    assert_eq!(delivery.at, AT);
}

#[test]
fn h10_a_repeat_carries_the_same_message_id_and_nothing_else_does() {
    let id = |held: &Held, finding: &Finding, record: &RecordRef| {
        held.resolve(finding, record).unwrap().message_id
    };
    let (applied, unknown) = (finding(Effect::Applied), finding(Effect::Unknown));
    let everyone = everyone();
    let first = id(&everyone[0], &applied, &record());
    assert_eq!(first, id(&everyone[0].clone(), &Finding { at: now(AT + 9), ..applied.clone() }, &record()));
    let mut ids = vec![first];
    ids.push(id(&everyone[0], &unknown, &record()));
    ids.push(id(&everyone[0], &applied, &RecordRef { seq: 43, ..record() }));
    ids.push(id(&everyone[0], &applied, &RecordRef { chain: "guard-14".to_owned(), seq: 2, ..record() }));
    ids.extend(everyone[1..].iter().map(|held| id(held, &applied, &record())));
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len());
    for id in ids {
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
        );
    }
}

#[test]
fn a_delivery_survives_being_stored() {
    let mut facts = facts(Matter::Addresses);
    facts.untold = vec![Untold::OldPrimary];
    let delivery = one(Audience::Security, facts).resolve(&side_effect(Effect::Applied), &record()).unwrap();
    let stored = serde_json::to_string(&delivery).unwrap();
    let read: Delivery = serde_json::from_str(&stored).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), stored);
    assert!(read.about == delivery.about);
}
