//! Faults as people, pipes and programs read them.

use std::{borrow::Cow, fmt::Write as _};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;

use super::{Fault, Place, Severity};

/// Columns of the rendered text. Fixed, so that the same faults give the same text everywhere.
const WIDTH: usize = 120;

/// rustc style, one empty line between two faults.
pub(super) fn human(faults: &[&Fault], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
    let mut out = String::new();
    for fault in faults {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&renderer.render(&[group(fault)]));
        out.push('\n');
    }
    out
}

/// One line each.
pub(super) fn plain(faults: &[&Fault]) -> String {
    let mut out = String::new();
    for fault in faults {
        if let Some(place) = &fault.place {
            let (line, column) = place.line_column();
            // Writing to a text cannot fail.
            let _ = write!(out, "{}:{line}:{column}: ", visible(&place.source.name));
        }
        out.push_str(severity(fault.severity));
        if let Some(code) = fault.code {
            out.extend(["[", code, "]"]);
        }
        out.extend([": ", &visible(&fault.message)]);
        if let Some(hint) = &fault.hint {
            out.extend([" (hint: ", &visible(hint), ")"]);
        }
        out.push('\n');
    }
    out
}

/// A JSON array; what a fault does not have is null.
pub(super) fn json(faults: &[&Fault]) -> String {
    let faults: Vec<_> = faults
        .iter()
        .map(|fault| {
            let place = fault.place.as_ref().map(|place| (&*place.source.name, place.line_column()));
            let mut found = json!({
                "severity": severity(fault.severity),
                "message": fault.message,
                "file": place.map(|(file, _)| file),
                "line": place.map(|(_, (line, _))| line),
                "column": place.map(|(_, (_, column))| column),
                "hint": fault.hint,
            });
            if let (Some(code), Some(members)) = (fault.code, found.as_object_mut()) {
                members.insert("code".to_owned(), code.into());
            }
            found
        })
        .collect();
    serde_json::Value::Array(faults).to_string()
}

fn group(fault: &Fault) -> Group<'_> {
    let level = match fault.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut title = level.primary_title(visible(&fault.message));
    if let Some(code) = fault.code {
        title = title.id(code);
    }
    let mut group = match &fault.place {
        None => Group::with_title(title),
        Some(place) => {
            let (text, line, marked) = first_line(place);
            let snippet = Snippet::source(text).line_start(line).path(visible(&place.source.name));
            title.element(snippet.annotation(AnnotationKind::Primary.span(marked)))
        }
    };
    if let Some(hint) = &fault.hint {
        group = group.element(Level::HELP.with_name("hint").message(visible(hint)));
    }
    group
}

