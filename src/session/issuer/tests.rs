//! Keys that come, go, and cannot be read.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    client::tests::{HOST, Site, bounded},
    clock::Clock,
    session::{Algorithm, jwt::tests::Pair},
};

fn options(jwks: Jwks) -> IssuerOptions {
    IssuerOptions {
        issuer: "https://issuer.example.com".into(),
        audiences: BTreeSet::from(["a".into()]),
        algorithms: vec![Algorithm::Es256],
        jwks,
        leeway: Duration::from_secs(30),
    }
}

fn set(kids: &[&str]) -> String {
    let keys: Vec<String> = kids.iter().map(|kid| Pair::ec().jwk(kid)).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

fn clock() -> Clock {
    Clock::manual("2027-03-12T10:00:00Z".parse().unwrap())
}

fn pass(clock: &Clock, seconds: i64) -> Now {
    clock.advance(SignedDuration::from_secs(seconds));
    clock.now()
}

/// An issuer whose keys are read from this file.
fn of_file() -> (tempfile::TempDir, PathBuf, Issuer) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jwks.json");
    let issuer = Issuer::new(&options(Jwks::File(path.clone()))).ok().unwrap();
    (dir, path, issuer)
}

#[tokio::test]
async fn a_file_is_read_again_and_its_keys_come_and_go() {
    let (_dir, path, issuer) = of_file();
    let clock = clock();
    std::fs::write(&path, set(&["one"])).unwrap();
    assert!(issuer.key("one", clock.now()).await.is_ok());
    std::fs::write(&path, set(&["two"])).unwrap();
    assert_eq!(issuer.key("two", pass(&clock, 29)).await, Err(NoKey::Unknown));
    assert!(issuer.key("one", clock.now()).await.is_ok());
    assert!(issuer.key("two", pass(&clock, 1)).await.is_ok());
    assert_eq!(issuer.key("one", pass(&clock, 31)).await, Err(NoKey::Unknown));
}

#[tokio::test]
async fn keys_that_cannot_be_read_again_are_believed_for_a_while() {
    let (_dir, path, issuer) = of_file();
    let clock = clock();
    assert_eq!(issuer.key("one", clock.now()).await, Err(NoKey::Unavailable));
    std::fs::write(&path, set(&["one"])).unwrap();
    assert_eq!(issuer.key("one", pass(&clock, 4)).await, Err(NoKey::Unavailable), "it pauses");
    assert!(issuer.key("one", pass(&clock, 1)).await.is_ok());
    std::fs::write(&path, "{").unwrap();
    for _ in 0..8 {
        assert!(issuer.key("one", pass(&clock, 15 * 60)).await.is_ok());
    }
    assert_eq!((issuer.stats().failures, issuer.stats().keys), (8, 1));
    assert_eq!(issuer.key("one", pass(&clock, 1)).await, Err(NoKey::Unavailable));
}

#[test]
fn pauses_grow_and_have_an_end() {
    let now = clock().now();
    let after = |failures, seconds| {
        let held = Held { tried: Some(now), failures, ..Held::default() };
        held.may_try(now.plus(SignedDuration::from_secs(seconds)))
    };
    for (failures, pause) in [(0, 30), (1, 5), (2, 10), (3, 20), (7, 300), (40, 300), (u32::MAX, 300)] {
        assert!(!after(failures, pause - 1) && after(failures, pause), "{failures}");
    }
    assert!(after(0, -1), "time went back");
}

/// An issuer whose keys are read from a site, which answers each request in turn, and how many it has had.
async fn of_site(answers: Vec<String>) -> (Issuer, Arc<AtomicUsize>) {
    let site = Site::open().await;
    let client = site.client(ClientBounds { body: SET_MAX, ..ClientBounds::default() });
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    drop(site.run(async move |site| {
        for answer in answers {
            let mut peer = site.accept().await;
            let request = peer.request().await;
            assert!(request.starts_with("GET /keys HTTP/1.1\r\nhost: "), "{request}");
            counted.fetch_add(1, Ordering::SeqCst);
            peer.say(answer.as_bytes()).await;
            peer.closed().await;
        }
    }));
    let url = format!("https://{HOST}/keys");
    let options = options(Jwks::Url { url, ca_file: None, private: Vec::new() });
    (Issuer::with(options, Source::Url { client: Box::new(client), target: "/keys".into() }), count)
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn g9_tokens_that_name_unknown_keys_do_not_make_the_guard_ask_each_time() {
    let good = answer("200 OK", &set(&["one"]));
    let (issuer, count) = of_site(vec![good.clone(), good]).await;
    let clock = clock();
    for n in 0..100 {
        assert_eq!(bounded(issuer.key(&format!("x{n}"), clock.now())).await, Err(NoKey::Unknown));
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(bounded(issuer.key("one", pass(&clock, 29))).await.is_ok());
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert_eq!(bounded(issuer.key("x", pass(&clock, 1))).await, Err(NoKey::Unknown));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn c27_a_redirect_is_not_followed() {
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: https://example.com/keys\r\nConnection: close\r\n\
                     Content-Length: 0\r\n\r\n";
    let (issuer, count) =
        of_site(vec![elsewhere.into(), answer("404 Not Found", &set(&["one"])), answer("200 OK", "<html>")])
            .await;
    let clock = clock();
    for (seconds, tried) in [(0, 1), (5, 2), (10, 3)] {
        assert_eq!(bounded(issuer.key("one", pass(&clock, seconds))).await, Err(NoKey::Unavailable));
        assert_eq!(count.load(Ordering::SeqCst), tried);
    }
    assert_eq!(issuer.stats().failures, 3);
}

#[tokio::test]
async fn h9_an_address_that_is_not_public_is_not_asked() {
    let url = "https://127.0.0.1:1/keys".to_owned();
    let issuer = Issuer::new(&options(Jwks::Url { url, ca_file: None, private: Vec::new() })).ok().unwrap();
    assert_eq!(bounded(issuer.key("one", clock().now())).await, Err(NoKey::Unavailable));
    assert_eq!(issuer.stats().failures, 1);
    for url in ["http://issuer.example.com/keys", "https://a@example.com/", "file:///etc/keys"] {
        let jwks = Jwks::Url { url: url.into(), ca_file: None, private: Vec::new() };
        assert!(matches!(Issuer::new(&options(jwks)), Err(ExchangeFault::Url(_))), "{url}");
    }
}
