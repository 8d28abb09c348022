//! Faults of the files that the guard rests on, as status, the log and notices tell them while it serves: by place, the
//! errors among them, and without the addresses of people that such files hold.

use crate::diagnostic::{Faults, Severity};

/// One line for each error.
pub(super) fn errors(faults: &Faults) -> Vec<String> {
    let mut errors = Faults::new();
    for fault in faults.iter().filter(|fault| fault.severity == Severity::Error) {
        errors.push(fault.clone());
    }
    lines(&errors)
}

/// The first error, on one line.
pub(super) fn first(faults: &Faults) -> String {
    errors(faults).into_iter().next().unwrap_or_else(|| "it is at fault".to_owned())
}

/// Logs all of them, warnings too.
pub(super) fn report(faults: &Faults) {
    for line in lines(faults) {
        tracing::warn!("{line}");
    }
}

fn lines(faults: &Faults) -> Vec<String> {
    let said = |line: &str| match line.split_once(": ") {
        // The place is a path of the operator's own.
        Some((place, said)) => format!("{place}: {}", masked(said)),
        None => masked(line),
    };
    faults.plain().lines().map(said).collect()
}

/// Without what may be an address: whoever mends the file finds it by its place.
fn masked(said: &str) -> String {
    let ends = |character: char| character.is_whitespace() || "`\"'()<>,;".contains(character);
    let mut out = String::new();
    for word in said.split_inclusive(ends) {
        if word.contains('@') {
            out.push_str("(an address)");
            out.extend(word.chars().last().filter(|last| ends(*last)));
        } else {
            out.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Fault, Source};

    #[test]
    fn errors_are_told_by_place_and_without_addresses() {
        let at = || Source::new("/etc/a@1/people.toml", "x = 1").at(0..1);
        let mut faults = Faults::new();
        faults.push(Fault::warning("odd", at()));
        faults.push(Fault::error("`kim.lee@example.com` is no address", at()).hint("such as a@b.example"));
        faults.push(Fault::bare("<kim@example.com>, twice"));
        assert_eq!(
            errors(&faults),
            [
                "error: <(an address)>, twice",
                "/etc/a@1/people.toml:1:1: error: `(an address)` is no address (hint: such as (an address))",
            ]
        );
        assert_eq!(first(&faults), "error: <(an address)>, twice");
        assert_eq!(first(&Faults::new()), "it is at fault");
    }
}
