//! Deliveries for a webhook that is not configured any more.

use std::collections::BTreeMap;

use super::{
    hook::to_siem,
    memory::{Memory, Running},
    *,
};
use crate::{
    clock::Clock,
    notice::{Audience, tests::delivery},
    notify::{Channels, courier::Alarm},
};

#[tokio::test]
async fn what_waits_for_a_hook_that_is_gone_is_said_and_kept() {
    let (mailbox, clock) =
        (mailbox(Protection::StartTls).await, Clock::manual("2027-03-12T10:00:00Z".parse().unwrap()));
    let memory = Memory::new(&clock);
    let since = clock.now().millis();
    memory.put(1, to_siem(1), 0);
    memory.put(2, to_siem(2), 0);
    memory.put(3, delivery(Audience::Security, "security@example.com", 3), 0);
    let (options, _ca_file) = options(&mailbox, MailTls::StartTls, &mailbox.ca_pem);
    let channels = Channels::new(Some(Mail::new(options).unwrap()), BTreeMap::new(), clock);
    let running = Running::over(&memory, channels);
    let why = "no such channel is configured".to_owned();
    let alarms = memory.alarms(1).await;
    assert_eq!(alarms, [Alarm::Failing { channel: "hook:siem".to_owned(), since, why }]);
    // What the other channel brings is brought.
    memory.ended(1).await;
    running.stop().await;
    assert_eq!((memory.waiting(), mailbox.letters().len(), memory.said().len()), (2, 1, 1));
}
