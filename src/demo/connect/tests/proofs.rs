//! Who may call: every way in which a request can be signed by the wrong one, or not at all.

use super::*;

const TARGET: &str = "/instance";

async fn answered(site: &Site, request: Outgoing) -> (u16, String) {
    let (status, error, _) = told(bounded(site.client.send(request)).await.unwrap());
    (status, error)
}

fn of(name: &str) -> (u16, String) {
    (403, name.to_owned())
}

fn good(site: &Site) -> Outgoing {
    signed(&site.client, "GET", TARGET, "", "us-east-1", "connect", &key(), now())
}

#[tokio::test]
async fn v1_without_a_signature_nothing_is_answered() {
    let site = Site::open().await;
    let mut request = good(&site);
    assert_eq!(answered(&site, request.clone()).await.0, 200);
    request.headers.retain(|(name, _)| *name != "authorization");
    assert_eq!(answered(&site, request.clone()).await, of("MissingAuthenticationTokenException"));
    request.headers.push(("authorization", "Bearer x".to_owned()));
    assert_eq!(answered(&site, request).await, (400, "IncompleteSignatureException".to_owned()));
    let mut request = good(&site);
    let copy = request.headers.iter().find(|(name, _)| *name == "authorization").unwrap().clone();
    request.headers.push(copy);
    assert_eq!(answered(&site, request).await, (400, "IncompleteSignatureException".to_owned()));
    let received = site.connect.requests();
    assert_eq!(received[0].access_key_id.as_deref(), Some("AKIDEXAMPLE"));
    assert!(received[1..].iter().all(|one| one.access_key_id.is_none() && one.done == Done::Nothing));
}

#[tokio::test]
async fn another_key_secret_region_or_service() {
    let site = Site::open().await;
    let sign = |key: &Credentials, region: &str, service: &str| {
        signed(&site.client, "GET", TARGET, "", region, service, key, now())
    };
    let unknown = Credentials { access_key_id: "AKIDOTHER".to_owned(), ..key() };
    assert_eq!(
        answered(&site, sign(&unknown, "us-east-1", "connect")).await,
        of("UnrecognizedClientException")
    );
    let wrong = Credentials { secret: Secret::new(b"OTHER".to_vec()), ..key() };
    for request in [
        sign(&wrong, "us-east-1", "connect"),
        sign(&key(), "us-west-2", "connect"),
        sign(&key(), "us-east-1", "execute-api"),
    ] {
        assert_eq!(answered(&site, request).await, of("InvalidSignatureException"));
    }
}

#[tokio::test]
async fn another_time() {
    let site = Site::open().await;
    let at = |seconds: i64| {
        let when = now().plus(SignedDuration::from_secs(seconds));
        signed(&site.client, "GET", TARGET, "", "us-east-1", "connect", &key(), when)
    };
    for seconds in [-290, 290] {
        assert_eq!(answered(&site, at(seconds)).await.0, 200);
    }
    for seconds in [-310, 310] {
        assert_eq!(answered(&site, at(seconds)).await, of("InvalidSignatureException"));
    }
    let mut request = at(0);
    request.headers.retain(|(name, _)| *name != "x-amz-date");
    assert_eq!(answered(&site, request).await, (400, "IncompleteSignatureException".to_owned()));
    let site = Site::with(ConnectOptions { skew: None, ..ConnectOptions::default() }).await;
    let when = now().plus(SignedDuration::from_hours(-24 * 365));
    let request = signed(&site.client, "GET", TARGET, "", "us-east-1", "connect", &key(), when);
    assert_eq!(answered(&site, request).await.0, 200);
}

#[tokio::test]
async fn v3_something_else_than_was_signed() {
    let site = Site::open().await;
    let request = || {
        let body = format!("{{\"InstanceId\":\"{INSTANCE}\"}}");
        signed(&site.client, "POST", "/search-users", &body, "us-east-1", "connect", &key(), now())
    };
    assert_eq!(answered(&site, request()).await.0, 200);
    let body = Outgoing { body: Bytes::from_static(b"{}"), ..request() };
    let method = Outgoing { method: "PUT", ..request() };
    let target = Outgoing { target: "/search-users?a=b".to_owned(), ..request() };
    let mut header = request();
    header.headers.retain(|(name, _)| *name != "content-type");
    let mut unsigned = request();
    unsigned.headers.push(("x-amz-new", "1".to_owned()));
    for request in [body, method, target, header, unsigned] {
        assert_eq!(answered(&site, request).await, of("InvalidSignatureException"));
    }
}

#[tokio::test]
async fn the_hash_of_the_body_is_the_body_s() {
    let site = Site::open().await;
    let with = |hash: &str| {
        let headers = [("host", site.client.authority()), ("x-amz-content-sha256", hash)];
        let signable = Signable { method: "GET", target: TARGET, headers: &headers, body: b"" };
        let added = sign(signable, &key(), "us-east-1", "connect", now()).unwrap();
        let mut owned: Vec<_> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        owned.extend(added);
        Outgoing { method: "GET", target: TARGET.to_owned(), headers: owned, body: Bytes::new() }
    };
    let right = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(answered(&site, with(right)).await.0, 200);
    for hash in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", &right.replace("e3", "e4")] {
        assert_eq!(answered(&site, with(hash)).await, of("InvalidSignatureException"), "{hash}");
    }
}

#[tokio::test]
async fn the_session_token_belongs_to_the_key() {
    let site = Site::open().await;
    let credential = |token: Option<&str>| Credential {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret: "SECRETEXAMPLE".to_owned(),
        session_token: token.map(str::to_owned),
    };
    let with = |token: Option<&str>| {
        let token = token.map(|token| Secret::new(token.as_bytes().to_vec()));
        let key = Credentials { session_token: token, ..key() };
        signed(&site.client, "GET", TARGET, "", "us-east-1", "connect", &key, now())
    };
    assert_eq!(answered(&site, with(Some("TOKEN"))).await, of("UnrecognizedClientException"));
    site.connect.set_credentials(vec![credential(Some("TOKEN"))]);
    assert_eq!(answered(&site, with(Some("TOKEN"))).await.0, 200);
    assert_eq!(answered(&site, with(Some("OTHER"))).await, of("UnrecognizedClientException"));
    assert_eq!(answered(&site, with(None)).await, of("UnrecognizedClientException"));
    site.connect.set_credentials(Vec::new());
    assert_eq!(answered(&site, with(Some("TOKEN"))).await, of("UnrecognizedClientException"));
}
