//! What can be read, in which form, and page by page.

use crate::operation::{self, Field, InstanceId, UserId};

use super::*;

#[tokio::test]
async fn a_user_is_described_as_the_guard_reads_it() {
    let site = Site::open().await;
    let answer = site.call("GET", &format!("/users/{INSTANCE}/{MARY}"), "").await.unwrap();
    let user = operation::User::read(&UserId::read(MARY).unwrap(), &answer.body).unwrap();
    assert_eq!(user.username, "mary");
    assert_eq!(user.identity.value(Field::Email), Some("mary.major@example.com"));
    assert_eq!(user.identity.value(Field::Mobile), None);
    assert_eq!(user.security_profiles, [AGENT]);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let arn = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}/agent/{MARY}");
    assert_eq!(body["User"]["Arn"], arn);
    assert_eq!(body["User"]["LastModifiedRegion"], "us-east-1");
    assert!(body["User"]["LastModifiedTime"].as_i64().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn an_instance_is_described_as_the_guard_reads_it() {
    for directory in [Directory::ConnectManaged, Directory::Saml, Directory::Existing] {
        let site = Site::of(directory).await;
        let answer = site.call("GET", &format!("/instance/{INSTANCE}"), "").await.unwrap();
        let read = Directory::read(&InstanceId::read(INSTANCE).unwrap(), &answer.body).unwrap();
        assert_eq!(read, directory);
        let listed = site.get("/instance").await;
        assert_eq!(listed["InstanceSummaryList"][0]["Id"], INSTANCE);
        assert_eq!(listed["InstanceSummaryList"][0]["InstanceAlias"], "example");
    }
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let site = Site::open().await;
    for target in [
        format!("/users/{INSTANCE}/nobody"),
        format!("/users/none/{MARY}"),
        "/instance/none".to_owned(),
        format!("/security-profiles/{INSTANCE}/none"),
        format!("/security-profiles-permissions/{INSTANCE}/none"),
        "/users-summary/none".to_owned(),
        "/queues-summary/none".to_owned(),
    ] {
        let (status, error, _) = site.ask("GET", &target, "").await;
        assert_eq!((status, error.as_str()), (404, "ResourceNotFoundException"), "{target}");
    }
}

#[tokio::test]
async fn security_profiles_are_as_the_guard_reads_them() {
    let site = Site::open().await;
    let answer = site.call("GET", &format!("/security-profiles/{INSTANCE}/{ADMIN}"), "").await.unwrap();
    assert_eq!(operation::read_profile_name(ADMIN, &answer.body).unwrap(), "Admin");
    let listed = site.get(&format!("/security-profiles-summary/{INSTANCE}")).await;
    assert_eq!(listed["SecurityProfileSummaryList"].as_array().unwrap().len(), 2);

    let mut names = Vec::new();
    let mut target = format!("/security-profiles-permissions/{INSTANCE}/{ADMIN}?maxResults=3");
    loop {
        let answer = site.call("GET", &target, "").await.unwrap();
        let page = operation::read_permissions(&answer.body).unwrap();
        names.extend(page.items);
        let Some(next) = page.next else { break };
        let path = format!("/security-profiles-permissions/{INSTANCE}/{ADMIN}");
        target = format!("{path}?maxResults=3&nextToken={}", RequestTarget::encode(&next));
    }
    assert_eq!(names, ["BasicAgentAccess", "Users.View", "Users.Edit", "Users.EditPermission"]);
    let pages = site.connect.counts()["ListSecurityProfilePermissions"];
    assert_eq!(pages, 2);
}

#[tokio::test]
async fn users_are_listed_page_by_page() {
    let mut options = ConnectOptions { rate: None, page: 2, ..ConnectOptions::default() };
    for number in 0..4 {
        let user = User { id: format!("u-{number}"), username: format!("agent{number}"), ..User::default() };
        options.instances[0].users.push(user);
    }
    let site = Site::with(options).await;
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let page = site.get(&format!("/users-summary/{INSTANCE}?maxResults=1000{token}")).await;
        let users = page["UserSummaryList"].as_array().unwrap();
        assert!(users.len() <= 2);
        names.extend(users.iter().map(|user| user["Username"].as_str().unwrap().to_owned()));
        let Some(next) = page["NextToken"].as_str() else { break };
        token = format!("&nextToken={next}");
    }
    names.sort();
    assert_eq!(names, ["agent0", "agent1", "agent2", "agent3", "mary"]);
}

