//! The template engine, with as little as it needs: strict about undefined names, escaping by default, a closed list of
//! filters (none of which switches the escaping off), bounded in steps, depth and size, so that a template cannot hang
//! whoever renders it.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, filters, syntax::SyntaxConfig, tests};

use super::{TemplateFile, built_in};

/// Instructions of the engine for one template.
const FUEL: u64 = 100_000;
/// Templates within templates.
const DEPTH: usize = 16;
/// Longest output of one template, in octets.
const LONGEST: usize = 256 * 1024;
/// Longest template, in octets.
const LONGEST_FILE: usize = 64 * 1024;
/// Text is wrapped before this column.
const COLUMNS: usize = 76;
/// The language whose templates have no folder, and which stands in for those that are not there.
pub(super) const ENGLISH: &str = "en";
/// Words and half sentences, not a template: lines of `name: text`.
const PHRASES: &str = "phrases.txt";
/// The blocks of the words of a kind.
const BLOCKS: [&str; 3] = ["subject", "lead", "steps"];

/// A template that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderFault {
    /// The file: as its reader named it, or the template's name.
    pub place: String,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong. No value of any delivery.
    pub what: String,
}

/// Templates, compiled, by name: `frame.html`, `de/frozen.txt`.
pub(super) struct Engine {
    environment: Environment<'static>,
    phrases: BTreeMap<String, BTreeMap<String, String>>,
    places: BTreeMap<String, String>,
}

/// The words of a kind.
pub(super) struct Words {
    pub(super) subject: String,
    pub(super) lead: String,
    pub(super) steps: String,
}

impl Engine {
    /// Compiles what is built in, with these in place of some of it.
    ///
    /// # Errors
    /// With every fault of every file.
    pub(super) fn new(overrides: &[TemplateFile]) -> Result<Self, Vec<RenderFault>> {
        let mut faults: Vec<_> = overrides.iter().filter_map(unfit).collect();
        let mut files: BTreeMap<&str, (&str, &str)> =
            built_in::FILES.iter().map(|(name, text)| (*name, (*name, *text))).collect();
        for file in overrides {
            files.insert(&file.name, (&file.place, &file.text));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut engine = Self {
            environment: environment().map_err(|error| vec![error])?,
            phrases: BTreeMap::new(),
            places: files
                .iter()
                .map(|(name, (place, _))| ((*name).to_owned(), (*place).to_owned()))
                .collect(),
        };
        for (name, (place, text)) in &files {
            let (language, file) = parts(name);
            let added = if file == PHRASES {
                phrases(place, text).map(|phrases| {
                    engine.phrases.insert(language.to_owned(), phrases);
                })
            } else {
                let added = engine.environment.add_template_owned((*name).to_owned(), (*text).to_owned());
                added.map_err(|error| vec![engine.fault(name, &error)])
            };
            faults.extend(added.err().into_iter().flatten());
        }
        faults.extend(engine.incomplete(&files));
        if faults.is_empty() { Ok(engine) } else { Err(faults) }
    }

    /// The languages there are.
    pub(super) fn languages(&self) -> impl Iterator<Item = &str> {
        self.phrases.keys().map(String::as_str)
    }

    /// The language there is for one that is asked for: itself, the one it is a kind of (`de` for `de-AT`), or English.
    pub(super) fn language<'a>(&self, asked: &'a str) -> &'a str {
        let base = asked.split('-').next().unwrap_or_default();
        [asked, base].into_iter().find(|language| self.phrases.contains_key(*language)).unwrap_or(ENGLISH)
    }

    /// The phrases of a language there is.
    pub(super) fn phrases(&self, language: &str) -> BTreeMap<String, String> {
        self.phrases.get(language).cloned().unwrap_or_default()
    }

    /// Renders a template of this name.
    pub(super) fn render(&self, language: &str, name: &str, filled: &Value) -> Result<String, RenderFault> {
        let name = self.named(language, name);
        let rendered = self.environment.get_template(&name).and_then(|template| template.render(filled));
        self.bounded(&name, rendered)
    }

    /// Renders the words of a kind.
    pub(super) fn words(&self, language: &str, name: &str, filled: &Value) -> Result<Words, RenderFault> {
        let name = self.named(language, name);
        let template = self.environment.get_template(&name).map_err(|error| self.fault(&name, &error))?;
        let captured = template.render_captured(filled.clone());
        let mut captured = captured.map_err(|error| self.fault(&name, &error))?;
        let mut block = |block: &str| {
            let rendered = captured.with_state_mut(|state| state.render_block(block));
            self.bounded(&name, rendered)
        };
        let [subject, lead, steps] = BLOCKS.map(&mut block);
        Ok(Words { subject: subject?, lead: lead?, steps: steps? })
    }

    fn bounded(&self, name: &str, rendered: Result<String, minijinja::Error>) -> Result<String, RenderFault> {
        let rendered = rendered.map_err(|error| self.fault(name, &error))?;
        if rendered.len() > LONGEST {
            return Err(self.at(name, format!("it makes more than {} KiB", LONGEST / 1024)));
        }
        Ok(rendered)
    }

    /// In the language's folder where it is there, otherwise without.
    fn named(&self, language: &str, name: &str) -> String {
        let own = format!("{language}/{name}");
        if self.places.contains_key(&own) { own } else { name.to_owned() }
    }

    /// A fault of this template as a whole.
    pub(super) fn at(&self, name: &str, what: String) -> RenderFault {
        let place = self.places.get(name).map_or(name, String::as_str).to_owned();
        RenderFault { place, line: None, what }
    }

    /// A fault of whatever words and frames this language has for a kind.
    pub(super) fn of_kind(&self, language: &str, name: &str, what: String) -> RenderFault {
        self.at(&self.named(language, name), what)
    }

    /// The messages of the engine name what a template names, never a value.
    fn fault(&self, name: &str, error: &minijinja::Error) -> RenderFault {
        let mut cause = error;
        // The innermost template is the one at fault.
        while let Some(inner) = cause.source().and_then(|source| source.downcast_ref::<minijinja::Error>()) {
            cause = inner;
        }
        let what = match cause.detail() {
            Some(detail) => format!("{}: {detail}", cause.kind()),
            None => cause.kind().to_string(),
        };
        let named = cause.name().filter(|name| self.places.contains_key(*name)).unwrap_or(name);
        RenderFault { line: cause.line(), ..self.at(named, what) }
    }

    /// A language has every word or it is none: half of one would speak two.
    fn incomplete(&self, files: &BTreeMap<&str, (&str, &str)>) -> Vec<RenderFault> {
        let mut faults = Vec::new();
        let known = phrases(PHRASES, built_in::PHRASES).unwrap_or_default();
        let languages: BTreeSet<&str> = files.keys().map(|name| parts(name).0).collect();
        for language in languages {
            let folder = if language == ENGLISH { String::new() } else { format!("{language}/") };
            let words = built_in::words().map(|name| format!("{folder}{name}"));
            let lacks = |name: &String| !files.contains_key(name.as_str());
            let missing = words.chain([format!("{folder}{PHRASES}")]).filter(lacks);
            faults.extend(missing.map(|name| self.at(&name, "it is missing".to_owned())));
            let Some(phrases) = self.phrases.get(language) else { continue };
            let place = format!("{folder}{PHRASES}");
            let missing = known.keys().filter(|name| !phrases.contains_key(*name));
            faults.extend(missing.map(|name| self.at(&place, format!("the phrase `{name}` is missing"))));
            let unknown = phrases.keys().filter(|name| !known.contains_key(*name));
            faults.extend(unknown.map(|name| self.at(&place, format!("no phrase is called `{name}`"))));
        }
        faults
    }
}

