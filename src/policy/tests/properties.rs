//! Properties over random policies and questions: F1, and that the screen never refuses what the decision allows.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{
    super::{Probe, Side, judge::Judge},
    *,
};

const NAMES: [&str; 3] = ["mary", "kim", "john"];
const DOMAINS: [&str; 3] = ["example.com", "example.org", "a.example.com"];
const ROLES: [&str; 3] = ["IdentityDesk", "IdentityDesk2", "Other"];

/// A rule in small words, and the text of it.
#[derive(Debug, Clone)]
struct Draft {
    caller: usize,
    pattern: bool,
    user: Option<usize>,
    fields: Vec<Field>,
    domain: usize,
    expired: bool,
    deny: bool,
}

fn drafts() -> impl Strategy<Value = Draft> {
    let field = prop::sample::subsequence(vec![Field::FirstName, Field::Email, Field::SecondaryEmail], 1..=3);
    let of = (0..3_usize, any::<bool>(), prop::option::of(0..3_usize), field, 0..3_usize, 0..8_u8, 0..4_u8);
    of.prop_map(|(caller, pattern, user, fields, domain, expired, deny)| Draft {
        caller,
        pattern,
        user,
        fields,
        domain,
        expired: expired == 0,
        deny: deny == 0,
    })
}

fn cases() -> impl Strategy<Value = Case> {
    (0..3_usize, 0..3_usize, prop::option::of(0..3_usize), prop::option::of(0..3_usize), any::<bool>())
        .prop_map(|(caller, name, first, second, rename)| {
            let mut wanted = Vec::new();
            if rename {
                wanted.push((Field::FirstName, Some("Maria".to_owned())));
            }
            for (field, domain) in [(Field::Email, first), (Field::SecondaryEmail, second)] {
                wanted.extend(domain.map(|domain| (field, Some(format!("u@{}", DOMAINS[domain])))));
            }
            Case {
                caller: role(ROLES[caller]),
                user: Some(user(NAMES[name])),
                wanted,
                ..case("UpdateUserIdentityInfo")
            }
        })
}

fn text(number: usize, draft: &Draft) -> String {
    let fields: Vec<String> = draft.fields.iter().map(|field| format!("\"{field}\"")).collect();
    let address = draft.fields.iter().any(|field| field.is_address());
    let pattern = if draft.pattern { "*" } else { "" };
    let mut text = format!(
        "[[{}]]\nid = \"r{number}\"\nreason = \"test\"\ncallers = [\"arn:aws:iam::111122223333:role/{}{pattern}\"]\n\
         actions = [\"connect:UpdateUserIdentityInfo\"]\ninstances = [\"{INSTANCE}\"]\nfields = [{}]\n",
        if draft.deny { "deny" } else { "allow" },
        ROLES[draft.caller],
        fields.join(", "),
    );
    if let Some(user) = draft.user {
        let _ = writeln!(text, "users = [\"{}\"]", NAMES[user]);
    }
    if draft.expired {
        text.push_str("expires = 2027-03-11\n");
    }
    if address && !draft.deny {
        let domain = DOMAINS[draft.domain];
        let _ = writeln!(text, "email_any_in = {{ domains = [\"{domain}\"], because = \"for this test\" }}");
    }
    text
}

/// The same semantics a second time, in the plainest words.
fn expected(drafts: &[Draft], case: &Case) -> bool {
    let caller = case.caller.arn.without_session();
    let caller = caller.rsplit('/').next().unwrap();
    let name = &case.user.as_ref().unwrap().username;
    let fits = |draft: &Draft| {
        let named = if draft.pattern {
            caller.starts_with(ROLES[draft.caller])
        } else {
            caller == ROLES[draft.caller]
        };
        named && !draft.expired && draft.user.is_none_or(|user| NAMES[user] == *name)
    };
    let denied = drafts.iter().any(|draft| {
        draft.deny && fits(draft) && case.wanted.iter().any(|(field, _)| draft.fields.contains(field))
    });
    let allows = |draft: &&Draft| !draft.deny && fits(draft);
    let some = drafts.iter().any(|draft| allows(&draft));
    let each = case.wanted.iter().all(|(field, value)| {
        drafts.iter().filter(allows).any(|draft| {
            let domain = format!("@{}", DOMAINS[draft.domain]);
            draft.fields.contains(field)
                && (!field.is_address() || value.as_ref().unwrap().ends_with(&domain))
        })
    });
    !denied && some && each
}