#[tokio::test]
async fn users_are_searched_by_name() {
    let site = Site::open().await;
    let other = User { id: "u-2".to_owned(), username: "mary2".to_owned(), ..User::default() };
    site.connect.put_user(INSTANCE, "u-2", Some(other));
    let search = async |condition: &str| {
        let body = format!("{{\"InstanceId\":\"{INSTANCE}\",\"MaxResults\":10{condition}}}");
        let answer = site.call("POST", "/search-users", &body).await.unwrap();
        assert_eq!(answer.status, 200, "{condition}");
        let count = serde_json::from_slice::<Value>(&answer.body).unwrap()["Users"].as_array().unwrap().len();
        (count, operation::read_users_named("mary", &answer.body).unwrap().items)
    };
    let by = |comparison: &str, value: &str| {
        format!(
            r#","SearchCriteria":{{"StringCondition":{{"FieldName":"Username","Value":"{value}","ComparisonType":"{comparison}"}}}}"#
        )
    };
    let mary = vec![UserId::read(MARY).unwrap()];
    assert_eq!(search(&by("EXACT", "mary")).await, (1, mary.clone()));
    assert_eq!(search(&by("EXACT", "MARY")).await, (1, mary.clone()));
    assert_eq!(search(&by("EXACT", "mar")).await, (0, vec![]));
    assert_eq!(search(&by("STARTS_WITH", "mar")).await.0, 2);
    assert_eq!(search(&by("CONTAINS", "y2")).await.0, 1);
    assert_eq!(search("").await.0, 2);
    for condition in [
        by("LIKE", "mary"),
        r#","SearchCriteria":{"StringCondition":{"FieldName":"Email","Value":"m"}}"#.to_owned(),
        r#","SearchCriteria":{"OrConditions":[]}"#.to_owned(),
    ] {
        let body = format!("{{\"InstanceId\":\"{INSTANCE}\"{condition}}}");
        let (status, error, _) = site.ask("POST", "/search-users", &body).await;
        assert_eq!((status, error.as_str()), (400, "InvalidRequestException"), "{condition}");
    }
    let (status, error, _) = site.ask("POST", "/search-users", "{}").await;
    assert_eq!((status, error.as_str()), (400, "InvalidRequestException"));
}

#[tokio::test]
async fn addresses_of_the_channel_are_searched() {
    let mut options = ConnectOptions { rate: None, ..ConnectOptions::default() };
    options.instances[0].addresses = vec!["help@example.com".to_owned(), "sales@example.com".to_owned()];
    let site = Site::with(options).await;
    let search = async |criteria: &str| {
        let body = format!("{{\"InstanceId\":\"{INSTANCE}\"{criteria}}}");
        let answer = site.call("POST", "/search-email-addresses", &body).await.unwrap();
        let found = operation::read_channel_addresses(&answer.body).unwrap().items;
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(search("").await, ["help@example.com", "sales@example.com"]);
    let exact = r#","SearchCriteria":{"StringCondition":{"FieldName":"EmailAddress","Value":"help@example.com","ComparisonType":"EXACT"}}"#;
    assert_eq!(search(exact).await, ["help@example.com"]);
}

#[tokio::test]
async fn every_other_operation_is_answered_with_an_empty_object() {
    let site = Site::open().await;
    for (method, target, body, operation) in [
        ("GET", format!("/queues-summary/{INSTANCE}?maxResults=5"), String::new(), "ListQueues"),
        ("PUT", format!("/instance/{INSTANCE}/approved-origin"), "{}".to_owned(), "AssociateApprovedOrigin"),
        (
            "POST",
            "/contact/stop".to_owned(),
            format!("{{\"InstanceId\":\"{INSTANCE}\",\"ContactId\":\"c\"}}"),
            "StopContact",
        ),
        ("DELETE", "/phone-number/p-1".to_owned(), String::new(), "ReleasePhoneNumber"),
    ] {
        let (status, _, answer) = site.ask(method, &target, &body).await;
        assert_eq!((status, answer), (200, Value::Object(serde_json::Map::new())), "{target}");
        let received = site.connect.requests_of(operation);
        let done = if method == "GET" { Done::Nothing } else { Done::Applied };
        assert_eq!((received.len(), received[0].done), (1, done), "{operation}");
    }
    let (status, _, _) = site.ask("POST", "/contact/stop", "{\"InstanceId\":\"none\"}").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn an_operation_that_does_not_exist_is_unknown() {
    let site = Site::open().await;
    for (method, target) in [
        ("GET", "/".to_owned()),
        ("PUT", format!("/users/{INSTANCE}/{MARY}/identity-info")),
        ("GET", format!("/Users/{INSTANCE}/{MARY}")),
        ("GET", format!("/users/{INSTANCE}/{MARY}/")),
        ("GET", format!("/users/{INSTANCE}/./{MARY}")),
    ] {
        let (status, error, _) = site.ask(method, &target, "").await;
        assert_eq!((status, error.as_str()), (404, "UnknownOperationException"), "{target}");
    }
    assert!(site.connect.requests().iter().all(|one| one.operation.is_none()));
    assert_eq!(site.connect.counts()[""], 5);
}
