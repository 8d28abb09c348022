//! Routes: who is told of what, whatever else the routes say; and before a change is sent.

use std::time::Duration;

use super::*;
use crate::notice::{Before, Event, Recipient, Route, RoutingFault, Severity};

const INSTANCE: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";

fn address(text: &str) -> Address {
    Address::read(text).unwrap()
}

fn mail(text: &str) -> Route {
    Route { mail: vec![address(text)], ..Route::default() }
}

fn over(routes: Vec<Route>) -> Routing {
    Routing { routes, ..Routing::simple(Vec::new()) }
}

fn plan(matter: Matter, routing: &Routing, old: Option<&str>, new: Option<&str>) -> Result<Plan, PlanFault> {
    let concerned = Concerned {
        facts: facts(matter),
        old_primary: old.map(address),
        old_secondary: None,
        new: new.map(address).into_iter().collect(),
    };
    Plan::made(concerned, routing)
}

/// Who is told what of this finding.
fn said(plan: &Plan, finding: &Finding) -> Vec<(String, Audience, Kind, String)> {
    let told = plan.held().iter().filter_map(|held| held.resolve(finding, &record()));
    told.map(|told| (told.recipient, told.audience, told.kind, told.language)).collect()
}

fn line(recipient: &str, audience: Audience, kind: Kind, language: &str) -> (String, Audience, Kind, String) {
    (recipient.to_owned(), audience, kind, language.to_owned())
}

#[test]
fn every_kind_reaches_somebody_or_it_is_a_fault() {
    assert_eq!(Routing::simple(vec![address("security@example.com")]).check(), Ok(()));
    let all: Vec<_> = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Announced).collect();
    for nobody in [
        over(Vec::new()),
        Routing::simple(Vec::new()),
        over(vec![Route { instances: [INSTANCE.to_owned()].into(), ..mail("a@example.com") }]),
    ] {
        assert_eq!(nobody.check(), Err(RoutingFault::Nobody(all.clone())));
    }
    let grave = Route { least: Severity::Critical, ..mail("pager@example.com") };
    let fault = over(vec![grave.clone()]).check().unwrap_err();
    let RoutingFault::Nobody(kinds) = &fault else { panic!("{fault:?}") };
    assert!(kinds.contains(&Kind::AddressChanged) && !kinds.contains(&Kind::ChainBroken));
    let but_test = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Test).collect();
    let fault = over(vec![Route { kinds: but_test, ..mail("a@example.com") }, grave]).check();
    assert_eq!(fault.unwrap_err().to_string(), "nobody would be told of `test`");
    let hook = Route { hooks: vec!["siem".to_owned()], ..Route::default() };
    assert_eq!(over(vec![hook]).check(), Ok(()));
}

#[test]
fn naming_refusals_names_them_folded_too() {
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::RepeatedRefusals).collect();
    assert_eq!(over(vec![Route { kinds, ..mail("a@example.com") }]).check(), Ok(()));
}

#[test]
fn waiting_for_nobodys_acknowledgement_is_a_fault() {
    let patience = Duration::from_secs(5);
    let before = Before::Acknowledged { by: Vec::new(), patience };
    let routing = Routing { before, ..Routing::simple(vec![address("a@example.com")]) };
    assert_eq!(routing.check(), Err(RoutingFault::NobodyAcknowledges));
}

#[test]
fn every_matching_route_is_told_and_each_recipient_once_in_its_language() {
    let routing = Routing {
        masked: ["chat".to_owned()].into(),
        language: "de".to_owned(),
        ..over(vec![
            Route { language: Some("en".to_owned()), ..mail("security@example.com") },
            Route {
                instances: [INSTANCE.to_owned()].into(),
                hooks: vec!["siem".to_owned(), "chat".to_owned()],
                ..mail("security@example.com")
            },
            Route { instances: ["another".to_owned()].into(), ..mail("other@example.com") },
            Route { least: Severity::Critical, ..mail("pager@example.com") },
            Route { kinds: [Kind::Heartbeat].into(), ..mail("weekly@example.com") },
        ])
    };
    let plan = plan(Matter::Addresses, &routing, Some("old@example.com"), Some("new@example.com")).unwrap();
    assert_eq!(
        said(&plan, &finding(Effect::Applied)),
        [
            line("security@example.com", Audience::Security, Kind::AddressChanged, "en"),
            line("siem", Audience::Security, Kind::AddressChanged, "de"),
            line("chat", Audience::Masked, Kind::AddressChanged, "de"),
            line("old@example.com", Audience::OldPrimary, Kind::AddressChanged, "de"),
            line("new@example.com", Audience::New, Kind::AddressChanged, "de"),
        ]
    );
    let unknown = said(&plan, &finding(Effect::Unknown));
    assert_eq!(unknown[3], line("pager@example.com", Audience::Security, Kind::MayHaveChanged, "de"));
    // Whoever was told that it may have been done is told how it ended.
    let ended = said(&plan, &told(Effect::InferredNotApplied));
    assert_eq!(ended[3], line("pager@example.com", Audience::Security, Kind::NotChangedAfterAll, "de"));
    assert_eq!(ended.len(), unknown.len());
}

