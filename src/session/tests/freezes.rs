//! Freezing and lifting, over HTTP.

use super::*;

impl Bench {
    /// What is answered to a request that the holder of a guard key signs.
    async fn by(&self, (key_id, name): (&str, &str), path: &str, body: &str) -> (u16, String, String) {
        let credentials = Credentials {
            access_key_id: key_id.into(),
            secret: Secret::new(secret_of(name).into_bytes()),
            session_token: None,
        };
        self.answer(signed(path, &credentials, body.as_bytes(), self.now())).await
    }

    async fn listed(&self) -> Vec<Object> {
        let (status, _, body) = self.by(FREEZER, "/v1/freezes", "{}").await;
        assert_eq!(status, 200, "{body}");
        let Some(Json::Array(freezes)) = Json::read_object(body.as_bytes()).unwrap().take("freezes") else {
            panic!("{body}")
        };
        let object = |freeze| if let Json::Object(object) = freeze { object } else { panic!("{body}") };
        freezes.into_iter().map(object).collect()
    }
}

const ALL: &str = r#"{"scope":"all","reason":"a takeover is under way (INC-7)"}"#;

#[tokio::test]
async fn a_freeze_is_set_listed_and_lifted_by_another() {
    let bench = Bench::open(options()).await;
    assert!(bench.listed().await.is_empty());
    let (status, _, body) = bench.by(FREEZER, "/v1/freeze", ALL).await;
    assert_eq!(status, 200, "{body}");
    let id = text(&Json::read_object(body.as_bytes()).unwrap(), "id");
    let listed = bench.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!((text(&listed[0], "id"), text(&listed[0], "scope")), (id.clone(), "all".into()));
    assert_eq!(text(&listed[0], "by"), FREEZER_ARN);
    let lift = format!(r#"{{"id":"{id}","reason":"it is over"}}"#);
    // Who froze it has the right to lift, but not this one.
    let same = bench.by(FREEZER, "/v1/unfreeze", &lift).await;
    assert_eq!((same.0, same.1.as_str()), (403, "AccessDeniedException"));
    assert_eq!(bench.listed().await.len(), 1);
    assert_eq!(bench.by(LIFTER, "/v1/unfreeze", &lift).await.0, 200);
    assert!(bench.listed().await.is_empty());
    let again = bench.by(LIFTER, "/v1/unfreeze", &lift).await;
    assert_eq!((again.0, again.1.as_str()), (404, "ResourceNotFoundException"));
    assert_eq!(bench.count("unfreeze", "freeze-by-same"), 1);
}

#[tokio::test]
async fn s16_only_those_who_are_named_freeze_lift_and_see() {
    let bench = Bench::open(options()).await;
    let lift = r#"{"id":"x","reason":"r"}"#;
    for (path, body) in [("/v1/freeze", ALL), ("/v1/unfreeze", lift), ("/v1/freezes", "{}")] {
        let refused = bench.by(OTHER, path, body).await;
        assert_eq!((refused.0, refused.1.as_str()), (403, "AccessDeniedException"), "{path}");
    }
    let nobody = options();
    let nobody = SessionOptions { freeze: FreezeRights::default(), ..nobody };
    bench.exchange.replace(nobody, session_keys()).unwrap();
    assert_eq!(bench.by(FREEZER, "/v1/freeze", ALL).await.0, 403);
    assert_eq!(bench.count("freeze", "rights"), 2);
}

#[tokio::test]
async fn s12_requests_are_signed_like_any_call() {
    let bench = Bench::open(options()).await;
    let unsigned = bench.post("/v1/freeze", ALL.as_bytes()).await;
    assert_eq!((unsigned.0, unsigned.1.as_str()), (403, "MissingAuthenticationTokenException"));
    let wrong = bench.by((FREEZER.0, OTHER.1), "/v1/freeze", ALL).await;
    assert_eq!((wrong.0, wrong.1.as_str()), (403, "InvalidSignatureException"));
    let credentials = Credentials {
        access_key_id: FREEZER.0.into(),
        secret: Secret::new(secret_of(FREEZER.1).into_bytes()),
        session_token: None,
    };
    let mut other = signed("/v1/freeze", &credentials, ALL.as_bytes(), bench.now());
    other.body = ALL.replace("all", "instance:a1b2c3d4-5678-90ab-cdef-EXAMPLE11111").into_bytes().into();
    assert_eq!(bench.answer(other).await.0, 403);
    assert!(bench.listed().await.is_empty());
}

#[tokio::test]
async fn b4_bodies_are_strict() {
    let bench = Bench::open(options()).await;
    for body in [
        "",
        "{}",
        r#"{"scope":"all"}"#,
        r#"{"scope":"all","reason":""}"#,
        r#"{"scope":"everything","reason":"r"}"#,
        r#"{"scope":"all","reason":"r","until":"tomorrow"}"#,
        r#"{"scope":"all","reason":"r","reason":"s"}"#,
    ] {
        let refused = bench.by(FREEZER, "/v1/freeze", body).await;
        assert_eq!(refused.0, 400, "{body}");
    }
    assert!(bench.listed().await.is_empty());
}

/// A slip of the pen would be confirmed, and stop nothing.
#[tokio::test]
async fn a_freeze_of_an_instance_that_nobody_has_is_refused() {
    let bench = Bench::open(options()).await;
    let of = |id: &str| format!(r#"{{"scope":"instance:{id}","reason":"INC-7"}}"#);
    for id in ["no-such-instance", &INSTANCE.to_ascii_lowercase()] {
        let (status, kind, body) = bench.by(FREEZER, "/v1/freeze", &of(id)).await;
        assert_eq!((status, kind.as_str()), (400, "InvalidRequestException"), "{body}");
        assert!(body.contains("no upstream"), "{body}");
    }
    assert!(bench.listed().await.is_empty());
    let (status, _, body) = bench.by(FREEZER, "/v1/freeze", &of(INSTANCE)).await;
    assert_eq!(status, 200, "{body}");
    assert!(!body.contains("warning"), "{body}");
}

/// It may be meant for somebody who is let in later.
#[tokio::test]
async fn a_freeze_of_a_caller_whom_no_rule_names_is_set_and_said_so() {
    let bench = Bench::open(options()).await;
    let freeze = r#"{"scope":"caller:arn:aws:iam::111122223333:role/Typo","reason":"INC-7"}"#;
    let (status, _, body) = bench.by(FREEZER, "/v1/freeze", freeze).await;
    assert_eq!(status, 200, "{body}");
    let object = Json::read_object(body.as_bytes()).unwrap();
    assert_eq!(text(&object, "warning"), "no rule in force names this caller: compare the ARN");
    assert_eq!(bench.listed().await.len(), 1);
}
