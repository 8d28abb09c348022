//! What is recorded, how the rate is limited, and how it starts, waits and stops.

use crate::client::Failure;

use super::*;

#[tokio::test]
async fn a_request_is_recorded_octet_for_octet() {
    let site = Site::open().await;
    let target = format!("/users/{INSTANCE}/{MARY}/identity-info");
    let body = "{ \"IdentityInfo\": {\"LastName\": \"Maj\u{f6}r\"} }";
    assert_eq!(site.ask("POST", &target, body).await.0, 200);
    assert_eq!(site.ask("GET", "/instance?maxResults=1", "").await.0, 200);
    let received = site.connect.requests();
    let first = &received[0];
    assert_eq!((first.method.as_str(), &first.target, first.text().as_str()), ("POST", &target, body));
    assert_eq!(
        (first.operation, first.status, first.done),
        (Some("UpdateUserIdentityInfo"), 200, Done::Applied)
    );
    assert_eq!(first.access_key_id.as_deref(), Some("AKIDEXAMPLE"));
    assert_eq!(first.lines[0], format!("host: {}", site.client.authority()));
    assert_eq!(first.values("content-length"), [body.len().to_string()]);
    assert_eq!(first.values("authorization").len(), 1);
    assert!(first.at.duration_until(now().timestamp()).unsigned_abs() < Duration::from_secs(20));
    let second = &received[1];
    assert_eq!((second.method.as_str(), second.target.as_str()), ("GET", "/instance?maxResults=1"));
    assert_eq!((second.body.len(), second.done), (0, Done::Nothing));
    assert_eq!(site.client.stats().opened, 1, "both came on one connection");
    assert_eq!(site.connect.counts()["ListInstances"], 1);
    assert_eq!(site.connect.updates().len(), 1);
    site.connect.forget_requests();
    assert!(site.connect.requests().is_empty());
}

#[tokio::test]
async fn the_rate_of_each_operation_is_limited() {
    let site = Site::with(ConnectOptions {
        rate: Some(Rate { per_second: 1, burst: 2 }),
        ..ConnectOptions::default()
    })
    .await;
    // The bucket may gain a token between the first and the last of these, but not eight.
    let mut limited = 0;
    for _ in 0..10 {
        let (status, error, _) = site.ask("GET", "/instance", "").await;
        limited += usize::from((status, error.as_str()) == (429, "ThrottlingException"));
    }
    assert!(limited > 0);
    assert_eq!(
        site.update(r#"{"FirstName":"Maria"}"#).await.0,
        200,
        "another operation has a bucket of its own"
    );
    site.connect.set_rate(None);
    assert_eq!(site.ask("GET", "/instance", "").await.0, 200);
}

#[tokio::test]
async fn by_default_five_at_once() {
    assert_eq!(ConnectOptions::default().rate, Some(Rate { per_second: 2, burst: 5 }));
}

#[tokio::test]
async fn a_request_can_be_waited_for_before_it_is_answered() {
    let site = Site::open().await;
    site.connect.fail_next("ListInstances", Fault::Hang);
    bounded(Box::pin(async {
        tokio::select! {
            answer = site.call("GET", "/instance", "") => panic!("answered: {}", answer.is_ok()),
            () = site.connect.wait_for(1, "ListInstances") => {}
        }
    }))
    .await;
    assert_eq!(site.connect.requests().len(), 1);
    bounded(site.connect.wait_for(1, EVERY)).await;
    bounded(site.connect.wait_for(0, "ListUsers")).await;
}

#[tokio::test]
async fn it_stops_and_starts_again_in_its_place() {
    let site = Site::open().await;
    assert_eq!(site.ask("GET", "/instance", "").await.0, 200);
    bounded(site.connect.stop()).await;
    bounded(site.connect.stop()).await;
    let error = site.call("GET", "/instance", "").await.err().unwrap();
    assert!(!error.sent && matches!(error.why, Failure::Connect(_)), "{error}");
    assert_eq!(site.connect.requests().len(), 1);

    let options = ConnectOptions {
        listen: site.connect.address(),
        authority: Some(site.connect.authority()),
        ..ConnectOptions::default()
    };
    let again = Connect::start(options).await.unwrap();
    assert_eq!(again.ca_pem(), site.connect.ca_pem());
    assert_eq!(site.ask("GET", "/instance", "").await.0, 200);
    assert_eq!(again.requests().len(), 1);
}

#[tokio::test]
async fn the_last_handle_stops_it() {
    let site = Site::open().await;
    let Site { connect, client, dir: _dir } = site;
    let other = connect.clone();
    drop(connect);
    let request = || signed(&client, "GET", "/instance", "", "us-east-1", "connect", &key(), now());
    assert_eq!(bounded(client.send(request())).await.unwrap().status, 200);
    drop(other);
    bounded(async { while client.send(request()).await.is_ok() {} }).await;
}