#[test]
fn a_side_effect_that_is_not_routed_does_not_hide_the_change() {
    let changed = Route { kinds: [Kind::AddressChanged].into(), ..mail("desk@example.com") };
    let routing = over(vec![mail("security@example.com"), changed]);
    let plan = plan(Matter::Addresses, &routing, None, None).unwrap();
    let said = said(&plan, &side_effect(Effect::Applied));
    assert_eq!(said[0].2, Kind::SideEffect);
    assert_eq!(said[1], line("desk@example.com", Audience::Security, Kind::AddressChanged, "en"));
}

#[test]
fn n11_old_addresses_are_told_whatever_the_routes_say() {
    // The old address is the security team's as well, for something else.
    let weekly = Route { kinds: [Kind::MayHaveChanged].into(), ..mail("old@example.com") };
    let routing = over(vec![mail("security@example.com"), weekly]);
    let plan = plan(Matter::Addresses, &routing, Some("old@example.com"), None).unwrap();
    let applied = said(&plan, &finding(Effect::Applied));
    assert_eq!(applied[1], line("old@example.com", Audience::OldPrimary, Kind::AddressChanged, "en"));
    let unknown = said(&plan, &finding(Effect::Unknown));
    assert_eq!(unknown[1], line("old@example.com", Audience::Security, Kind::MayHaveChanged, "en"));
    assert_eq!((applied.len(), unknown.len()), (2, 2));
}

#[test]
fn what_may_come_of_a_change_reaches_the_security_team_or_there_is_no_change() {
    for matter in [Matter::Addresses, Matter::Details, Matter::Creation, Matter::Sensitive] {
        for missing in [Kind::MayHaveChanged, Kind::Undetermined, Kind::SideEffect, Kind::NotShown] {
            let kinds = Kind::ALL.into_iter().filter(|kind| *kind != missing).collect();
            let routing = over(vec![Route { kinds, ..mail("security@example.com") }]);
            assert_eq!(plan(matter, &routing, None, None).err(), Some(PlanFault::NoRecipient), "{missing}");
        }
    }
}

#[test]
fn each_change_of_addresses_has_its_kind() {
    let email = |after| field("Email", Some("a@example.com"), after);
    let secondary = |after| field("SecondaryEmail", Some("b@example.com"), after);
    for (fields, kind) in [
        (vec![email(Some("c@example.com"))], Kind::AddressChanged),
        (vec![secondary(None), email(Some("c@example.com"))], Kind::AddressChanged),
        (vec![secondary(Some("c@example.com"))], Kind::SecondaryChanged),
        (vec![secondary(None)], Kind::AddressRemoved),
        (vec![email(None)], Kind::AddressRemoved),
        (vec![field("Mobile", None, Some("1")), secondary(Some("c@example.com"))], Kind::SecondaryChanged),
    ] {
        let facts = Facts { fields, ..facts(Matter::Addresses) };
        let told = one(Audience::Security, facts).resolve(&finding(Effect::Applied), &record());
        assert_eq!(told.unwrap().kind, kind);
    }
}

fn acknowledged(by: &[&str]) -> Routing {
    let recipient = |name: &&str| {
        if name.contains('@') { Recipient::Mail(address(name)) } else { Recipient::Hook((*name).to_owned()) }
    };
    let by = by.iter().map(recipient).collect();
    let before = Before::Acknowledged { by, patience: Duration::from_secs(5) };
    Routing { before, ..Routing::simple(vec![address("security@example.com")]) }
}

