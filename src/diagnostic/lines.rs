//! Where the lines of a text begin: found once, when somebody asks first, however many faults there are.

use std::sync::OnceLock;

/// The beginnings of a text's lines; of which text, whoever asks knows.
#[derive(Debug, Default)]
pub(super) struct Lines(OnceLock<Box<[usize]>>);

impl Lines {
    /// The line, from 1, that holds this octet of the text, and where it begins; behind the end it is the last one.
    pub(super) fn at(&self, text: &str, octet: usize) -> (usize, usize) {
        let begins = self.0.get_or_init(|| {
            let after = text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n').map(|(_, after)| after);
            std::iter::once(0).chain(after).collect()
        });
        let line = begins.partition_point(|begin| *begin <= octet);
        (line, line.checked_sub(1).and_then(|before| begins.get(before)).copied().unwrap_or_default())
    }
}

/// It says nothing that the text does not say.
impl PartialEq for Lines {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Lines {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_octet_is_of_the_line_that_its_end_belongs_to() {
        let text = "a\n\nbc\n";
        let lines = Lines::default();
        let found: Vec<_> = (0..=7).map(|octet| lines.at(text, octet)).collect();
        assert_eq!(found, [(1, 0), (1, 0), (2, 2), (3, 3), (3, 3), (3, 3), (4, 6), (4, 6)]);
        assert_eq!(Lines::default().at("", 0), (1, 0));
    }
}
