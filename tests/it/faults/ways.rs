//! Connect is not reached, or is not who it should be: nothing is ever sent.

use std::time::Duration;

use connect_guard::demo::connect::{Door, Fault};
use tokio::net::{TcpSocket, TcpStream};

use super::{
    UNAVAILABLE, UPDATE, ask, change, everybody, everything_told, read, received, recorded, said, setting,
    start, whole, write,
};
use crate::{
    records::of_kind,
    running::{Running, program, rewrite, user},
};

/// Two tries of a second each, and a little.
const SOON: Duration = Duration::from_secs(8);

/// Every door that lets nothing in.
const CLOSED: [Door; 4] = [Door::Reset, Door::Silent, Door::Stranger, Door::Misnamed];

/// A read, a write and a change of this user are answered 503, in time, and nothing of them is sent or told.
async fn nothing_is_sent(guard: &Running, number: usize) {
    let (desk, agent) = (guard.caller("IdentityDesk"), user(number));
    let before = guard.stage.connect.requests().len();
    for request in [read(&agent), write(&agent), change(&agent)] {
        let answer = ask(&desk, &request, SOON).await;
        assert_eq!(said(&answer), UNAVAILABLE, "{}", guard.log());
    }
    assert_eq!(guard.stage.connect.requests().len(), before);
    assert!(of_kind(&guard.records().await, "intent").iter().all(|intent| !intent.is_of(&agent.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_09_no_way_to_connect() {
    let guard = start(CLOSED.len() + 2).await;
    for (number, door) in CLOSED.into_iter().enumerate() {
        guard.stage.connect.set_door(door);
        nothing_is_sent(&guard, number + 1).await;
    }
    // Open again: nothing of it stays.
    guard.stage.connect.set_door(Door::Open);
    let last = user(CLOSED.len() + 1);
    let answer = ask(&guard.caller("IdentityDesk"), &change(&last), SOON).await;
    assert_eq!(said(&answer), (200, None), "{}", guard.log());
    // Nobody listens any more.
    guard.stage.connect.stop().await;
    nothing_is_sent(&guard, CLOSED.len() + 2).await;
    let mut expected = everybody(&last, &["address-changed"]);
    expected.sort();
    assert_eq!(everything_told(&guard).await, expected);
    whole(&guard);
}

/// The way is gone between the read before a change and the change: it is on record as not sent, and may be tried again.
#[tokio::test(flavor = "multi_thread")]
async fn fault_09_no_way_to_connect_after_the_intent() {
    let guard = start(CLOSED.len() + 1).await;
    let desk = guard.caller("IdentityDesk");
    // What is read of profiles and of the instance is known from here on.
    let first = user(CLOSED.len() + 1);
    assert_eq!(said(&ask(&desk, &change(&first), SOON).await), (200, None), "{}", guard.log());
    for (number, door) in CLOSED.into_iter().enumerate() {
        let agent = user(number + 1);
        guard.stage.connect.fail_next("DescribeUser", Fault::Then(door));
        let answer = ask(&desk, &change(&agent), SOON).await;
        assert_eq!(said(&answer), UNAVAILABLE, "{door:?}\n{}", guard.log());
        let records = recorded(&guard, &agent, "not_applied").await;
        let outcome = of_kind(&records, "outcome").pop().unwrap().clone();
        assert_eq!(outcome.text("/sent"), "not-sent", "{door:?}");
        assert_eq!(received(&guard, UPDATE, &agent), 0, "{door:?}");
        guard.stage.connect.set_door(Door::Open);
    }
    let mut expected = everybody(&first, &["address-changed"]);
    expected.sort();
    assert_eq!(everything_told(&guard).await, expected);
    // The same again is another attempt: it was not remembered.
    assert_eq!(said(&ask(&desk, &change(&user(1)), SOON).await), (200, None), "{}", guard.log());
    whole(&guard);
}

/// A listener that takes no connection: its queue is full.
#[tokio::test(flavor = "multi_thread")]
async fn fault_09_nobody_takes_the_connection() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    let taken = || tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address));
    while let Ok(Ok(stream)) = taken().await {
        queue.push(stream);
        assert!(queue.len() < 64, "the queue does not fill");
    }
    let guard = Running::amended(setting(1), |stage| {
        let port = stage.connect.address().port();
        rewrite(stage, &format!("address   = \"127.0.0.1:{port}\""), &format!("address   = \"{address}\""));
        program().into()
    })
    .await;
    nothing_is_sent(&guard, 1).await;
    assert!(guard.log().contains("connecting took too long"), "{}", guard.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_a_name_that_does_not_resolve() {
    let guard = Running::amended(setting(1), |stage| {
        let port = stage.connect.address().port();
        rewrite(stage, &format!("address   = \"127.0.0.1:{port}\"\n"), "");
        rewrite(stage, "https://localhost:", "https://connect.invalid:");
        program().into()
    })
    .await;
    nothing_is_sent(&guard, 1).await;
    assert!(everything_told(&guard).await.is_empty());
    whole(&guard);
}
