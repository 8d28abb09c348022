//! Where words go, and in which form.

use std::io::{IsTerminal, Write};

use super::args::Format;
use crate::diagnostic::Faults;

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
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    /// A line for whoever watches.
    #[expect(clippy::unused_self, reason = "whoever writes has been given where to")]
    pub(super) fn say(self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
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
