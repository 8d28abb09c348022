//! Every switch, in each of its positions, at run time.

use super::*;

const SECONDARY: &str = r#"{"SecondaryEmail":"m@example.com"}"#;

#[tokio::test]
async fn omitted_fields_are_kept_or_cleared() {
    let site = Site::open().await;
    assert_eq!(site.update(SECONDARY).await.0, 200);
    assert_eq!(site.mary().email, "mary.major@example.com");
    site.switch(|switches| switches.omitted = Omitted::Clear);
    assert_eq!(site.update(r#"{"Email":"m2@example.com"}"#).await.0, 200);
    let mary = site.mary();
    assert_eq!(
        (mary.email.as_str(), mary.secondary_email.as_str(), mary.first_name.as_str()),
        ("m2@example.com", "", "")
    );
    assert_eq!((mary.username.as_str(), mary.profiles.len()), ("mary", 1));
}

#[tokio::test]
async fn what_a_directory_does_not_let_be_set_is_not_cleared_either() {
    let site = Site::of(Directory::Existing).await;
    site.switch(|switches| switches.omitted = Omitted::Clear);
    assert_eq!(site.update(SECONDARY).await.0, 200);
    assert_eq!(site.mary().email, "mary.major@example.com");
}

#[tokio::test]
async fn a_change_takes_effect_later() {
    let site = Site::open().await;
    site.switch(|switches| switches.effect_delay = HOUR);
    assert_eq!(site.update(r#"{"Email":"later@example.com"}"#).await.0, 200);
    assert_eq!(site.mary().email, "mary.major@example.com");
    assert_eq!(site.shown().await, "mary.major@example.com");
    assert!(site.connect.history().is_empty());
    assert_eq!(site.connect.updates()[0].done, Done::Applied);
}

#[tokio::test]
async fn and_then_it_does() {
    let site = Site::open().await;
    site.switch(|switches| switches.effect_delay = SHORT * 12);
    assert_eq!(site.update(r#"{"Email":"later@example.com"}"#).await.0, 200);
    bounded(Box::pin(async { while site.shown().await != "later@example.com" {} })).await;
    assert_eq!(site.connect.history().len(), 1);
    assert!(site.connect.requests_of("DescribeUser").len() > 1, "not at once");
}

#[tokio::test]
async fn reads_lag_behind() {
    let site = Site::open().await;
    site.switch(|switches| switches.read_lag = HOUR);
    assert_eq!(site.update(r#"{"Email":"new@example.com"}"#).await.0, 200);
    assert_eq!(site.mary().email, "new@example.com");
    assert_eq!(site.connect.history().len(), 1);
    assert_eq!(site.shown().await, "mary.major@example.com");
    site.switch(|switches| switches.read_lag = Duration::ZERO);
    assert_eq!(site.shown().await, "new@example.com");
}

#[tokio::test]
async fn encoded_slashes_are_taken_or_refused() {
    let site = Site::open().await;
    let arn = RequestTarget::encode(&format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}"));
    let target = format!("/users/{arn}/{MARY}");
    assert_eq!(site.ask("GET", &target, "").await.0, 200);
    site.switch(|switches| switches.encoded_slashes = Taken::Refuse);
    assert_eq!(site.ask("GET", &target, "").await.1, "UnknownOperationException");
    assert_eq!(site.ask("GET", &format!("/tags/{arn}"), "").await.0, 200);
    assert_eq!(site.ask("GET", &format!("/users/{INSTANCE}/{MARY}"), "").await.0, 200);
}

#[tokio::test]
async fn arns_are_taken_or_refused() {
    let site = Site::open().await;
    let instance = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}");
    let user = format!("{instance}/agent/{MARY}");
    let profile = format!("{instance}/security-profile/{ADMIN}");
    let of = |instance: &str, user: &str| {
        format!("/users/{}/{}", RequestTarget::encode(instance), RequestTarget::encode(user))
    };
    let body = format!("{{\"InstanceId\":\"{instance}\"}}");
    let profiles = format!("{{\"SecurityProfileIds\":[\"{profile}\"]}}");
    let assign = format!("{}/security-profiles", of(INSTANCE, MARY));
    assert_eq!(site.get(&of(&instance, &user)).await["User"]["Id"], MARY);
    assert_eq!(site.get(&of(INSTANCE, &user)).await["User"]["Id"], MARY);
    assert_eq!(site.ask("POST", "/search-users", &body).await.0, 200);
    assert_eq!(site.ask("POST", &assign, &profiles).await.0, 200);
    assert_eq!(site.mary().profiles, [ADMIN]);
    for (instance, user) in [
        (instance.replace("us-east-1", "us-west-2"), MARY.to_owned()),
        (INSTANCE.to_owned(), user.replace("111122223333", "444455556666")),
        (INSTANCE.to_owned(), user.replace(INSTANCE, "other")),
        (INSTANCE.to_owned(), user.replace("/agent/", "/queue/")),
    ] {
        assert_eq!(site.ask("GET", &of(&instance, &user), "").await.0, 404, "{instance} {user}");
    }
    site.switch(|switches| switches.arns = Taken::Refuse);
    for target in [of(&instance, MARY), of(INSTANCE, &user)] {
        assert_eq!(site.ask("GET", &target, "").await.1, "InvalidParameterException");
    }
    assert_eq!(site.ask("POST", "/search-users", &body).await.1, "InvalidParameterException");
    assert_eq!(site.ask("POST", &assign, &profiles).await.1, "InvalidParameterException");
}

#[tokio::test]
async fn of_doubled_keys_the_first_the_last_or_none_counts() {
    let site = Site::open().await;
    let doubled = r#"{"Email":"first@example.com","Email":"last@example.com"}"#;
    assert_eq!(site.update(doubled).await.0, 200);
    assert_eq!(site.mary().email, "last@example.com");
    site.switch(|switches| switches.doubled_keys = DoubledKeys::First);
    assert_eq!(site.update(doubled).await.0, 200);
    assert_eq!(site.mary().email, "first@example.com");
    site.switch(|switches| switches.doubled_keys = DoubledKeys::Refuse);
    assert_eq!(site.update(doubled).await, (400, "SerializationException".to_owned()));
}

#[tokio::test]
async fn email_with_saml_gives_one_error_or_the_other() {
    let site = Site::of(Directory::Saml).await;
    for (switch, expected) in [
        (SamlEmail::InvalidParameter, "InvalidParameterException"),
        (SamlEmail::InvalidRequest, "InvalidRequestException"),
    ] {
        site.switch(|switches| switches.saml_email = switch);
        assert_eq!(site.update(r#"{"Email":"m@example.com"}"#).await, (400, expected.to_owned()));
    }
}
