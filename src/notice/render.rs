//! From a delivery to words: subject, text, HTML.
//!
//! Each kind has one file of words (subject, lead, what to do now), used by the text and the HTML alike, so that the two
//! parts of a message cannot say different things. No part holds a link, an image or anything to be fetched.
//!
//! A template of the operator's own that fails after all is no reason not to tell: what is built in stands in for it.

use std::collections::BTreeMap;

use minijinja::{Value, value::Serde};
use serde::Serialize;

use super::{
    Delivery, Subject,
    built_in::words_of,
    check,
    engine::{Engine, RenderFault},
    view::{AboutView, View},
};

/// The templates, compiled: what is built in, and the operator's own in place of some.
pub struct Templates {
    built_in: Engine,
    own: Option<Engine>,
}

/// A template of the operator's own, as read: reading it is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// Below the folder of templates: `address_changed.txt`, `de/address_changed.txt`, `frame.html`, `phrases.txt` ...
    pub name: String,
    /// What it holds.
    pub text: String,
    /// Where it lies: for faults.
    pub place: String,
}

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line: the subject of mail, the summary everywhere else.
    pub subject: Subject,
    /// What happened, in one paragraph of one line.
    pub lead: String,
    /// What to do now, one line each.
    pub steps: Vec<String>,
    /// The whole message as plain text, lines ended by LF.
    pub text: String,
    /// The whole message as HTML, self-contained.
    pub html: String,
    /// Why the operator's own templates could not be used, when they could not: to be logged. The message is whole.
    pub fault: Option<RenderFault>,
}

/// What both frames are filled with.
#[derive(Serialize)]
struct Page<'a> {
    language: &'a str,
    say: &'a BTreeMap<String, String>,
    subject: &'a str,
    lead: &'a str,
    steps: &'a [String],
    rows: Vec<Row>,
    details: Vec<Row>,
}

/// What words and rows are filled with.
#[derive(Serialize)]
struct Filled<'a> {
    say: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    view: &'a View,
}

#[derive(Serialize)]
struct Row {
    label: String,
    value: String,
}

impl Templates {
    /// The templates that are compiled in.
    ///
    /// # Errors
    /// When one of them does not compile.
    pub fn built_in() -> Result<Self, RenderFault> {
        let built_in = Engine::new(&[]).map_err(first)?;
        Ok(Self { built_in, own: None })
    }

    /// The templates that are compiled in, with the operator's own in place of some. Every kind is rendered for every
    /// audience in every language, with values that are long, hostile or missing, so that what can fail fails here.
    ///
    /// # Errors
    /// With every fault of every file: names of no template, faults of the syntax, undefined names, a language that is
    /// not complete, values that reach the HTML unescaped, links, images and scripts.
    pub fn with(overrides: &[TemplateFile]) -> Result<Self, Vec<RenderFault>> {
        let built_in = Engine::new(&[])?;
        if overrides.is_empty() {
            return Ok(Self { built_in, own: None });
        }
        let own = Engine::new(overrides)?;
        let faults = check::faults(&own);
        if faults.is_empty() { Ok(Self { built_in, own: Some(own) }) } else { Err(faults) }
    }

    /// The same, with nothing tried: what fails, fails when a delivery is rendered.
    #[cfg(test)]
    pub(crate) fn unchecked(overrides: &[TemplateFile]) -> Self {
        let engine = |files| Engine::new(files).unwrap_or_else(|faults| panic!("{faults:?}"));
        Self { built_in: engine(&[]), own: Some(engine(overrides)) }
    }

    /// The languages there are.
    pub fn languages(&self) -> Vec<&str> {
        self.own.as_ref().unwrap_or(&self.built_in).languages().collect()
    }

    /// Renders a delivery for its audience: values in full for the security team, masked for the rest. In the
    /// delivery's language, or the one it is a kind of (`de` for `de-AT`), or English.
    ///
    /// # Errors
    /// When the built-in templates name what there is not.
    pub fn render(&self, delivery: &Delivery) -> Result<Rendered, RenderFault> {
        let fault = match self.own.as_ref().map(|own| render(own, delivery)) {
            Some(Ok(rendered)) => return Ok(rendered),
            Some(Err(fault)) => Some(fault),
            None => None,
        };
        Ok(Rendered { fault, ..render(&self.built_in, delivery)? })
    }
}

/// Renders a delivery with these templates.
pub(super) fn render(engine: &Engine, delivery: &Delivery) -> Result<Rendered, RenderFault> {
    let language = engine.language(&delivery.language);
    let say = engine.phrases(language);
    let view = View::of(delivery);
    let filled = Value::from(Serde(Filled { say: &say, view: &view }));
    let words = engine.words(language, &words_of(delivery.kind), &filled)?;
    let rows = match &view.about {
        AboutView::Change(_) => "rows_change.txt",
        AboutView::Guard { .. } => "rows_guard.txt",
        AboutView::Refusals { .. } => "rows_refusals.txt",
    };
    let rows = engine.render(language, rows, &filled)?;
    // What stands below the line is detail.
    let (rows, details) = rows.split_once("\n---\n").unwrap_or((&rows, ""));
    let subject = Subject::new(&words.subject);
    let lead = one_line(&words.lead);
    let steps: Vec<_> = words.steps.lines().map(one_line).filter(|step| !step.is_empty()).collect();
    let page = Value::from(Serde(Page {
        language,
        say: &say,
        subject: subject.as_str(),
        lead: &lead,
        steps: &steps,
        rows: self::rows(rows),
        details: self::rows(details),
    }));
    let text = engine.render(language, "frame.txt", &page)? + "\n";
    let html = engine.render(language, "frame.html", &page)? + "\n";
    Ok(Rendered { subject, lead, steps, text, html, fault: None })
}

/// Lines of `label: value`.
fn rows(text: &str) -> Vec<Row> {
    let row =
        |(label, value): (&str, &str)| Row { label: label.trim().to_owned(), value: value.trim().to_owned() };
    text.lines().filter_map(|line| line.split_once(": ")).map(row).collect()
}

/// The lines of a template are not the lines of a message.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first(faults: Vec<RenderFault>) -> RenderFault {
    let none = || RenderFault { place: "templates".to_owned(), line: None, what: "unknown".to_owned() };
    faults.into_iter().next().unwrap_or_else(none)
}
