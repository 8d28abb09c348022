//! One webhook, under every way in which a receiver fails, and signatures checked by a verifier of their own.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{
    receiver::{Answer, Posted, Receiver, status},
    *,
};
use crate::{
    clock::{Clock, Now},
    notice::{Audience, Channel, tests::delivery},
    notify::{
        Hook, HookFault, HookFormat, HookOptions,
        unsent::{Step, Verdict},
    },
};

pub(super) const CURRENT: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const PREVIOUS: &str = "whsec_8PHy8/T19vf4+fr7/P3+/wABAgMEBQYHCAkKCwwNDg8=";
pub(super) const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

pub(super) fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// What a test trusts, and what it says of its receiver.
pub(super) fn hook_options(receiver: &Receiver) -> (HookOptions, NamedTempFile) {
    let ca_file = NamedTempFile::new().unwrap();
    std::fs::write(ca_file.path(), &receiver.ca_pem).unwrap();
    let options = HookOptions {
        url: secret(&receiver.url()),
        secrets: vec![secret(CURRENT)],
        format: HookFormat::CloudEvents,
        ca_file: Some(ca_file.path().to_owned()),
        private: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        timeout: LONG,
    };
    (options, ca_file)
}

pub(super) fn over(receiver: &Receiver, change: impl FnOnce(&mut HookOptions)) -> Hook {
    let (mut options, _ca_file) = hook_options(receiver);
    change(&mut options);
    Hook::new(&options).unwrap()
}

pub(super) fn to_siem(number: u64) -> Delivery {
    Delivery { channel: Channel::Hook("siem".to_owned()), ..delivery(Audience::Security, "siem", number) }
}

pub(super) fn now() -> Now {
    Clock::manual("2027-03-12T10:00:00Z".parse().unwrap()).now()
}

pub(super) async fn post(hook: &Hook) -> Result<String, Unsent> {
    hook.post(&words(), &to_siem(42), now()).await
}

/// RFC 2104 over SHA-256, written out.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| {
        let mut pad = [with; 64];
        pad.iter_mut().zip(key).for_each(|(pad, key)| *pad ^= key);
        pad.to_vec()
    };
    let inner = digest(&SHA256, &[pad(0x36), text.to_vec()].concat());
    digest(&SHA256, &[pad(0x5c), inner.as_ref().to_vec()].concat()).as_ref().to_vec()
}

/// What a receiver does by the Standard Webhooks specification: whether one of the signatures is that of this secret, and
/// the time is within five minutes of `at`.
fn verifies(posted: &Posted, secret: &str, at: i64) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let (Some(id), Some(time)) = (posted.headers.get("webhook-id"), posted.headers.get("webhook-timestamp"))
    else {
        return false;
    };
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", &posted.body].concat();
    let expected = format!("v1,{}", STANDARD.encode(hmac(&key, &signed)));
    let fresh = time.parse::<i64>().is_ok_and(|time| (time - at).abs() <= 300);
    fresh && posted.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
}

#[tokio::test]
async fn a_cloud_event_is_complete_and_signed() {
    let receiver = Receiver::start().await;
    assert_eq!(post(&over(&receiver, |_| ())).await.unwrap(), "204");
    let posted = receiver.received(1).await.remove(0);
    assert_eq!(posted.line, "POST /hook?a=b HTTP/1.1");
    let id = to_siem(42).message_id.replace('.', "_");
    let host = format!("localhost:{}", receiver.address.port());
    for (name, value) in [
        ("content-type", "application/cloudevents+json"),
        ("host", host.as_str()),
        ("webhook-id", id.as_str()),
        ("webhook-timestamp", "1804845600"),
    ] {
        assert_eq!(posted.headers[name], value, "{name}");
    }
    let golden = json!({
        "specversion": "1.0",
        "id": id,
        "source": "urn:connect-guard:guard-1",
        "type": "connect-guard.address-changed",
        "subject": "guard-1/42",
        "time": "2026-07-23T09:46:42Z",
        "datacontenttype": "application/json",
        "data": to_siem(42).payload(),
    });
    assert_eq!(posted.json(), golden);
    assert!(verifies(&posted, CURRENT, now().timestamp().as_second()));
}

