//! The guard's own credentials: not accepted, none, or from a source that hangs or talks nonsense. The source is on this
//! machine, where the SDK's chain is told to look for it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use connect_guard::demo::{connect::Credential, stage::Stage};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    UNAVAILABLE, UPDATE, ask, change, everybody, everything_told, read, received, said, setting, start,
    whole, write,
};
use crate::{
    records::of_kind,
    running::{Running, program, script, user},
};

/// One fetch of credentials takes 5 s at most.
const SOON: Duration = Duration::from_secs(10);

/// What a source of credentials does with whoever asks.
#[derive(Clone, Copy, Debug)]
enum Source {
    Hangs,
    Closes,
    Says(&'static str),
}

impl Source {
    /// Serves until the test ends.
    async fn open(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut octets = [0; 4096];
                    let _ = stream.read(&mut octets).await;
                    match self {
                        Self::Hangs => std::future::pending().await,
                        Self::Closes => {}
                        Self::Says(answer) => drop(stream.write_all(answer.as_bytes()).await),
                    }
                });
            }
        });
        address
    }
}

/// The binary without keys in its environment, and with these variables.
fn environment(stage: &Stage, variables: &str) -> PathBuf {
    let text = format!(
        "#!/bin/sh\nunset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED\n{variables}\nexec {} \"$@\"\n",
        program()
    );
    script(&stage.folder.join("guard.sh"), &text)
}

/// Everything is answered 503 in time, nothing is sent, nobody is told.
async fn nothing_is_sent(guard: &Running) {
    let (desk, agent) = (guard.caller("IdentityDesk"), user(1));
    for request in [read(&agent), write(&agent), change(&agent)] {
        let answer = ask(&desk, &request, SOON).await;
        assert_eq!(said(&answer), UNAVAILABLE, "{}", guard.log());
    }
    assert!(guard.stage.connect.requests().is_empty());
    assert!(of_kind(&guard.records().await, "intent").is_empty());
    assert!(everything_told(guard).await.is_empty());
    whole(guard);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_no_credentials_at_all() {
    let guard =
        Running::amended(setting(1), |stage| environment(stage, "export AWS_EC2_METADATA_DISABLED=true"))
            .await;
    nothing_is_sent(&guard).await;
    assert!(guard.log().contains("no-credentials"), "{}", guard.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_a_container_that_gives_no_credentials() {
    for source in [
        Source::Hangs,
        Source::Closes,
        Source::Says("HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"),
        Source::Says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"),
    ] {
        let address = source.open().await;
        let guard = Running::amended(setting(1), |stage| {
            environment(stage, &format!("export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://{address}/given"))
        })
        .await;
        nothing_is_sent(&guard).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_a_metadata_service_that_hangs() {
    let address = Source::Hangs.open().await;
    let guard = Running::amended(setting(1), |stage| {
        environment(stage, &format!("export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://{address}"))
    })
    .await;
    nothing_is_sent(&guard).await;
}

/// Keys that Connect does not know any more: an operator has to act, the caller is told nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn fault_20_credentials_that_connect_does_not_accept() {
    let guard = start(2).await;
    let desk = guard.caller("IdentityDesk");
    let other = |id: &str, secret: &str| Credential {
        access_key_id: id.into(),
        secret: secret.into(),
        session_token: None,
    };
    for credential in [other("AKIDOTHER", "SECRETEXAMPLE"), other("AKIDEXAMPLE", "SECRETOTHER")] {
        guard.stage.connect.set_credentials(vec![credential]);
        for request in [read(&user(1)), write(&user(1)), change(&user(1))] {
            let answer = ask(&desk, &request, SOON).await;
            assert_eq!(said(&answer), UNAVAILABLE, "{}", guard.log());
        }
    }
    assert_eq!(received(&guard, UPDATE, &user(1)), 0);
    assert!(guard.log().contains("does not accept the guard's own credentials"), "{}", guard.log());
    guard.stage.connect.set_credentials(vec![other("AKIDEXAMPLE", "SECRETEXAMPLE")]);
    assert_eq!(said(&ask(&desk, &change(&user(2)), SOON).await), (200, None), "{}", guard.log());
    let mut expected = everybody(&user(2), &["address-changed"]);
    expected.sort();
    assert_eq!(everything_told(&guard).await, expected);
    whole(&guard);
}
