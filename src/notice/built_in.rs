//! The templates that are compiled in: English, and German in a folder of its own. Frames and rows are there once; what
//! differs from language to language is in the words of the kinds and in the phrases.

use super::Kind;

/// The phrases every language has.
pub(super) const PHRASES: &str = include_str!("templates/phrases.txt");

/// Every template by its name.
pub(super) const FILES: &[(&str, &str)] = &[
    ("frame.html", include_str!("templates/frame.html")),
    ("frame.txt", include_str!("templates/frame.txt")),
    ("phrases.txt", PHRASES),
    ("rows_change.txt", include_str!("templates/rows_change.txt")),
    ("rows_guard.txt", include_str!("templates/rows_guard.txt")),
    ("rows_refusals.txt", include_str!("templates/rows_refusals.txt")),
    ("address_changed.txt", include_str!("templates/address_changed.txt")),
    ("secondary_changed.txt", include_str!("templates/secondary_changed.txt")),
    ("address_removed.txt", include_str!("templates/address_removed.txt")),
    ("user_created.txt", include_str!("templates/user_created.txt")),
    ("sensitive_done.txt", include_str!("templates/sensitive_done.txt")),
    ("may_have_changed.txt", include_str!("templates/may_have_changed.txt")),
    ("not_changed_after_all.txt", include_str!("templates/not_changed_after_all.txt")),
    ("changed_after_all.txt", include_str!("templates/changed_after_all.txt")),
    ("undetermined.txt", include_str!("templates/undetermined.txt")),
    ("side_effect.txt", include_str!("templates/side_effect.txt")),
    ("not_shown.txt", include_str!("templates/not_shown.txt")),
    ("address_change_refused.txt", include_str!("templates/address_change_refused.txt")),
    ("repeated_refusals.txt", include_str!("templates/repeated_refusals.txt")),
    ("announced.txt", include_str!("templates/announced.txt")),
    ("policy_changed.txt", include_str!("templates/policy_changed.txt")),
    ("policy_failed.txt", include_str!("templates/policy_failed.txt")),
    ("policy_mended.txt", include_str!("templates/policy_mended.txt")),
    ("rule_expiring.txt", include_str!("templates/rule_expiring.txt")),
    ("frozen.txt", include_str!("templates/frozen.txt")),
    ("unfrozen.txt", include_str!("templates/unfrozen.txt")),
    ("delivery_failing.txt", include_str!("templates/delivery_failing.txt")),
    ("delivery_mended.txt", include_str!("templates/delivery_mended.txt")),
    ("chain_broken.txt", include_str!("templates/chain_broken.txt")),
    ("heartbeat.txt", include_str!("templates/heartbeat.txt")),
    ("test.txt", include_str!("templates/test.txt")),
    ("de/phrases.txt", include_str!("templates/de/phrases.txt")),
    ("de/address_changed.txt", include_str!("templates/de/address_changed.txt")),
    ("de/secondary_changed.txt", include_str!("templates/de/secondary_changed.txt")),
    ("de/address_removed.txt", include_str!("templates/de/address_removed.txt")),
    ("de/user_created.txt", include_str!("templates/de/user_created.txt")),
    ("de/sensitive_done.txt", include_str!("templates/de/sensitive_done.txt")),
    ("de/may_have_changed.txt", include_str!("templates/de/may_have_changed.txt")),
    ("de/not_changed_after_all.txt", include_str!("templates/de/not_changed_after_all.txt")),
    ("de/changed_after_all.txt", include_str!("templates/de/changed_after_all.txt")),
    ("de/undetermined.txt", include_str!("templates/de/undetermined.txt")),
    ("de/side_effect.txt", include_str!("templates/de/side_effect.txt")),
    ("de/not_shown.txt", include_str!("templates/de/not_shown.txt")),
    ("de/address_change_refused.txt", include_str!("templates/de/address_change_refused.txt")),
    ("de/repeated_refusals.txt", include_str!("templates/de/repeated_refusals.txt")),
    ("de/announced.txt", include_str!("templates/de/announced.txt")),
    ("de/policy_changed.txt", include_str!("templates/de/policy_changed.txt")),
    ("de/policy_failed.txt", include_str!("templates/de/policy_failed.txt")),
    ("de/policy_mended.txt", include_str!("templates/de/policy_mended.txt")),
    ("de/rule_expiring.txt", include_str!("templates/de/rule_expiring.txt")),
    ("de/frozen.txt", include_str!("templates/de/frozen.txt")),
    ("de/unfrozen.txt", include_str!("templates/de/unfrozen.txt")),
    ("de/delivery_failing.txt", include_str!("templates/de/delivery_failing.txt")),
    ("de/delivery_mended.txt", include_str!("templates/de/delivery_mended.txt")),
    ("de/chain_broken.txt", include_str!("templates/de/chain_broken.txt")),
    ("de/heartbeat.txt", include_str!("templates/de/heartbeat.txt")),
    ("de/test.txt", include_str!("templates/de/test.txt")),
];

/// The file with the words of a kind.
pub(super) fn words_of(kind: Kind) -> String {
    format!("{}.txt", kind.as_str().replace('-', "_"))
}

/// The files with words: every language has them all.
pub(super) fn words() -> impl Iterator<Item = String> {
    Kind::ALL.into_iter().map(words_of)
}