impl fmt::Display for RenderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.place, self.what),
            None => write!(f, "{}: {}", self.place, self.what),
        }
    }
}

impl Error for RenderFault {}

/// The language and the file of a name.
fn parts(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or((ENGLISH, name))
}

/// Why a file is no template of ours: nobody would ever see it.
fn unfit(file: &TemplateFile) -> Option<RenderFault> {
    let (language, name) = parts(&file.name);
    let subtags = |text: &str| {
        text.split('-').enumerate().all(|(place, tag)| {
            let letters = tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
            letters && (if place == 0 { 2..=3 } else { 2..=8 }).contains(&tag.len())
        })
    };
    let what = if !built_in::FILES.iter().any(|(known, _)| *known == name) {
        format!("no template is called `{name}`")
    } else if file.name.contains('/') && (language == ENGLISH || !subtags(language)) {
        format!(
            "`{language}` is no folder of a language: English has none, others are called `de` or `de-AT`"
        )
    } else if file.text.len() > LONGEST_FILE {
        format!("it is longer than {} KiB", LONGEST_FILE / 1024)
    } else {
        return None;
    };
    Some(RenderFault { place: file.place.clone(), line: None, what })
}

/// Lines of `name: text`; empty lines and lines that begin with `#` say nothing.
fn phrases(place: &str, text: &str) -> Result<BTreeMap<String, String>, Vec<RenderFault>> {
    let (mut phrases, mut faults) = (BTreeMap::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let what = match line.split_once(": ") {
            Some((name, text)) => match phrases.insert(name.trim().to_owned(), text.trim().to_owned()) {
                None => continue,
                Some(_) => format!("the phrase `{name}` is there twice"),
            },
            None => "expected `name: text`".to_owned(),
        };
        faults.push(RenderFault { place: place.to_owned(), line: Some(at + 1), what });
    }
    if faults.is_empty() { Ok(phrases) } else { Err(faults) }
}

fn environment() -> Result<Environment<'static>, RenderFault> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    environment.set_auto_escape_callback(|name| {
        let html = name.rsplit_once('.').is_some_and(|(_, extension)| extension == "html");
        if html { AutoEscape::Html } else { AutoEscape::None }
    });
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|error| RenderFault {
        place: "the syntax of templates".to_owned(),
        line: None,
        what: error.kind().to_string(),
    })?);
    environment.add_filter("wrap", wrap);
    environment.add_filter("utc", utc);
    environment.add_filter("default", filters::default);
    environment.add_filter("join", filters::join);
    environment.add_filter("length", filters::length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("none", tests::is_none);
    Ok(environment)
}

/// `2027-03-12T10:00:00Z` as people read it.
fn utc(time: &str) -> String {
    time.replace('T', " ").replace('Z', " UTC")
}

/// Wraps at spaces, later lines indented by `indent`; a longer word keeps its line to itself.
fn wrap(text: &str, indent: usize) -> String {
    let indent = indent.min(COLUMNS);
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
