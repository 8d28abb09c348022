//! What can be changed, and what Connect does not let be changed.

use crate::operation;

use super::*;

#[tokio::test]
async fn an_identity_is_updated_and_the_answer_is_empty() {
    let site = Site::open().await;
    let target = format!("/users/{INSTANCE}/{MARY}/identity-info");
    let body =
        r#"{"IdentityInfo":{"FirstName":"Maria","Email":"maria@example.com","Mobile":"+12065550100"}}"#;
    let answer = site.call("POST", &target, body).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let mary = site.mary();
    assert_eq!((mary.first_name.as_str(), mary.last_name.as_str()), ("Maria", "Major"));
    assert_eq!((mary.email.as_str(), mary.mobile.as_str()), ("maria@example.com", "+12065550100"));
    assert_eq!(site.shown().await, "maria@example.com");
    assert_eq!(site.update(r#"{"Mobile":""}"#).await.0, 200);
    assert_eq!(site.mary().mobile, "");

    let history = site.connect.history();
    assert_eq!(history.len(), 2);
    assert_eq!(history[0].operation, "UpdateUserIdentityInfo");
    assert_eq!(history[0].instance, INSTANCE);
    assert_eq!(history[0].before.as_ref().unwrap().email, "mary.major@example.com");
    assert_eq!(history[0].after.as_ref().unwrap().email, "maria@example.com");
    assert!(history[0].at <= history[1].at);
}

#[tokio::test]
async fn what_connect_does_not_take_changes_nothing() {
    let site = Site::open().await;
    let before = site.mary();
    for info in [
        r#"{"FirstName":""}"#,
        r#"{"FirstName":"Zoe\u0308"}"#,
        r#"{"Email":""}"#,
        r#"{"Email":"mary"}"#,
        r#"{"SecondaryEmail":"mary@"}"#,
        r#"{"Mobile":"12065550100"}"#,
    ] {
        assert_eq!(site.update(info).await, (400, "InvalidParameterException".to_owned()), "{info}");
    }
    for info in [r#"{"Email":1}"#, "[]", r#"{"Email":"a@example.com""#] {
        assert_eq!(site.update(info).await, (400, "SerializationException".to_owned()), "{info}");
    }
    assert_eq!(site.update("null").await, (400, "InvalidRequestException".to_owned()));
    assert_eq!(site.mary(), before);
    assert!(site.connect.history().is_empty());
    assert!(site.connect.updates().iter().all(|one| one.done == Done::Nothing && one.status == 400));
}

#[tokio::test]
async fn each_directory_has_its_own_fields() {
    let site = Site::of(Directory::Saml).await;
    assert_eq!(
        site.update(r#"{"Email":"a@example.com"}"#).await,
        (400, "InvalidParameterException".to_owned())
    );
    assert_eq!(site.update(r#"{"FirstName":"Maria","SecondaryEmail":"a@example.com"}"#).await.0, 200);
    let site = Site::of(Directory::Existing).await;
    for info in [r#"{"Email":"a@example.com"}"#, r#"{"FirstName":"A"}"#, r#"{"LastName":"A"}"#] {
        assert_eq!(site.update(info).await, (400, "InvalidRequestException".to_owned()), "{info}");
    }
    assert_eq!(site.update(r#"{"Mobile":"+12065550100"}"#).await.0, 200);
}

#[tokio::test]
async fn a_user_is_created_and_deleted() {
    let site = Site::open().await;
    let target = format!("/users/{INSTANCE}");
    let body = format!(
        r#"{{"Username":"jane","Password":"Passw0rd","RoutingProfileId":"r","SecurityProfileIds":["{AGENT}"],
            "IdentityInfo":{{"FirstName":"Jane","LastName":"Doe","Email":"jane@example.com"}}}}"#
    );
    let answer = site.call("PUT", &target, &body).await.unwrap();
    let id = operation::read_created_user(&answer.body).unwrap();
    let jane = site.connect.user(id.as_str()).unwrap();
    assert_eq!(
        (jane.email.as_str(), jane.profiles.as_slice()),
        ("jane@example.com", &[AGENT.to_owned()][..])
    );
    assert_eq!(site.connect.user_named("jane"), Some(jane));

    let (status, error, _) = site.ask("PUT", &target, &body.replace("\"jane\"", "\"MARY\"")).await;
    assert_eq!((status, error.as_str()), (409, "DuplicateResourceException"));
    for (from, to, expected) in [
        ("\"jane\"", "\"\"", (400, "InvalidRequestException")),
        ("\"jane\"", "\"j j\"", (400, "InvalidParameterException")),
        ("Passw0rd", "password", (400, "InvalidParameterException")),
        ("\"Password\":", "\"None\":", (400, "InvalidParameterException")),
        ("jane@example.com", "jane", (400, "InvalidParameterException")),
        ("\"RoutingProfileId\":\"r\",", "", (400, "InvalidRequestException")),
        (AGENT, "none", (404, "ResourceNotFoundException")),
    ] {
        let body = body.replace("\"jane\"", "\"joe\"").replace(&from.replace("\"jane\"", "\"joe\""), to);
        let (status, error, _) = site.ask("PUT", &target, &body).await;
        assert_eq!((status, error.as_str()), expected, "{from} {to}");
    }

    let user = format!("{target}/{}", id.as_str());
    assert_eq!(site.ask("DELETE", &user, "").await.0, 200);
    assert_eq!(site.connect.user(id.as_str()), None);
    assert_eq!(site.ask("GET", &user, "").await.0, 404);
    assert_eq!(site.ask("DELETE", &user, "").await.0, 404);
    let history = site.connect.history();
    assert_eq!(history.len(), 2);
    assert!(history[0].before.is_none() && history[1].after.is_none());
}

#[tokio::test]
async fn a_password_belongs_to_a_connect_managed_directory() {
    let site = Site::of(Directory::Saml).await;
    let body = format!(r#"{{"Username":"jane","RoutingProfileId":"r","SecurityProfileIds":["{AGENT}"]}}"#);
    let target = format!("/users/{INSTANCE}");
    let with = body.replace("\"RoutingProfileId\"", "\"Password\":\"Passw0rd\",\"RoutingProfileId\"");
    assert_eq!(site.ask("PUT", &target, &with).await.1, "InvalidParameterException");
    assert_eq!(site.ask("PUT", &target, &body).await.0, 200);
}

#[tokio::test]
async fn the_profiles_of_a_user_are_replaced() {
    let site = Site::open().await;
    let target = format!("/users/{INSTANCE}/{MARY}/security-profiles");
    let (status, _, _) =
        site.ask("POST", &target, &format!("{{\"SecurityProfileIds\":[\"{ADMIN}\"]}}")).await;
    assert_eq!((status, site.mary().profiles.as_slice()), (200, &[ADMIN.to_owned()][..]));
    for (body, expected) in [
        ("{\"SecurityProfileIds\":[]}", 400),
        ("{}", 400),
        ("{\"SecurityProfileIds\":[1]}", 400),
        ("{\"SecurityProfileIds\":[\"none\"]}", 404),
    ] {
        assert_eq!(site.ask("POST", &target, body).await.0, expected, "{body}");
    }
    assert_eq!(site.mary().profiles, [ADMIN]);
}

#[tokio::test]
async fn a_profile_is_created_and_updated() {
    let site = Site::open().await;
    let target = format!("/security-profiles/{INSTANCE}");
    let body = r#"{"SecurityProfileName":"Desk","Permissions":["Users.View"]}"#;
    let (status, _, created) = site.ask("PUT", &target, body).await;
    assert_eq!(status, 200);
    let id = created["SecurityProfileId"].as_str().unwrap();
    assert_eq!(site.connect.profile(id).unwrap().permissions, ["Users.View"]);
    assert_eq!(site.ask("PUT", &target, body).await.1, "DuplicateResourceException");

    let target = format!("{target}/{id}");
    assert_eq!(site.ask("POST", &target, r#"{"Permissions":["Users.Edit"]}"#).await.0, 200);
    assert_eq!(site.connect.profile(id).unwrap().permissions, ["Users.Edit"]);
    assert_eq!(site.ask("POST", &target, r#"{"Description":"d"}"#).await.0, 200);
    assert_eq!(site.connect.profile(id).unwrap().permissions, ["Users.Edit"]);
    let many = serde_json::json!({ "Permissions": vec!["p"; 501] }).to_string();
    assert_eq!(site.ask("POST", &target, &many).await.1, "InvalidParameterException");
}

#[tokio::test]
async fn the_website_changes_users_past_the_api() {
    let site = Site::open().await;
    let changed = User { email: "other@example.com".to_owned(), ..site.mary() };
    site.connect.put_user(INSTANCE, MARY, Some(changed.clone()));
    assert_eq!(site.shown().await, "other@example.com");
    assert_eq!(site.connect.history()[0].operation, "website");
    assert_eq!(site.connect.history()[0].after, Some(changed));
    assert_eq!(site.connect.requests().len(), 1);
}
