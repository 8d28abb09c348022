//! From a delivery to words: subject, text, HTML. Escaped by default, strict about undefined names.
//!
//! Each kind has one file of words (subject, lead, what to do now), used by the text and the HTML alike, so that the two
//! parts of a message cannot say different things. No part holds a link, an image or anything to be fetched.

use std::{error::Error, fmt};

use minijinja::{Environment, UndefinedBehavior, Value, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use super::{Delivery, Kind, neutral::ascii, view::View};

/// Longest subject, in characters.
const SUBJECT: usize = 150;
/// Text is wrapped before this column.
const COLUMNS: usize = 76;

/// The templates, compiled.
pub struct Templates {
    environment: Environment<'static>,
}

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line, no control characters.
    pub subject: String,
    /// Plain text, lines ended by LF.
    pub text: String,
    /// HTML, self-contained.
    pub html: String,
}

/// A template that does not hold.
#[derive(Debug)]
pub struct RenderFault(pub String);

/// What both frames are filled with.
#[derive(Serialize)]
struct Page {
    subject: String,
    lead: String,
    steps: Vec<String>,
    rows: Vec<Row>,
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
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(fault)?;
        environment.set_syntax(syntax);
        environment.add_filter("wrap", wrap);
        for kind in Kind::ALL {
            environment.add_template(kind.as_str(), words(kind)).map_err(fault)?;
        }
        for (name, source) in [
            ("rows.txt", include_str!("templates/rows.txt")),
            ("frame.txt", include_str!("templates/frame.txt")),
            ("frame.html", include_str!("templates/frame.html")),
        ] {
            environment.add_template(name, source).map_err(fault)?;
        }
        Ok(Self { environment })
    }

    /// Renders a delivery for its audience: values in full for the security team, masked for the rest.
    ///
    /// # Errors
    /// When a template names what there is not.
    pub fn render(&self, delivery: &Delivery) -> Result<Rendered, RenderFault> {
        let page = self.page(delivery)?;
        let filled = Value::from(Serde(&page));
        let text = self.frame("frame.txt", &filled)? + "\n";
        let html = self.frame("frame.html", &filled)? + "\n";
        Ok(Rendered { subject: page.subject, text, html })
    }

    fn page(&self, delivery: &Delivery) -> Result<Page, RenderFault> {
        let view = Value::from(Serde(View::of(delivery)));
        let words = self.environment.get_template(delivery.kind.as_str()).map_err(fault)?;
        let mut words = words.render_captured(view.clone()).map_err(fault)?;
        let mut block = |name: &str| words.with_state_mut(|state| state.render_block(name)).map_err(fault);
        let (subject, lead, steps) = (block("subject")?, block("lead")?, block("steps")?);
        let rows = self.environment.get_template("rows.txt").map_err(fault)?.render(view).map_err(fault)?;
        Ok(Page {
            subject: ascii(&one_line(&subject), SUBJECT),
            lead: one_line(&lead),
            steps: steps.lines().map(one_line).filter(|step| !step.is_empty()).collect(),
            rows: rows
                .lines()
                .filter_map(|row| row.split_once(": "))
                .map(|(label, value)| Row { label: label.trim().to_owned(), value: value.trim().to_owned() })
                .collect(),
        })
    }

    fn frame(&self, name: &str, page: &Value) -> Result<String, RenderFault> {
        self.environment.get_template(name).and_then(|frame| frame.render(page)).map_err(fault)
    }
}

impl fmt::Display for RenderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a notice cannot be put into words: {}", self.0)
    }
}

impl Error for RenderFault {}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::AddressChanged => include_str!("templates/address_changed.txt"),
        Kind::UserCreated => include_str!("templates/user_created.txt"),
        Kind::SensitiveDone => include_str!("templates/sensitive_done.txt"),
        Kind::MayHaveChanged => include_str!("templates/may_have_changed.txt"),
        Kind::NotChangedAfterAll => include_str!("templates/not_changed_after_all.txt"),
        Kind::ChangedAfterAll => include_str!("templates/changed_after_all.txt"),
        Kind::Undetermined => include_str!("templates/undetermined.txt"),
        Kind::SideEffect => include_str!("templates/side_effect.txt"),
        Kind::NotShown => include_str!("templates/not_shown.txt"),
        Kind::AddressChangeRefused => include_str!("templates/address_change_refused.txt"),
    }
}

/// Names the template and the line, never a value: the messages of the engine hold none.
fn fault(error: minijinja::Error) -> RenderFault {
    RenderFault(error.to_string())
}

/// The lines of a template are not the lines of a message.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Wraps at spaces, later lines indented by `indent`; a longer word keeps its line to itself.
fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for (place, word) in text.split(' ').enumerate() {
        let width = word.chars().count();
        if place > 0 && column + 1 + width > COLUMNS {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if place > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}
