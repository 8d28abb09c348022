//! Client certificates: instead of a signature, beside one, revoked while the guard serves, and exchanged for a session.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    certificates::Issued,
    process::Signal,
    stage::{INSTANCE, Setting},
};

use super::{POLICY, at_sessions, change, look, session_of, vouched};
use crate::{
    records::of_kind,
    running::{Running, own_address, program, put, rewrite, until, user},
};

/// The name in the desk's certificate.
const SPIFFE: &str = "spiffe://example.com/contact-center/desk";

/// A gateway that requires this, a list of what is revoked, and a name for the desk.
async fn requiring(require: &str) -> Running {
    let setting = vouched(POLICY, 2);
    let more = format!(
        "{}\n[[certificate]]\nspiffe = \"{SPIFFE}\"\nprincipal = \"arn:aws:iam::111122223333:role/IdentityDesk\"\n\
         unique_id = \"{}\"\n",
        setting.more,
        super::DESK_ID
    );
    let gateway = format!(
        "client_ca = \"tls/clients-ca.pem\"\ncrl_file = \"tls/clients.crl\"\nrequire = \"{require}\"\n"
    );
    Running::amended(Setting { more, gateway, ..setting }, |stage| {
        fs::write(stage.folder.join("tls/clients.crl"), stage.clients.revoke(&[]).unwrap()).unwrap();
        let session = "kind        = \"session\"";
        rewrite(stage, session, &format!("{session}\nclient_ca = \"tls/clients-ca.pem\""));
        PathBuf::from(program())
    })
    .await
}

fn shows(guard: &Running, role: &str, issued: &Issued) -> Caller {
    Caller { certificate: Some(issued.clone()), ..guard.caller(role) }
}

async fn unsigned(caller: &Caller, request: &Request) -> std::io::Result<Answer> {
    caller.exchange(&caller.unsigned(request)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_a_certificate_is_proof_enough_where_it_is_required_and_until_it_is_revoked() {
    let guard = requiring("certificate").await;
    let badge = guard.stage.clients.issue_client("desk", Some(SPIFFE)).unwrap();
    let desk = shows(&guard, "IdentityDesk", &badge);
    let request = Request::update_identity(INSTANCE, &user(1).id, &[("Email", &own_address(&user(1)))]);
    let answer = unsigned(&desk, &request).await.unwrap();
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
    let intent = of_kind(&records, "intent")[0];
    assert_eq!(intent.text("/caller/principal"), "arn:aws:iam::111122223333:role/IdentityDesk");
    assert_eq!(intent.text("/caller/unique_id"), super::DESK_ID);
    assert_eq!(intent.text("/caller/proof"), format!("certificate:{SPIFFE}"));

    // A name that nobody has, and no certificate at all.
    let stranger = guard.stage.clients.issue_client("desk", Some("spiffe://example.com/other")).unwrap();
    let refused = unsigned(&shows(&guard, "IdentityDesk", &stranger), &request).await.unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(unsigned(&guard.caller("IdentityDesk"), &request).await.is_err(), "a handshake without one");

    // The list is replaced while the guard serves: this one, and then another.
    let list = guard.stage.folder.join("tls/clients.crl");
    let read = Request::describe_user(INSTANCE, &user(1).id);
    assert_eq!(unsigned(&desk, &read).await.unwrap().status, 200);
    put(&list, &guard.stage.clients.revoke(&[&badge]).unwrap());
    guard.signal(Signal::HUP).unwrap();
    until("the revocation", || async { unsigned(&desk, &read).await.err() }).await;
    put(&list, &guard.stage.clients.revoke(&[&stranger]).unwrap());
    guard.signal(Signal::HUP).unwrap();
    until("its end", || async { unsigned(&desk, &read).await.ok().filter(|answer| answer.status == 200) })
        .await;
    assert!(unsigned(&shows(&guard, "IdentityDesk", &stranger), &read).await.is_err());
    assert_eq!(guard.stage.connect.updates().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_both_are_required_they_are_of_one_principal() {
    let guard = requiring("both").await;
    let badge = guard.stage.clients.issue_client("desk", Some(SPIFFE)).unwrap();
    let desk = shows(&guard, "IdentityDesk", &badge);
    let read = Request::describe_user(INSTANCE, &user(1).id);
    assert_eq!(look(&desk, 1).await.status, 200, "{}", guard.log());
    let refused = unsigned(&desk, &read).await.unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text());
    // Each has the right to look; but not as each other.
    let refused = look(&shows(&guard, "HelpDesk", &badge), 1).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(guard.stage.connect.requests_of("DescribeUser").len(), 1);
    assert!(guard.caller("IdentityDesk").send(&read).await.is_err(), "a handshake without a certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_exchanged_for_a_session() {
    let guard = requiring("both").await;
    let badge = guard.stage.clients.issue_client("desk", Some(SPIFFE)).unwrap();
    let (chain, key) = (guard.stage.folder.join("desk.pem"), guard.stage.folder.join("desk.key"));
    fs::write(&chain, &badge.certificate).unwrap();
    fs::write(&key, &badge.key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(guard.stage.folder.join("home")).unwrap();
    let mut command = at_sessions(&guard, &["credentials"]);
    command.arg("--certificate").arg(&chain).arg("--key-file").arg(&key);
    let desk = Caller { certificate: Some(badge), ..session_of(&guard, command).await };
    // The session has the unique id that the rule asks for: the configuration says it of the certificate.
    let answer = change(&desk, 2, &[("Email", &own_address(&user(2)))]).await;
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
    let intent = of_kind(&records, "intent")[0];
    let proof = intent.text("/caller/proof");
    assert!(proof.starts_with(&format!("session:{} certificate:{SPIFFE}", desk.key_id)), "{proof}");
    assert!(guard.stage.sts.asked().is_empty());

    let nobody = guard.stage.clients.issue_client("desk", None).unwrap();
    let address = guard.sessions().unwrap();
    let ask = Request::new("POST", "/v1/session/certificate", b"");
    let nobody = Caller { address, certificate: Some(nobody), ..desk };
    assert_eq!(unsigned(&nobody, &ask).await.unwrap().status, 403);
}