#[test]
fn h6_a_change_is_announced_to_those_who_acknowledge_it_and_they_hear_how_it_ended() {
    let routing = acknowledged(&["siem", "security@example.com"]);
    for matter in [Matter::Addresses, Matter::Creation, Matter::Sensitive] {
        let plan = plan(matter, &routing, Some("old@example.com"), None).unwrap();
        let announced = plan.announcement(&routing, &record(), now(AT));
        let told: Vec<_> = announced.iter().map(|told| (told.recipient.as_str(), told.kind)).collect();
        assert_eq!(told, [("security@example.com", Kind::Announced), ("siem", Kind::Announced)]);
        assert!(announced.iter().all(|told| told.audience == Audience::Security));
        let ended = said(&plan, &finding(Effect::NotApplied));
        assert!(ended.iter().all(|(_, _, kind, _)| *kind == Kind::NotChangedAfterAll), "{ended:?}");
        let told: Vec<_> = ended.iter().map(|(recipient, ..)| recipient.as_str()).collect();
        assert_eq!(told, ["security@example.com", "siem"]);
        assert!(said(&plan, &finding(Effect::Applied)).iter().any(|(recipient, ..)| recipient == "siem"));
    }
}

#[test]
fn nothing_is_announced_of_details_or_when_nobody_has_to_acknowledge() {
    let routing = acknowledged(&["siem"]);
    let details = plan(Matter::Details, &routing, None, None).unwrap();
    assert!(details.announcement(&routing, &record(), now(AT)).is_empty());
    let queued = Routing::simple(vec![address("security@example.com")]);
    let plan = plan(Matter::Addresses, &queued, None, None).unwrap();
    assert!(plan.announcement(&queued, &record(), now(AT)).is_empty());
}

fn told_by(event: &Event, routing: &Routing) -> Vec<String> {
    let all = event.deliveries(routing, &record(), now(AT));
    assert!(all.iter().all(|told| told.kind == event.kind() && told.audience == Audience::Security));
    all.into_iter().map(|told| format!("{} {}", told.channel, told.recipient)).collect()
}

#[test]
fn an_alarm_about_a_channel_goes_by_the_others() {
    let failing = |channel: &str| Event::DeliveryFailing {
        channel: channel.to_owned(),
        since: AT,
        waiting: 1,
        why: "refused".to_owned(),
    };
    let both = over(vec![Route { hooks: vec!["siem".to_owned()], ..mail("a@example.com") }]);
    assert_eq!(told_by(&failing("mail"), &both), ["hook:siem siem"]);
    assert_eq!(told_by(&failing("hook:siem"), &both), ["mail a@example.com"]);
    assert_eq!(told_by(&failing("mail"), &over(vec![mail("a@example.com")])), ["mail a@example.com"]);
    let mended = Event::DeliveryMended { channel: "mail".to_owned(), since: AT };
    assert_eq!(told_by(&mended, &both), ["mail a@example.com", "hook:siem siem"]);
}

#[test]
fn a_test_goes_by_its_channel_alone() {
    let both = over(vec![Route { hooks: vec!["siem".to_owned()], ..mail("a@example.com") }]);
    let test = |channel: &str| Event::Test { channel: channel.to_owned() };
    assert_eq!(told_by(&test("mail"), &both), ["mail a@example.com"]);
    assert_eq!(told_by(&test("hook:siem"), &both), ["hook:siem siem"]);
    assert_eq!(told_by(&test("hook:pager"), &both), ["hook:pager pager"]);
    assert!(told_by(&test("pigeon"), &both).is_empty());
}

#[test]
fn what_concerns_the_guard_itself_goes_to_routes_of_every_instance() {
    let routing = over(vec![
        mail("a@example.com"),
        Route { instances: [INSTANCE.to_owned()].into(), ..mail("b@example.com") },
    ]);
    let text = str::to_owned;
    let frozen = Event::Frozen {
        scope: text("all"),
        by: text("me"),
        reason: text("x"),
        id: text("FZ"),
        proof: text("p"),
        source: text("s"),
    };
    assert_eq!(told_by(&frozen, &routing), ["mail a@example.com"]);
}
