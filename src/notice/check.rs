//! Templates of the operator's own, tried before they are used: every kind for every audience in every language.

use super::{
    Audience, Delivery, Kind, Matter, RenderFault, Rendered,
    built_in::words_of,
    engine::Engine,
    render::render,
    sample::{self, Shape},
    view::MOST,
};

/// What is to be fetched, followed or run, and so is in no message; in lower case.
const ACTIVE: &[&str] = &[
    "://",
    "href",
    "src=",
    "srcset",
    "url(",
    "@import",
    "<a ",
    "<img",
    "<script",
    "<iframe",
    "<object",
    "<embed",
    "<form",
    "<svg",
    "<video",
    "<audio",
    "<base",
    "<link",
    "<meta http-equiv",
    "javascript:",
    " style=\"behavior",
];
/// Part of the hostile sample: nowhere in HTML if values are escaped.
const UNESCAPED: &str = "<b title";

const AUDIENCES: [Audience; 4] = [Audience::Security, Audience::Masked, Audience::OldPrimary, Audience::New];
const MATTERS: [Matter; 4] = [Matter::Addresses, Matter::Details, Matter::Creation, Matter::Sensitive];

/// Every fault of these templates.
pub(super) fn faults(engine: &Engine) -> Vec<RenderFault> {
    let mut faults = Vec::new();
    for language in engine.languages() {
        for delivery in deliveries(language) {
            let found = match render(engine, &delivery) {
                Ok(rendered) => active(engine, &delivery, &rendered),
                Err(fault) => Some(fault),
            };
            faults.extend(found.filter(|fault| !faults.contains(fault)));
        }
    }
    faults
}

/// Deliveries of each kind for each audience: as usual about each matter, with as little and with as much as can be.
fn deliveries(language: &str) -> impl Iterator<Item = Delivery> {
    let hostile = sample::HOSTILE.repeat(8);
    let each = Kind::ALL.into_iter().flat_map(|kind| AUDIENCES.map(|audience| (kind, audience)));
    each.flat_map(move |(kind, audience)| {
        let usual = MATTERS.map(|matter| (matter, Shape::Usual));
        let ends = [Shape::Bare, Shape::Hostile(&hostile, MOST + 1)].map(|shape| (Matter::Addresses, shape));
        let all = usual.into_iter().chain(ends);
        let all = all.map(|(matter, shape)| sample::sample(kind, audience, matter, shape, language));
        all.collect::<Vec<_>>()
    })
}

fn active(engine: &Engine, delivery: &Delivery, rendered: &Rendered) -> Option<RenderFault> {
    let words = [rendered.subject.as_str(), &rendered.lead].join(" ") + &rendered.steps.join(" ");
    let language = delivery.language.as_str();
    for (text, name) in [
        (&words, words_of(delivery.kind)),
        (&rendered.text, "frame.txt".to_owned()),
        (&rendered.html, "frame.html".to_owned()),
    ] {
        let html = text == &rendered.html;
        let lower = text.to_lowercase();
        let part = ACTIVE.iter().find(|part| lower.contains(**part) && (html || **part == "://"));
        if let Some(part) = part {
            let what = format!("messages hold nothing to be followed, fetched or run, and it makes `{part}`");
            return Some(engine.of_kind(language, &name, what));
        }
        if html && text.contains(UNESCAPED) {
            let what = "it puts values into HTML without escaping them".to_owned();
            return Some(engine.of_kind(language, &name, what));
        }
    }
    None
}
