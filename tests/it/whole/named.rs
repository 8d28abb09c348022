//! Credentials of a role, under the name of whoever is worked for: what STS and Connect's trail are told.

use std::path::PathBuf;

use connect_guard::demo::{connect::Credential, stage::Setting, sts::Identity};

use super::{change, vouched};
use crate::{
    records::of_kind,
    running::{Running, own_address, program, rewrite, until, user},
};

const ROLE: &str = "arn:aws:iam::111122223333:role/connect-guard";

/// The guard itself, as AWS knows it.
fn own() -> Identity {
    Identity {
        credential: Credential {
            access_key_id: "AKIDEXAMPLE".into(),
            secret: "SECRETEXAMPLE".into(),
            session_token: None,
        },
        arn: "arn:aws:iam::111122223333:user/connect-guard".into(),
        user_id: "AIDACKCEVSQ6C2EXAMPLE".into(),
    }
}

/// A guard with a role; STS knows it or does not.
async fn assuming(is_known: bool) -> Running {
    let upstream = format!(
        "role = \"{ROLE}\"\nexternal_id = \"stage\"\nsession_name = \"caller\"\nsource_identity = true\n\
         sts_address = \"STS\"\nsts_ca_file = \"tls/sts-ca.pem\"\n"
    );
    let policy = super::POLICY.replace("unique_ids = [\"AROAEXAMPLEDESK000001\"]\n", "");
    let setting = vouched(&policy, 2);
    let mut connect = setting.connect.clone();
    // Nobody but whoever STS vouches for.
    connect.credentials = Vec::new();
    Running::amended(Setting { upstream, connect, identities: Vec::new(), ..setting }, |stage| {
        rewrite(stage, "\"STS\"", &format!("\"{}\"", stage.sts.address()));
        let connect = stage.connect.clone();
        stage.sts.tell(move |given| connect.set_credentials(given));
        if is_known {
            stage.sts.add(own());
        }
        PathBuf::from(program())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_for_a_caller_bears_the_callers_name() {
    let guard = assuming(true).await;
    let desk = guard.caller("IdentityDesk");
    let answer = change(&desk, 1, &[("Email", &own_address(&user(1)))]).await;
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    assert_eq!(guard.stage.connect.user(&user(1).id).unwrap().email, own_address(&user(1)));

    let asked = guard.stage.sts.asked();
    let named = |name: &str| {
        asked.iter().find(|one| one.parameters.get("RoleSessionName").is_some_and(|own| own == name)).cloned()
    };
    let of_caller = named("IdentityDesk").unwrap();
    for (name, value) in [("RoleArn", ROLE), ("ExternalId", "stage"), ("SourceIdentity", "IdentityDesk")] {
        assert_eq!(of_caller.parameters.get(name).map(String::as_str), Some(value));
    }
    assert_eq!(of_caller.by, own().arn);
    assert!(asked.iter().all(|one| one.action == "AssumeRole"));
    let of_guard = named("connect-guard");
    assert!(of_guard.is_none_or(|one| !one.parameters.contains_key("SourceIdentity")));

    // The agent of the change names its record.
    let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
    let intent = of_kind(&records, "intent")[0];
    let updates = guard.stage.connect.updates();
    assert_eq!(updates.len(), 1);
    let agent = updates[0].values("user-agent").concat();
    let named = format!("rec/{}-{}", intent.text("/chain"), intent.seq());
    assert!(agent.ends_with(&named), "{agent} {named}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_sts_refuses_nothing_is_sent() {
    let guard = assuming(false).await;
    let desk = guard.caller("IdentityDesk");
    let answer = change(&desk, 1, &[("FirstName", "Maria")]).await;
    assert_eq!(
        (answer.status, answer.error()),
        (503, Some("ServiceUnavailableException")),
        "{}",
        guard.log()
    );
    assert!(guard.stage.connect.requests().is_empty());
    assert!(guard.stage.sts.asked().iter().all(|one| one.by.is_empty()));
    assert!(!guard.log().contains("SECRETEXAMPLE"));
    // As soon as it does not, changes go on.
    guard.stage.sts.add(own());
    until("a change", || async {
        (change(&desk, 1, &[("FirstName", "Maria")]).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(guard.stage.connect.updates().len(), 1);
}
