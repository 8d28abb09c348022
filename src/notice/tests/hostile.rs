//! Values that somebody chose, in every kind, in both parts and in the payload: one line, nothing rendered, nothing run.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::{
    render::{AUDIENCES, HOSTILE, of_kind},
    *,
};
use crate::notice::{Rendered, Templates, sample::Shape};

fn calm(templates: &Templates, kind: Kind, audience: Audience) -> Rendered {
    templates.render(&of_kind(kind, audience, Shape::Hostile("calm", 2), "en")).unwrap()
}

#[test]
fn h1_h2_e14_hostile_values_neither_end_a_line_nor_become_markup_or_links() {
    let templates = Templates::built_in().unwrap();
    let texts = HOSTILE.iter().map(|text| (*text).to_owned());
    let texts: Vec<_> = texts.chain(["a".repeat(255), "\u{1f600}".repeat(255)]).collect();
    for kind in Kind::ALL {
        for (audience, _) in AUDIENCES {
            let calm = calm(&templates, kind, audience);
            for text in &texts {
                let delivery = of_kind(kind, audience, Shape::Hostile(text, 2), "en");
                let rendered = templates.render(&delivery).unwrap();
                inert(&rendered);
                let count = |html: &str, part: &str| html.matches(part).count();
                for part in ["<", "<tr>", "scope=\"row\"", "<li ", "</"] {
                    assert_eq!(
                        count(&rendered.html, part),
                        count(&calm.html, part),
                        "{kind} {part}: {text:?}"
                    );
                }
                let rows = |text: &str| text.lines().filter(|line| !line.starts_with(' ')).count();
                assert_eq!(rows(&rendered.text), rows(&calm.text), "{kind} one row each: {text:?}");
                if text.contains("7 * 7") {
                    assert!(!rendered.text.contains("49") && !rendered.html.contains("49"), "{kind}");
                }
            }
        }
    }
}

#[test]
fn h3_no_line_is_a_single_dot() {
    let templates = Templates::built_in().unwrap();
    for kind in Kind::ALL {
        for text in ["\r\n.\r\n", "\n.\n", ".", ". . .", ".\r\n.\r\n.\r\n"] {
            let text = text.repeat(40);
            let rendered =
                templates.render(&of_kind(kind, Audience::Security, Shape::Hostile(&text, 2), "de"));
            let Rendered { text, html, .. } = rendered.unwrap();
            assert!(text.lines().chain(html.lines()).all(|line| line != "."), "{kind}");
        }
    }
}

#[test]
fn h1_payloads_hold_hostile_values_as_one_visible_line() {
    for kind in Kind::ALL {
        for (audience, _) in AUDIENCES {
            for text in HOSTILE {
                let payload = of_kind(kind, audience, Shape::Hostile(text, 2), "en").payload();
                texts(&payload, &mut |text| {
                    assert!(!text.chars().any(crate::notice::neutral::is_active), "{kind}: {text:?}");
                    assert!(!text.contains("://"), "{kind}: {text:?}");
                });
                assert!(!payload.to_string().contains('\n'));
                let summary = payload["summary"].as_str().unwrap();
                assert!(summary.is_ascii() && !summary.contains("49"), "{kind}: {summary}");
            }
        }
    }
}

#[test]
fn h11_there_is_no_link_image_or_script_in_any_message() {
    let templates = Templates::built_in().unwrap();
    for language in ["en", "de"] {
        for (delivery, _) in render::each(language) {
            inert(&templates.render(&delivery).unwrap());
        }
    }
}

#[test]
fn h1_a_subject_is_one_header_field_whatever_it_is_made_from() {
    let texts = HOSTILE.map(str::to_owned).into_iter();
    for text in
        texts.chain(["a".repeat(255), "ä".repeat(255), "\u{1f600}".repeat(200), "=?UTF-8?Q?x?=".to_owned()])
    {
        let subject = crate::notice::Subject::new(&text);
        assert!(subject.as_str().chars().count() <= 150);
        let header = subject.header();
        assert!(header.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic()), "{header:?}");
        if !subject.as_str().is_ascii() || text.contains("=?") {
            assert!(
                header.split(' ').all(|word| word.len() <= 75 && word.starts_with("=?UTF-8?B?")),
                "{header}"
            );
        }
    }
    let subject = crate::notice::Subject::new("Änderung\r\n der  Adresse");
    assert_eq!(
        (subject.as_str(), subject.header().as_str()),
        ("Änderung der Adresse", "=?UTF-8?B?w4RuZGVydW5nIGRlciBBZHJlc3Nl?=")
    );
    assert_eq!(crate::notice::Subject::new("Change of an address").header(), "Change of an address");
}

pub(super) fn texts(value: &serde_json::Value, with: &mut dyn FnMut(&str)) {
    match value {
        serde_json::Value::String(text) => with(text),
        serde_json::Value::Array(all) => all.iter().for_each(|value| texts(value, with)),
        serde_json::Value::Object(all) => all.iter().for_each(|(name, value)| {
            with(name);
            texts(value, with);
        }),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

fn inert(rendered: &Rendered) {
    let Rendered { subject, text, html, lead, steps, .. } = rendered;
    let active = crate::notice::neutral::is_active;
    for line in [subject.as_str(), lead].into_iter().chain(steps.iter().map(String::as_str)) {
        assert!(!line.chars().any(active), "{line:?}");
    }
    assert!(text.chars().all(|letter| letter == '\n' || !active(letter)), "{text:?}");
    assert!(html.chars().all(|letter| letter == '\n' || !active(letter)), "{html:?}");
    let lower = html.to_lowercase();
    for part in ["://", "<a ", "<img", "<script", "<iframe", "url(", "<link", "<form", "javascript:"] {
        assert!(!lower.contains(part), "`{part}` in {html}");
    }
    assert!(!text.contains("://") && !subject.as_str().contains("://"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_value_is_rendered_inert(text in any::<String>(), kind in 0..Kind::ALL.len(), audience in 0..4_usize) {
        static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::built_in().unwrap());
        let delivery = of_kind(Kind::ALL[kind], AUDIENCES[audience].0, Shape::Hostile(&text, 2), "en");
        inert(&TEMPLATES.render(&delivery).unwrap());
    }
}