fn compiled(texts: &[String]) -> Policy {
    policy(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn f1_agrees_with_a_second_reading(drafts in prop::collection::vec(drafts(), 0..8), cases in prop::collection::vec(cases(), 1..20)) {
        let texts: Vec<String> = drafts.iter().enumerate().map(|(n, draft)| text(n, draft)).collect();
        let policy = policy(&[&texts.concat()]);
        for case in &cases {
            prop_assert_eq!(code(&policy, case).is_none(), expected(&drafts, case));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn f1_without_an_allow_everything_is_refused(drafts in prop::collection::vec(drafts(), 0..8), case in cases()) {
        let denies: Vec<Draft> = drafts.into_iter().map(|draft| Draft { deny: true, ..draft }).collect();
        let texts: Vec<String> = denies.iter().enumerate().map(|(n, draft)| text(n, draft)).collect();
        prop_assert_eq!(code(&compiled(&texts), &case), Some(Code::NoRule));
    }

    #[test]
    fn f1_a_deny_more_never_allows_more(drafts in prop::collection::vec(drafts(), 0..8), more in drafts(), case in cases()) {
        let mut texts: Vec<String> = drafts.iter().enumerate().map(|(n, draft)| text(n, draft)).collect();
        let before = code(&compiled(&texts), &case).is_none();
        texts.push(text(99, &Draft { deny: true, ..more }));
        let after = code(&compiled(&texts), &case).is_none();
        prop_assert!(before || !after);
    }

    #[test]
    fn f1_order_and_duplicates_change_nothing(
        drafts in prop::collection::vec(drafts(), 1..8).prop_flat_map(|drafts| (Just(drafts.clone()), Just(drafts).prop_shuffle())),
        case in cases(),
    ) {
        let numbered = |drafts: &[Draft], from: usize| -> Vec<String> {
            drafts.iter().enumerate().map(|(n, draft)| text(n + from, draft)).collect()
        };
        let (ordered, shuffled) = drafts;
        let one = verdict(&compiled(&numbered(&ordered, 0)), &case);
        let mut twice = numbered(&shuffled, 100);
        twice.extend(numbered(&ordered, 200));
        let other = verdict(&compiled(&twice), &case);
        prop_assert_eq!(one.map_err(|refusal| refusal.code).map(|_| ()), other.map_err(|refusal| refusal.code).map(|_| ()));
    }

    #[test]
    fn f1_the_same_rules_in_another_order_give_the_same_grounds(
        texts in prop::collection::vec(drafts(), 1..8)
            .prop_map(|drafts| drafts.iter().enumerate().map(|(n, draft)| text(n, draft)).collect::<Vec<_>>())
            .prop_flat_map(|texts| (Just(texts.clone()), Just(texts).prop_shuffle())),
        case in cases(),
    ) {
        let ids = |texts: &[String]| {
            verdict(&compiled(texts), &case).map(|grant| rules(&grant).into_iter().map(str::to_owned).collect::<Vec<_>>())
                .map_err(|refusal| refusal.code)
        };
        prop_assert_eq!(ids(&texts.0), ids(&texts.1));
    }

    #[test]
    fn f1_without_the_rules_it_rests_on_it_is_refused(drafts in prop::collection::vec(drafts(), 1..8), case in cases()) {
        let texts: Vec<String> = drafts.iter().enumerate().map(|(n, draft)| text(n, draft)).collect();
        if let Ok(grant) = verdict(&compiled(&texts), &case) {
            prop_assert!(!grant.basis.grounds.is_empty(), "nothing is allowed by nothing");
            let mut left = Vec::new();
            for (draft, text) in drafts.iter().zip(&texts) {
                let alone = verdict(&compiled(std::slice::from_ref(text)), &case);
                let takes_part = !draft.deny && (alone.is_ok() || case.wanted.len() > 1 && !draft.expired);
                left.extend((!takes_part).then(|| text.clone()));
            }
            prop_assert!(code(&compiled(&left), &case).is_some());
        }
    }

    #[test]
    fn f1_a_deny_that_applies_wins(drafts in prop::collection::vec(drafts(), 0..8), case in cases()) {
        let mut texts: Vec<String> = drafts.iter().enumerate().map(|(n, draft)| text(n, draft)).collect();
        let before = code(&compiled(&texts), &case);
        let name = &case.user.as_ref().unwrap().username;
        texts.push(format!("[[deny]]\nid = \"all\"\nreason = \"test\"\nusers = [\"{name}\"]\n"));
        let after = code(&compiled(&texts), &case);
        let screened = before == Some(Code::NoRule) && after == Some(Code::NoRule);
        prop_assert!(screened || after == Some(Code::DeniedBy), "{before:?} {after:?}");
    }

    #[test]
    fn the_trace_is_the_decision(drafts in prop::collection::vec(drafts(), 0..8), case in cases()) {
        let texts: Vec<String> = drafts.iter().enumerate().map(|(n, draft)| text(n, draft)).collect();
        let policy = compiled(&texts);
        let explained = policy.explain(&Probe::for_tests(case.clone())).unwrap();
        prop_assert_eq!(explained.verdict.as_ref().err().map(|refusal| refusal.code), code(&policy, &case));
        let said = |side| explained.rules.iter().filter(move |traced| traced.side == side);
        let denied = said(Side::Deny).any(|traced| traced.said.iter().all(|(_, said)| *said == crate::policy::Said::Yes));
        let each = said(Side::Allow).next().is_some_and(|first| {
            first.said.iter().all(|(ground, _)| {
                said(Side::Allow).any(|traced| traced.said.iter().any(|(other, said)| other == ground && *said == crate::policy::Said::Yes))
            })
        });
        prop_assert_eq!(explained.verdict.is_ok(), !denied && each);
    }

    #[test]
    fn nobody_gains_or_loses_unnoticed(
        before in prop::collection::vec(drafts(), 0..6),
        kept in prop::collection::vec(any::<bool>(), 6),
        more in prop::collection::vec(drafts(), 0..3),
        cases in prop::collection::vec(cases(), 1..20),
    ) {
        let texts = |drafts: &[Draft]| -> Vec<String> {
            drafts.iter().enumerate().map(|(n, draft)| text(n, draft)).collect()
        };
        let after: Vec<Draft> =
            before.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(draft, _)| draft.clone()).chain(more).collect();
        let (before, after) = (compiled(&texts(&before)), compiled(&texts(&after)));
        let found = before.differences(&after);
        for case in &cases {
            let (then, now) = (code(&before, case).is_none(), code(&after, case).is_none());
            prop_assert!(then || !now || !found.gains().is_empty());
            prop_assert!(!then || now || !found.losses().is_empty());
        }
    }

    #[test]
    fn what_the_screen_refuses_the_decision_refuses_by_itself(drafts in prop::collection::vec(drafts(), 0..6), case in cases()) {
        let texts: Vec<String> = drafts.iter().enumerate().map(|(n, draft)| text(n, draft)).collect();
        let policy = compiled(&texts);
        let question = case.question();
        let judge = Judge::new(&policy, &question, case.at);
        if judge.screen().is_err() {
            prop_assert!(judge.after_reads(&case.facts()).is_err());
            prop_assert!(judge.decide(&case.facts()).is_err());
        }
    }
}
