//! Faults in files people write: message, `file:line:column`, caret, hint. All faults of all files in one run.

mod lines;
mod nearest;
mod render;

pub use nearest::nearest;
pub(crate) use render::is_hidden;

use std::{collections::HashMap, fmt, ops::Range, sync::Arc};

use self::lines::Lines;

/// One file as it was read: faults point into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As the user named it: what faults show.
    pub name: Arc<str>,
    /// The file alone, within its directory: what records and notices quote, wherever the directory is.
    pub local: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    lines: Arc<Lines>,
}

/// A place in a file: what records, refusals and faults quote as `file:line`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Source,
    /// Byte range in its text.
    pub span: Range<usize>,
}

/// How grave a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look; loading goes on.
    Warning,
    /// Loading fails.
    Error,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// How grave.
    pub severity: Severity,
    /// What a warning is called, where there is a list of them.
    pub code: Option<&'static str>,
    /// What is wrong: lower case, no full stop, user input in backticks.
    pub message: String,
    /// Where; none when it is not about a place in a file.
    pub place: Option<Place>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Every fault of one run, in the order of files and places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Source {
    /// A file's name and text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        Self { local: name.clone(), name, text: text.into(), lines: Arc::default() }
    }

    /// A file of a directory: shown by its whole name, quoted by its local one.
    #[must_use]
    pub fn within(mut self, local: impl Into<Arc<str>>) -> Self {
        self.local = local.into();
        self
    }

    /// A place in it.
    pub fn at(&self, span: Range<usize>) -> Place {
        Place { source: self.clone(), span }
    }
}

impl Place {
    /// Line and column, both from 1; columns count characters.
    pub fn line_column(&self) -> (usize, usize) {
        let (line, begin) = self.line();
        let text = &*self.source.text;
        let before = text.get(begin..text.floor_char_boundary(self.span.start)).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The line in which it begins, from 1, and where that one begins.
    fn line(&self) -> (usize, usize) {
        self.source.lines.at(&self.source.text, self.span.start)
    }
}

/// `file:line`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source.name, self.line_column().0)
    }
}

impl Fault {
    /// An error at a place.
    pub fn error(message: impl Into<String>, place: Place) -> Self {
        Self { place: Some(place), ..Self::bare(message) }
    }

    /// An error that is not about a place in a file.
    pub fn bare(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code: None, message: message.into(), place: None, hint: None }
    }

    /// A warning at a place.
    pub fn warning(message: impl Into<String>, place: Place) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message, place) }
    }

    /// With what it is called.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// With a hint: what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Faults {
    /// No fault yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// All of another run's.
    pub fn extend(&mut self, other: Faults) {
        self.0.extend(other.0);
    }

    /// Whether any of them stops loading.
    pub fn fatal(&self) -> bool {
        self.0.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// As people read them, rustc style (source line, caret, `hint:` line); `colour` never carries meaning.
    pub fn human(&self, colour: bool) -> String {
        render::human(&self.ordered(), colour)
    }

    /// One line each: `file:line:column: error: message (hint: ...)`; a code follows in brackets: `warning[code]`.
    pub fn plain(&self) -> String {
        render::plain(&self.ordered())
    }

    /// A JSON array of `{severity, message, file, line, column, hint}`, with a `code` where there is one.
    pub fn json(&self) -> String {
        render::json(&self.ordered())
    }

    /// By file in the order of first mention, then by place; what has no place comes first.
    fn ordered(&self) -> Vec<&Fault> {
        let mut files: HashMap<&str, usize> = HashMap::new();
        let mut faults: Vec<(Option<(usize, usize)>, &Fault)> = Vec::with_capacity(self.0.len());
        for fault in &self.0 {
            let key = fault.place.as_ref().map(|place| {
                let next = files.len();
                (*files.entry(&place.source.name).or_insert(next), place.span.start)
            });
            faults.push((key, fault));
        }
        faults.sort_by_key(|(key, _)| *key);
        faults.into_iter().map(|(_, fault)| fault).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source::new("a.toml", "one\nzoë = 1\n");
        assert_eq!(source.at(0..1).line_column(), (1, 1));
        assert_eq!(source.at(4..5).line_column(), (2, 1));
        assert_eq!(source.at(9..10).line_column(), (2, 5));
        assert_eq!(source.at(9..10).to_string(), "a.toml:2");
    }

    #[test]
    fn a_span_outside_the_text_is_its_end() {
        let source = Source::new("a.toml", "zoë");
        assert_eq!(source.at(3..4).line_column(), (1, 3), "inside of a character");
        assert_eq!(source.at(99..100).line_column(), (1, 4));
        assert_eq!(Source::new("e", "").at(0..0).line_column(), (1, 1));
    }

    #[test]
    fn only_errors_are_fatal() {
        let source = Source::new("a.toml", "x");
        let mut faults = Faults::new();
        assert!(faults.is_empty());
        faults.push(Fault::warning("odd", source.at(0..1)));
        assert!(!faults.fatal());
        let mut more = Faults::new();
        more.push(Fault::bare("bad"));
        faults.extend(more);
        assert!(faults.fatal());
        assert_eq!(faults.iter().count(), 2);
    }
}
