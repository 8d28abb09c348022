//! `config reference`: every key of a configuration, as text, one a line, or as a JSON Schema; and as manual pages.

use std::fmt::Write as _;

use super::{Exit, args::Format, output::Output};
use crate::config::{Entry, Reference};

/// Prints it.
pub(super) fn reference(of_relay: bool, output: Output) -> Exit {
    let reference = if of_relay { Reference::of_relay() } else { Reference::of_guard() };
    match output.format() {
        Format::Human => human(&reference, output),
        Format::Plain => {
            for entry in &reference.keys {
                output.data(&format!("{}: {}{}. {}", entry.key, entry.takes, presence(entry), entry.doc));
            }
        }
        Format::Json => output.text(&format!("{:#}", reference.schema())),
    }
    Exit::Done
}

/// Table by table, an empty line between two.
fn human(reference: &Reference, output: Output) {
    output.data(reference.title);
    for table in tables(reference) {
        output.data("");
        output.data(&heading(&table.key));
        output.data(&format!("    {}", table.doc));
        for entry in within(reference, table) {
            output.data(&format!("  {}: {}{}", entry.name, entry.takes, presence(entry)));
            output.data(&format!("    {}", entry.doc));
        }
    }
}

/// The manual page of section 5: its file's name and its text. The same keys make the same octets.
pub(super) fn pages() -> [(&'static str, String); 2] {
    [
        ("connect-guard.toml.5", page("connect-guard.toml", &Reference::of_guard())),
        ("connect-guard-relay.toml.5", page("connect-guard-relay.toml", &Reference::of_relay())),
    ]
}

fn page(name: &str, reference: &Reference) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        ".TH {} 5 \"\" \"connect\\-guard {version}\" \"Connect Guard\"\n.SH NAME\n{} \\- {}\n.SH DESCRIPTION\n\
         A file of TOML. Unknown keys are faults, and relative paths are of the file's directory. Durations are written as \
         500ms, 10s, 2m or 1h.\n.PP\nSecrets stand in other files, never here: what a key that ends in _file, _credential, \
         _command or _env says is where.\n",
        roff(&name.to_uppercase()),
        roff(name),
        roff(reference.title),
    );
    for table in tables(reference) {
        // Writing to a text never fails.
        let _ = write!(text, ".SH \"{}\"\n{}\n", roff(&heading(&table.key)), roff(&table.doc));
        for entry in within(reference, table) {
            let _ = write!(
                text,
                ".TP\n\\fB{}\\fR: {}{}\n{}\n",
                roff(&entry.name),
                roff(&entry.takes),
                roff(&presence(entry)),
                roff(&entry.doc),
            );
        }
    }
    let _ = write!(
        text,
        ".SH SEE ALSO\n\\fBconnect\\-guard\\fR(1), \\fBconnect\\-guard\\-config\\-check\\fR(1)\n"
    );
    text
}

fn tables(reference: &Reference) -> impl Iterator<Item = &Entry> {
    reference.keys.iter().filter(|entry| entry.is_table)
}

/// The keys of a table but for the tables in it, which come after it.
fn within<'r>(reference: &'r Reference, table: &'r Entry) -> impl Iterator<Item = &'r Entry> {
    reference.keys.iter().filter(|entry| entry.table == table.key && !entry.is_table)
}

/// `; has to be there`, `; otherwise "10s"`, or nothing.
fn presence(entry: &Entry) -> String {
    match (&entry.default, entry.required) {
        (_, true) => "; has to be there".to_owned(),
        (Some(default), false) => format!("; otherwise {default}"),
        (None, false) => String::new(),
    }
}

/// As TOML begins a table: `[[listen]]`, `[listen.timeouts]`, `[limits.operations.NAME]`.
fn heading(key: &str) -> String {
    match key.strip_suffix("[]") {
        Some(list) => format!("[[{}]]", list.replace("[]", "")),
        None => format!("[{}]", key.replace("[]", "")),
    }
}

/// Text in which nothing is a request of roff: a backslash and a hyphen are themselves, and no line begins with one.
fn roff(text: &str) -> String {
    let plain = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    let acts = plain.starts_with(['.', '\'']);
    if acts { format!("\\&{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_page_is_a_request_that_no_one_made() {
        assert_eq!(roff(".so /etc/passwd"), "\\&.so /etc/passwd");
        assert_eq!(roff("a\\fB-b \"c\""), "a\\efB\\-b \\(dqc\\(dq");
        for (name, text) in pages() {
            assert!(name.ends_with(".5") && text.starts_with(".TH CONNECT"), "{name}");
            let requests = [".TH ", ".SH ", ".TP", ".PP"];
            for line in text.lines().filter(|line| line.starts_with(['.', '\''])) {
                assert!(requests.iter().any(|request| line.starts_with(request)), "{line}");
            }
        }
    }
}