#[tokio::test]
async fn h9_what_was_changed_or_replayed_or_signed_by_another_does_not_verify() {
    let receiver = Receiver::start().await;
    post(&over(&receiver, |_| ())).await.unwrap();
    let posted = receiver.received(1).await.remove(0);
    let at = now().timestamp().as_second();
    assert!(verifies(&posted, CURRENT, at));
    assert!(!verifies(&posted, PREVIOUS, at));
    assert!(!verifies(&posted, CURRENT, at + 301));
    let changed = |change: fn(&mut Posted)| {
        let mut posted = posted.clone();
        change(&mut posted);
        verifies(&posted, CURRENT, at)
    };
    assert!(!changed(|posted| posted.body.push(b' ')));
    assert!(!changed(|posted| posted.body[0] ^= 1));
    assert!(!changed(|posted| posted.headers.get_mut("webhook-id").unwrap().push('x')));
    assert!(!changed(|posted| *posted.headers.get_mut("webhook-timestamp").unwrap() = "1804845601".into()));
    assert!(!changed(|posted| posted.headers.get_mut("webhook-signature").unwrap().insert(4, 'A')));
}

#[tokio::test]
async fn a_secret_is_rotated_without_a_message_that_does_not_verify() {
    let receiver = Receiver::start().await;
    let (mut options, _ca_file) = hook_options(&receiver);
    let hook = Hook::new(&options).unwrap();
    options.secrets = vec![secret(PREVIOUS)];
    hook.replace(&options).unwrap();
    post(&hook).await.unwrap();
    options.secrets = vec![secret(CURRENT), secret(PREVIOUS)];
    hook.replace(&options).unwrap();
    post(&hook).await.unwrap();
    options.secrets = vec![secret(CURRENT)];
    hook.replace(&options).unwrap();
    post(&hook).await.unwrap();
    options.secrets.push(secret("whsec_short"));
    assert!(matches!(hook.replace(&options), Err(HookFault::Secret)));
    post(&hook).await.unwrap();
    let at = now().timestamp().as_second();
    let verified: Vec<_> = receiver
        .received(4)
        .await
        .iter()
        .map(|posted| (verifies(posted, CURRENT, at), verifies(posted, PREVIOUS, at)))
        .collect();
    assert_eq!(verified, [(false, true), (true, true), (true, false), (true, false)]);
}

#[tokio::test]
async fn connections_are_used_again() {
    let receiver = Receiver::start().await;
    let hook = over(&receiver, |_| ());
    hook.check().await.unwrap();
    assert!(receiver.posted().is_empty(), "a check posts nothing");
    for _ in 0..3 {
        post(&hook).await.unwrap();
    }
    assert_eq!((receiver.posted().len(), receiver.connections()), (3, 1));
}

#[tokio::test]
async fn each_answer_has_its_meaning() {
    let receiver = Receiver::start().await;
    let hook = over(&receiver, |_| ());
    for code in [200, 201, 202, 204, 299] {
        receiver.answer(status(code, ""));
        assert_eq!(post(&hook).await.unwrap(), code.to_string());
    }
    for (code, verdict) in [
        (400, Verdict::Message),
        (401, Verdict::Channel),
        (403, Verdict::Channel),
        (404, Verdict::Channel),
        (410, Verdict::Never),
        (413, Verdict::Message),
        (429, Verdict::Channel),
        (500, Verdict::Channel),
        (503, Verdict::Channel),
    ] {
        receiver.answer(status(code, ""));
        let unsent = post(&hook).await.unwrap_err();
        assert_eq!(unsent.verdict(), verdict, "{code}");
        assert_eq!(unsent.to_string(), format!("the webhook was answered {code}"));
    }
    receiver.answer(Answer::Says(
        "HTTP/1.1 429 x\r\nretry-after: 120\r\ncontent-length: 35\r\n\r\ntell mary@example.com\r\nto slow down".into(),
    ));
    let unsent = post(&hook).await.unwrap_err();
    assert_eq!(unsent.retry_after(), Some(Duration::from_mins(2)));
    assert_eq!(unsent.to_string(), "the webhook was answered 429: tell <address> to slow down");
}

