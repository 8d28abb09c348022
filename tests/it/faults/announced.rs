//! Where whoever has to know of a change before it is made must have acknowledged it: without that nothing is sent.

use std::time::Duration;

use connect_guard::demo::{mailbox::Fault, stage::SECURITY};

use super::{UNAVAILABLE, UPDATE, ask, change, letters, received, recorded, said, setting, whole};
use crate::{
    records::of_kind,
    running::{Running, event, own_address, user},
};

/// More than the patience of a second, and than every other step.
const SOON: Duration = Duration::from_secs(8);

/// A guard whose security team has to know before a change is made.
async fn start() -> Running {
    let mut setting = setting(2);
    let notify = format!(
        "[notify]\nbefore = \"acknowledged\"\nacknowledged_by = [\"mail:{SECURITY}\"]\npatience = \"1s\"\n"
    );
    setting.more = [setting.more, notify].join("\n");
    Running::with(setting).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_announced_before_it_is_made() {
    let guard = start().await;
    let agent = user(1);
    let answer = ask(&guard.caller("IdentityDesk"), &change(&agent), SOON).await;
    assert_eq!(said(&answer), (200, None), "{}", guard.log());
    let letters = letters(&guard).await;
    // The first letter, to the security team alone: before Connect received the change.
    let first = &letters[0];
    assert_eq!((event(first).as_str(), first.to.as_slice()), ("announced", [SECURITY.to_owned()].as_slice()));
    assert_eq!(letters.iter().filter(|letter| event(letter) == "announced").count(), 1);
    assert_eq!(letters.iter().filter(|letter| event(letter) == "address-changed").count(), 4);
    let records = recorded(&guard, &agent, "applied").await;
    // That it was taken is on record between the intent and the outcome.
    let between = records
        .iter()
        .skip_while(|record| record.kind() != "intent")
        .take_while(|record| record.kind() != "outcome")
        .filter(|record| record.text("/delivery/result") == "acknowledged");
    assert_eq!(between.count(), 1);
    assert_eq!(received(&guard, UPDATE, &agent), 1);
    whole(&guard);
}

/// Refused, not there, or too late: 503, not sent, on record, and nobody is told that anything was changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_acknowledges_is_not_made() {
    for fault in [Fault::Down, Fault::Content("554 5.6.0 no"), Fault::SilentContent(100)] {
        let guard = start().await;
        let agent = user(1);
        guard.stage.mailbox.fail(fault.clone());
        let answer = ask(&guard.caller("IdentityDesk"), &change(&agent), SOON).await;
        assert_eq!(said(&answer), UNAVAILABLE, "{fault:?}\n{}", guard.log());
        let records = recorded(&guard, &agent, "not_applied").await;
        assert_eq!(of_kind(&records, "outcome")[0].text("/sent"), "not-sent", "{fault:?}");
        assert_eq!(received(&guard, UPDATE, &agent), 0, "{fault:?}");
        assert!(guard.log().contains("unannounced"), "{}", guard.log());
        guard.stage.mailbox.fail(Fault::None);
        // Whoever may have heard of it hears that it was not made; nobody else hears anything.
        let letters = letters(&guard).await;
        assert!(letters.iter().all(|letter| letter.to == [SECURITY.to_owned()]), "{fault:?}");
        assert!(letters.iter().all(|letter| event(letter) != "address-changed"), "{fault:?}");
        assert_eq!(event(letters.last().unwrap()), "not-changed-after-all", "{fault:?}");
        // The same again is another attempt, and is made.
        let answer = ask(&guard.caller("IdentityDesk"), &change(&agent), SOON).await;
        assert_eq!(said(&answer), (200, None), "{fault:?}\n{}", guard.log());
        assert_eq!(guard.stage.connect.user(&agent.id).unwrap().email, own_address(&agent));
        whole(&guard);
    }
}
