//! Where words go, and in which form. What somebody wrote in a file, or what Connect or a receiver answered, is among them:
//! it moves no cursor, changes no terminal, turns no reading direction round and ends no line.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{IsTerminal, Write},
};

use super::args::Format;
use crate::diagnostic::{Faults, is_hidden};

/// Writes to standard output and standard error.
#[derive(Clone, Copy)]
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(super) fn format(self) -> Format {
        self.format
    }

    /// A line of data. A reader that has gone away is no reason to fail.
    #[expect(clippy::unused_self, reason = "whoever writes has been given where to")]
    pub(super) fn data(self, line: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{}", visible(line, &['\t']));
    }

    /// Several lines of data.
    pub(super) fn text(self, text: &str) {
        text.split('\n').for_each(|line| self.data(line));
    }

    /// A line of data in the colours of the guard's own.
    #[cfg(feature = "demo")]
    #[expect(clippy::unused_self, reason = "whoever writes has been given where to")]
    pub(super) fn coloured(self, line: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    /// A line for whoever watches.
    #[expect(clippy::unused_self, reason = "whoever writes has been given where to")]
    pub(super) fn say(self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{}", visible(line, &['\t', '\n']));
    }

    /// A failure that is not about a place in a file.
    pub(super) fn error(self, message: &str) {
        self.say(&format!("error: {message}"));
    }

    /// What to do about it.
    pub(super) fn hint(self, hint: &str) {
        self.say(&format!("hint: {hint}"));
    }

    /// Faults as the result of a command: JSON is data.
    pub(super) fn result(self, faults: &Faults) {
        match self.format {
            Format::Human | Format::Plain => self.tell(faults),
            Format::Json => self.data(&faults.json()),
        }
    }

    /// Faults on the way to something else: to whoever watches, in any form. JSON on standard output is the result alone.
    pub(super) fn tell(self, faults: &Faults) {
        let said = match self.format {
            Format::Human => faults.human(std::io::stderr().is_terminal()),
            Format::Plain | Format::Json => faults.plain(),
        };
        let _ = write!(std::io::stderr().lock(), "{said}");
    }
}

/// A value that ends no line and acts on no terminal: what acts is shown as its number.
pub(super) fn on_one_line(text: &str) -> Cow<'_, str> {
    visible(text, &[])
}

/// Text in which what acts instead of being seen is shown as its number, as JSON writes it: but for these.
fn visible<'a>(text: &'a str, but: &[char]) -> Cow<'a, str> {
    let acts = |letter: char| (letter.is_control() && !but.contains(&letter)) || is_hidden(letter);
    if !text.contains(acts) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if acts(letter) {
            // Writing to a text cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(letter));
        } else {
            shown.push(letter);
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn i7_what_acts_on_a_terminal_is_shown_as_its_number() {
        for (text, shown) in [
            ("Zo\u{eb} \u{5c71}\u{7530}\ta", "Zo\u{eb} \u{5c71}\u{7530}\ta"),
            ("a\u{1b}]0;b\u{7}", "a\\u001b]0;b\\u0007"),
            ("a\u{9b}31m\u{7f}\u{202e}", "a\\u009b31m\\u007f\\u202e"),
            ("a\r\nb", "a\\u000d\\u000ab"),
        ] {
            assert_eq!(visible(text, &['\t']), shown);
        }
        assert_eq!(visible("a\nb\r", &['\n']), "a\nb\\u000d");
        // What is JSON stays the same JSON.
        let value = serde_json::json!({ "a\u{7f}": "\u{9b}\u{202e}\n\u{feff}\"\\" });
        let read: serde_json::Value = serde_json::from_str(&visible(&value.to_string(), &[])).unwrap();
        assert_eq!(read, value);
    }
}
