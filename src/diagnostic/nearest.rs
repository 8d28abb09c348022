//! What somebody may have meant.

/// The nearest of `known` to `given`, for a `did you mean` hint; none when nothing is near (Damerau-Levenshtein
/// distance at most a third of the length). Letter case counts for nothing unless two are equally near.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let exact: Vec<char> = given.chars().collect();
    let folded: Vec<char> = given.to_lowercase().chars().collect();
    let most = folded.len() / 3;
    known
        .into_iter()
        .filter_map(|candidate| {
            let lower: Vec<char> = candidate.to_lowercase().chars().collect();
            if lower.len().abs_diff(folded.len()) > most {
                return None;
            }
            let near = distance(&folded, &lower);
            let tie = || distance(&exact, &candidate.chars().collect::<Vec<_>>());
            (near <= most).then(|| (near, tie(), candidate))
        })
        .min_by_key(|(near, tie, _)| (*near, *tie))
        .map(|(_, _, candidate)| candidate)
}

/// The Damerau-Levenshtein distance in its optimal string alignment form: insert, delete, replace, or swap neighbours.
/// Three rows of the table are kept: `above` is the one before, `higher` the one before that.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut higher: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut before_from = None;
    for (row, from) in a.iter().enumerate() {
        let mut steps = row + 1;
        let mut current = vec![steps];
        let mut before_to = None;
        for (column, to) in b.iter().enumerate() {
            let replaced = cell(&above, column) + usize::from(from != to);
            steps = (steps + 1).min(cell(&above, column + 1) + 1).min(replaced);
            if before_from == Some(to) && before_to == Some(from) {
                steps = steps.min(cell(&higher, column.wrapping_sub(1)) + 1);
            }
            current.push(steps);
            before_to = Some(to);
        }
        higher = std::mem::replace(&mut above, current);
        before_from = Some(from);
    }
    cell(&above, b.len())
}

/// A cell of a row; far away where there is none.
fn cell(row: &[usize], column: usize) -> usize {
    row.get(column).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(a: &str, b: &str) -> usize {
        distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("abc", "acb", 1),
            ("ab", "ba", 1),
            ("abcd", "bacd", 1),
            ("kitten", "sitting", 3),
            ("zoë", "zoe", 1),
        ] {
            assert_eq!(steps(a, b), expected, "{a} {b}");
            assert_eq!(steps(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_within_a_third() {
        let known = ["callers", "actions", "instances", "fields", "Email"];
        assert_eq!(nearest("caller", known), Some("callers"));
        assert_eq!(nearest("acitons", known), Some("actions"));
        assert_eq!(nearest("EMAIL", known), Some("Email"));
        assert_eq!(nearest("quota", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("xy", ["x"]), None, "one step is more than a third of two");
    }

    #[test]
    fn letter_case_decides_between_equals() {
        assert_eq!(nearest("EMAIl", ["email", "EMAIL"]), Some("EMAIL"));
        assert_eq!(nearest("abcdef", ["abcdex", "abcdey"]), Some("abcdex"), "the first of equals");
    }
}