#[tokio::test]
async fn h9_a_redirect_is_not_followed() {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let hook = over(&receiver, |_| ());
    for code in [301, 302, 303, 307, 308] {
        receiver.answer(status(code, &format!("location: {}\r\n", other.url())));
        let unsent = post(&hook).await.unwrap_err();
        assert!(matches!(unsent, Unsent::Answered { status, .. } if status == code), "{unsent}");
        assert_eq!(unsent.verdict(), Verdict::Channel);
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn h9_a_private_address_is_not_connected_to_unless_it_is_named() {
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    for host in ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "[::1]"] {
        for private in [Vec::new(), vec!["10.0.0.0/8".parse().unwrap()]] {
            let hook = over(&receiver, |options| {
                options.url = secret(&format!("https://{host}:{port}/"));
                options.private = private;
            });
            let unsent = post(&hook).await.unwrap_err();
            assert_eq!(
                unsent.to_string(),
                "the webhook was not answered: no connection: the address is not public, and its network is not \
                 named (nothing sent)"
            );
            assert_eq!(unsent.verdict(), Verdict::Channel);
            hook.check().await.unwrap_err();
        }
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn h9_a_huge_or_endless_answer_holds_nothing_up() {
    let receiver = Receiver::start().await;
    let hook = over(&receiver, |_| ());
    for answer in [
        Answer::Pours("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"),
        Answer::Trickles("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"),
    ] {
        receiver.answer(answer);
        let reply = post(&hook).await.unwrap();
        assert!(reply.starts_with("200 aaa") && reply.len() <= 204, "{reply}");
    }
    receiver.answer(Answer::Pours("HTTP/1.1 500 x\r\nx: "));
    let unsent = post(&hook).await.unwrap_err();
    assert!(matches!(unsent, Unsent::Hook(_)), "a head without an end: {unsent}");
}

#[tokio::test]
async fn h9_an_answer_that_does_not_come_is_not_waited_for_for_ever() {
    let receiver = Receiver::start().await;
    let hook = over(&receiver, |options| options.timeout = Duration::from_millis(400));
    for answer in [Answer::Silent, Answer::Trickles("HTTP/1.1 200 OK\r\nx: ")] {
        receiver.answer(answer);
        let unsent = post(&hook).await.unwrap_err();
        let late = matches!(unsent, Unsent::Timeout { step: Step::Post, .. })
            || unsent.to_string().contains("took too long");
        assert!(late, "{unsent}");
        assert_eq!(unsent.verdict(), Verdict::Channel);
    }
    receiver.answer(Answer::Drops);
    assert_eq!(post(&hook).await.unwrap_err().verdict(), Verdict::Channel);
    receiver.answer(Answer::Says("HTTP/1.0 200 OK\r\n\r\n".into()));
    assert_eq!(post(&hook).await.unwrap_err().verdict(), Verdict::Channel);
    receiver.answer(status(200, ""));
    let ids: Vec<_> = {
        post(&hook).await.unwrap();
        receiver.posted().into_iter().map(|posted| posted.headers["webhook-id"].clone()).collect()
    };
    assert_eq!(ids.len(), 5);
    assert!(ids.iter().all(|id| *id == ids[0]), "a repeat is known by its id");
}

#[tokio::test]
async fn h9_another_ca_or_name_is_refused() {
    let (receiver, other) = (Receiver::start().await, Receiver::named("hooks.example.com").await);
    let (mut options, ca_file) = hook_options(&receiver);
    std::fs::write(ca_file.path(), &other.ca_pem).unwrap();
    let wrong_ca = Hook::new(&options).unwrap();
    options.url = secret(&other.url());
    let wrong_name = Hook::new(&options).unwrap();
    for hook in [wrong_ca, wrong_name] {
        let unsent = post(&hook).await.unwrap_err();
        assert!(unsent.to_string().contains("tls failed"), "{unsent}");
        assert_eq!(unsent.verdict(), Verdict::Channel);
        hook.check().await.unwrap_err();
    }
    assert!(receiver.posted().is_empty() && other.posted().is_empty());
}

#[tokio::test]
async fn options_that_can_never_work_are_faults() {
    let receiver = Receiver::start().await;
    let fault = |change: &dyn Fn(&mut HookOptions)| {
        let (mut options, _ca_file) = hook_options(&receiver);
        change(&mut options);
        Hook::new(&options).err().unwrap()
    };
    for url in ["http://localhost/", "http://127.0.0.1/", "https://u:p@localhost/", "localhost", ""] {
        assert!(matches!(fault(&|options| options.url = secret(url)), HookFault::Url(_)), "{url}");
    }
    assert!(matches!(fault(&|options| options.ca_file = Some("/nowhere".into())), HookFault::Client(_)));
    assert!(matches!(fault(&|options| options.secrets.clear()), HookFault::Unsigned));
    assert!(matches!(fault(&|options| options.secrets.push(secret("plain"))), HookFault::Secret));
    for keys in [&[][..], &["short"], &[ROUTING_KEY, ROUTING_KEY]] {
        let fault = fault(&|options| {
            options.format = HookFormat::PagerDuty;
            options.secrets = keys.iter().map(|key| secret(key)).collect();
        });
        assert!(matches!(fault, HookFault::RoutingKey));
    }
    for format in HookFormat::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert!("webhook".parse::<HookFormat>().is_err());
}