/// The line in which the span begins, its number, and the part of the span that is on it, on character boundaries: a caret marks
/// where a fault begins, and never a whole table.
fn first_line(place: &Place) -> (&str, usize, std::ops::Range<usize>) {
    let text = &*place.source.text;
    let (line, begin) = place.line();
    let rest = text.get(begin..).unwrap_or_default();
    let whole = rest.split(['\r', '\n']).next().unwrap_or_default();
    let on_it = |at: usize| whole.floor_char_boundary(at.saturating_sub(begin));
    let start = on_it(place.span.start);
    (whole, line, start..on_it(place.span.end).max(start))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// One line without control characters or what changes the order of text: what somebody wrote in a file moves no cursor.
fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_hidden(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out.into()
}

/// Characters without a shape of their own: zero-width ones, bidirectional controls, the byte order mark.
pub(crate) fn is_hidden(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::super::{Faults, Source};
    use super::*;

    const TEXT: &str = "version = 1\n\n[[allow]]\nid = \"desk\"\nacitons = [\"connect:DescribeUser\"]\n";

    fn faults() -> Faults {
        let source = Source::new("policies/a.toml", TEXT);
        let mut faults = Faults::new();
        faults.push(Fault::error("unknown key `acitons`", source.at(35..42)).hint("did you mean `actions`?"));
        faults.push(Fault::warning("rule `desk` has no end", source.at(13..34)));
        faults.push(Fault::bare("no policy for `eu-central-1`"));
        faults
    }

    /// Were the text gone through for each of them, this would take hours.
    #[test]
    fn a_fault_in_each_line_of_a_long_text_is_shown_at_once() {
        let line = "acitons = [\"connect:DescribeUser\"]\n";
        let source = Source::new("policies/a.toml", line.repeat(100_000));
        let mut faults = Faults::new();
        for number in 0..100_000 {
            faults.push(Fault::error("unknown key `acitons`", source.at(number * 35..number * 35 + 7)));
        }
        assert_eq!(line.len(), 35);
        assert!(faults.plain().ends_with("policies/a.toml:100000:1: error: unknown key `acitons`\n"));
        assert!(faults.human(false).contains("\n100000 | acitons = "));
    }

    #[test]
    fn human_is_rustc_style() {
        let expected = "\
error: no policy for `eu-central-1`

warning: rule `desk` has no end
 --> policies/a.toml:3:1
  |
3 | [[allow]]
  | ^^^^^^^^^

error: unknown key `acitons`
 --> policies/a.toml:5:1
  |
5 | acitons = [\"connect:DescribeUser\"]
  | ^^^^^^^
  |
  = hint: did you mean `actions`?
";
        assert_eq!(faults().human(false), expected);
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let coloured = faults().human(true);
        assert!(coloured.contains('\u{1b}'));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), faults().human(false));
    }

    #[test]
    fn plain_is_one_line_each() {
        let expected = "\
error: no policy for `eu-central-1`
policies/a.toml:3:1: warning: rule `desk` has no end
policies/a.toml:5:1: error: unknown key `acitons` (hint: did you mean `actions`?)
";
        assert_eq!(faults().plain(), expected);
    }

    #[test]
    fn json_is_an_array() {
        let read: serde_json::Value = serde_json::from_str(&faults().json()).unwrap();
        let expected = json!([
            {"severity": "error", "message": "no policy for `eu-central-1`", "file": null, "line": null, "column": null, "hint": null},
            {"severity": "warning", "message": "rule `desk` has no end", "file": "policies/a.toml", "line": 3, "column": 1, "hint": null},
            {"severity": "error", "message": "unknown key `acitons`", "file": "policies/a.toml", "line": 5, "column": 1, "hint": "did you mean `actions`?"},
        ]);
        assert_eq!(read, expected);
    }

    #[test]
    fn nothing_is_an_empty_text_and_an_empty_array() {
        let faults = Faults::new();
        assert_eq!(
            (faults.human(false), faults.plain(), faults.json()),
            (String::new(), String::new(), "[]".into())
        );
    }

    #[test]
    fn odd_spans_do_not_panic() {
        for text in ["", "zoë", "a\r\nb", "\n\n", "\tx\u{1b}[31m", "e\u{301}\u{202e}x"] {
            let source = Source::new("x", text);
            for start in 0..12 {
                for end in 0..12 {
                    let mut faults = Faults::new();
                    faults.push(Fault::error("m", source.at(start..end)));
                    let shown = faults.human(false) + &faults.plain() + &faults.json();
                    assert!(!shown.contains('\u{1b}'), "an escape sequence got through: {shown:?}");
                }
            }
        }
    }

    #[test]
    fn i7_control_characters_in_messages_are_escaped() {
        let mut faults = Faults::new();
        faults.push(Fault::bare("key `a\nb\u{1b}[2J`").hint("c\rd"));
        assert_eq!(faults.plain(), "error: key `a\\nb\\u{1b}[2J` (hint: c\\rd)\n");
        assert!(!faults.human(false).contains('\u{1b}'));
        let mut faults = Faults::new();
        faults.push(Fault::bare("key `a\u{202e}b\u{200b}zo\u{eb}`"));
        assert_eq!(faults.plain(), "error: key `a\\u{202e}b\\u{200b}zo\u{eb}`\n");
    }
}
