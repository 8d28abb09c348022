//! The text of a rule in a file of the policy, by its place: what a decision is explained by.

/// A kept file: its name, and its text where that is kept.
pub(super) type File = (String, Option<String>);

/// The block that stands at `file:line`: from its `[[...]]` to what does not belong to it any more.
pub(super) fn text(files: &[File], place: &str) -> Option<String> {
    let (file, line) = place.rsplit_once(':')?;
    let line: usize = line.parse().ok()?;
    let same = |name: &str| {
        name == file || file.ends_with(&format!("/{name}")) || name.ends_with(&format!("/{file}"))
    };
    let found = files.iter().find(|(name, _)| name == file);
    let (_, text) = found.or_else(|| files.iter().find(|(name, _)| same(name)))?;
    block(text.as_deref()?, line)
}

fn block(text: &str, line: usize) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let before = lines.get(..line)?;
    let first = before.iter().rposition(|line| line.starts_with("[["))?;
    let name = lines.get(first)?.trim_start_matches('[').split(']').next()?.trim();
    let below = format!("{name}.");
    let rest = lines.get(first + 1..)?;
    let own = |line: &str| header(line).is_none_or(|header| header.starts_with(&below));
    let length = rest.iter().position(|line| !own(line)).unwrap_or(rest.len());
    let mut all: Vec<&str> = lines.get(first..=first + length)?.to_vec();
    // What stands before the next block is about that one.
    while all.last().is_some_and(|line| line.trim().is_empty() || line.starts_with('#')) {
        all.pop();
    }
    Some(all.join("\n"))
}

/// The name in a line that begins a table.
fn header(line: &str) -> Option<&str> {
    let name = line.strip_prefix("[[").or_else(|| line.strip_prefix('['))?;
    let name = name.split(']').next()?.trim();
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"._-\" ".contains(&byte);
    (!name.is_empty() && name.bytes().all(bare)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "version = 1\n\n[[allow]]\nid = \"one\"\nfields = [\n  \"Email\",\n]\n\n[allow.hours]\n\
                         from = \"07:00\"\n\n# The other.\n[[deny]]\nid = \"two\"\n";

    #[test]
    fn a_rule_is_found_by_any_of_its_lines() {
        let files = [("desk.toml".to_owned(), Some(RULES.to_owned())), ("hr.csv".to_owned(), None)];
        let one = "[[allow]]\nid = \"one\"\nfields = [\n  \"Email\",\n]\n\n[allow.hours]\nfrom = \"07:00\"";
        for place in ["desk.toml:3", "/etc/policies/desk.toml:4", "desk.toml:7"] {
            assert_eq!(text(&files, place).as_deref(), Some(one), "{place}");
        }
        assert_eq!(text(&files, "desk.toml:13").as_deref(), Some("[[deny]]\nid = \"two\""));
        for place in ["desk.toml", "desk.toml:1", "desk.toml:99", "other-desk.toml:3", "hr.csv:3", ""] {
            assert_eq!(text(&files, place), None, "{place}");
        }
    }

    #[test]
    fn a_line_of_values_begins_no_table() {
        let rule = "[[allow]]\nhours = [\n[\"07:00\", \"18:00\"],\n]\nid = \"one\"";
        let files = [("desk.toml".to_owned(), Some(format!("{rule}\n\n[[deny]]\nid = \"two\"\n")))];
        assert_eq!(text(&files, "desk.toml:1").as_deref(), Some(rule));
    }
}
