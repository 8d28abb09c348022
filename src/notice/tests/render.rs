//! Golden files of each kind for each audience, and what no message may do.

use std::{fs, path::PathBuf};

use proptest::prelude::*;

use super::*;
use crate::notice::{Later, Rendered, Templates, Untold};

const AUDIENCES: [(Audience, &str); 3] =
    [(Audience::Security, "security"), (Audience::OldPrimary, "old"), (Audience::New, "new")];

/// What a hostile person, caller or answer may hold.
pub(crate) const HOSTILE: [&str; 10] = [
    "Mary\r\nBcc: everyone@example.net\r\n\r\nhello",
    "Mary\n.\nMAIL FROM:<a@example.net>",
    "Mary\r\n.\r\n",
    "Mary\0Major",
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "<a href=\"https://evil.example.net\">click</a> https://evil.example.net www.evil.example.net",
    "{{ 7 * 7 }}{% include 'frame.txt' %}",
    "\u{202e}moc.elpmaxe\u{2066}\u{200b}\u{feff}",
    "What: nothing\u{2028}Rule: allowed\u{85}User: nobody",
    "\" onload=\"x' --> ]]>&lt;",
];

fn of_kind(kind: Kind, audience: Audience) -> Option<Delivery> {
    let (matter, finding) = leading_to(kind);
    let mut facts = facts(matter);
    if kind == Kind::AddressChangeRefused {
        facts.refusal = Some("denied-by: a rule denies a change of `Email`".to_owned());
        facts.rules = vec!["no-changes-in-audit-week (freeze.toml:9)".to_owned()];
        return (audience != Audience::New).then(|| one(audience, facts).refusal(&record()));
    }
    if kind == Kind::NotShown {
        return one(audience, facts).confirmed(&confirmation(Later::NotShown), &record());
    }
    let creation = matter == Matter::Creation || matter == Matter::Sensitive;
    if (creation && audience == Audience::OldPrimary)
        || (audience == Audience::New && !matches!(matter, Matter::Addresses | Matter::Creation))
        || (audience == Audience::New && kind == Kind::SideEffect)
    {
        return None;
    }
    let found = one(audience, facts).resolve(&finding, &record());
    assert_eq!(found.as_ref().map(|delivery| delivery.kind), Some(kind));
    found
}

pub(crate) fn hostile(text: &str, audience: Audience) -> Delivery {
    let mut hostile =
        one(audience, facts(Matter::Addresses)).resolve(&side_effect_or_not(audience), &record()).unwrap();
    let some = || Some(text.to_owned());
    hostile.facts = Facts {
        request_id: text.to_owned(),
        operation: text.to_owned(),
        account: text.to_owned(),
        region: text.to_owned(),
        instance: some(),
        subject: text.to_owned(),
        username: some(),
        person: some(),
        principal: text.to_owned(),
        unique_id: some(),
        proof: text.to_owned(),
        source: text.to_owned(),
        user_agent: some(),
        rules: vec![text.to_owned()],
        refusal: some(),
        fields: vec![field("Email", Some(text), Some(text)), field("FirstName", Some(text), Some(text))],
        policy: text.to_owned(),
        ..hostile.facts
    };
    if !hostile.side_effects.is_empty() {
        hostile.side_effects = vec![field(text, Some(text), Some(text))];
    }
    hostile
}

fn side_effect_or_not(audience: Audience) -> Finding {
    match audience {
        Audience::Security | Audience::OldPrimary | Audience::OldSecondary => side_effect(Effect::Applied),
        Audience::New => finding(Effect::Applied),
    }
}

fn render(delivery: &Delivery) -> Rendered {
    Templates::built_in().unwrap().render(delivery).unwrap()
}

fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/notices").join(name);
    if option_env!("RENEW_GOLDEN").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} differs; look at it, then renew it as its README says");
}

#[test]
fn each_kind_for_each_audience_is_as_reviewed() {
    let templates = Templates::built_in().unwrap();
    for kind in Kind::ALL {
        for (audience, name) in AUDIENCES {
            let Some(delivery) = of_kind(kind, audience) else { continue };
            let rendered = templates.render(&delivery).unwrap();
            golden(&format!("{kind}.{name}.txt"), &format!("{}\n\n{}", rendered.subject, rendered.text));
            if kind == Kind::AddressChanged {
                golden(&format!("{kind}.{name}.html"), &rendered.html);
            }
        }
    }
}

#[test]
fn text_and_html_hold_the_same() {
    for kind in Kind::ALL {
        for (audience, _) in AUDIENCES {
            let Some(delivery) = of_kind(kind, audience) else { continue };
            let rendered = render(&delivery);
            for row in rendered.html.split("<td ").skip(1) {
                let value = row.split_once('>').unwrap().1.split_once("</td>").unwrap().0;
                let value = value.replace("&gt;", ">").replace("&#x2f;", "/");
                let text = rendered.text.replace('\n', " ");
                assert!(text.contains(&value), "{kind}: `{value}` is missing in the text");
            }
        }
    }
}

#[test]
fn the_security_team_sees_values_and_the_rest_do_not() {
    for kind in Kind::ALL {
        for (audience, name) in AUDIENCES {
            let Some(delivery) = of_kind(kind, audience) else { continue };
            let Rendered { subject, text, html } = render(&delivery);
            for value in ["mary.major@example.com", "mary@example.org", "5555550100", "Mary Major"] {
                let seen = text.contains(value) || html.contains(value);
                let in_it = value == "Mary Major"
                    || delivery.facts.fields.iter().any(|field| {
                        [&field.before, &field.after].into_iter().flatten().any(|text| text.contains(value))
                    });
                assert_eq!(seen, audience == Audience::Security && in_it, "{kind} {name} {value}");
                assert!(!subject.contains(value));
            }
            if audience != Audience::Security {
                assert!(!subject.contains("mmajor"), "{kind} {name}");
            }
        }
    }
}

#[test]
fn the_new_address_learns_nothing_of_the_caller_or_the_user() {
    let Rendered { text, html, .. } = render(&of_kind(Kind::AddressChanged, Audience::New).unwrap());
    for value in [
        "IdentityDesk",
        "GKEXAMPLE",
        "192.0.2.7",
        "aws-sdk",
        "desk.toml",
        "mmajor",
        "Major",
        "a1b2c3d4",
        "m***@example.com",
    ] {
        assert!(!text.contains(value) && !html.contains(value), "`{value}`");
    }
}

#[test]
fn an_old_address_learns_who_and_from_where() {
    let Rendered { text, .. } = render(&of_kind(Kind::AddressChanged, Audience::OldSecondary).unwrap());
    for value in
        ["assumed-role/IdentityDesk/kim", "guard-key:GKEXAMPLE", "192.0.2.7", "desk.toml:3", "number 42"]
    {
        assert!(text.contains(value), "`{value}`");
    }
}

#[test]
fn addresses_that_cannot_be_told_are_named_to_the_security_team() {
    let mut delivery = of_kind(Kind::AddressChanged, Audience::Security).unwrap();
    delivery.facts.untold = vec![Untold::OldPrimary, Untold::OldSecondary, Untold::New];
    let text = render(&delivery).text.replace('\n', " ");
    assert_eq!(text.matches("could not be told: not a plain address").count(), 3);
    delivery.audience = Audience::OldSecondary;
    assert!(!render(&delivery).text.contains("could not be told"));
}

#[test]
fn h1_h2_hostile_values_neither_end_a_line_nor_become_markup_or_links() {
    for text in
        HOSTILE.iter().map(|text| (*text).to_owned()).chain(["a".repeat(255), "\u{1f600}".repeat(255)])
    {
        for audience in [Audience::Security, Audience::OldPrimary, Audience::New] {
            let calm = render(&hostile("calm", audience));
            let rendered = render(&hostile(&text, audience));
            inert(&rendered);
            let labels = |text: &str| text.matches("scope=\"row\"").count();
            assert_eq!(labels(&rendered.html), labels(&calm.html), "one row each: {text:?}");
            assert_eq!(rendered.html.matches('<').count(), calm.html.matches('<').count(), "{text:?}");
            assert!(!rendered.text.contains("49"), "values are no templates");
        }
    }
}

#[test]
fn h11_there_is_no_link_image_or_script_in_any_message() {
    for kind in Kind::ALL {
        for (audience, _) in AUDIENCES {
            let Some(delivery) = of_kind(kind, audience) else { continue };
            let rendered = render(&delivery);
            inert(&rendered);
            assert!(rendered.subject.len() <= 100, "`{}` is long", rendered.subject);
            assert!(rendered.text.lines().all(|line| line.chars().count() <= 110), "{}", rendered.text);
        }
    }
}

fn inert(rendered: &Rendered) {
    let Rendered { subject, text, html } = rendered;
    assert!(subject.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic()), "{subject:?}");
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()));
    assert!(html.chars().all(|letter| letter == '\n' || !letter.is_control()));
    let lower = html.to_lowercase();
    for part in ["://", "<a ", "<img", "<script", "<iframe", "url(", "<link", "<form", "javascript:"] {
        assert!(!lower.contains(part), "`{part}` in {html}");
    }
    assert!(!text.contains("://") && !subject.contains("://"));
    for letter in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{2028}'] {
        assert!(!text.contains(letter) && !html.contains(letter));
    }
}

proptest! {
    #[test]
    fn any_value_is_rendered_inert(text in any::<String>()) {
        for audience in [Audience::Security, Audience::OldPrimary, Audience::New] {
            inert(&render(&hostile(&text, audience)));
        }
    }
}
