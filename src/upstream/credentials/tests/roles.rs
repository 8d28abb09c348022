//! What STS is asked, over TLS on this machine; what is made of its answers; how many sessions are kept.

use super::{
    super::{role::Role, sessions::SiteCredentials},
    *,
};
use crate::{
    caller::{Arn, Principal},
    client::{
        Client, ClientBounds, Endpoint,
        tests::{Site as Server, bounded},
    },
    sigv4::{Claimed, Signable, verify},
    upstream::SessionNames,
};

const STS: &str = "sts.us-east-1.amazonaws.com";
const NAMED: SessionNames = SessionNames::Caller { source_identity: true };

/// STS with these answers to one request each, and credentials of a role that ask there.
struct Stage {
    credentials: SiteCredentials,
    asked: tokio::task::JoinHandle<Vec<String>>,
}

impl Stage {
    async fn open(names: SessionNames, script: Vec<String>) -> Self {
        let server = Server::named(STS).await;
        let clock = Clock::manual("2027-03-12T10:00:00Z".parse().unwrap());
        let endpoint = Endpoint { host: STS.to_owned(), ..server.endpoint() };
        let role = Role {
            arn: "arn:aws:iam::111122223333:role/guards/ConnectGuard".to_owned(),
            external_id: Some("x+1".to_owned()),
            sts: Client::new(endpoint, ClientBounds::default()).unwrap(),
            region: "us-east-1".to_owned(),
            by: SharedCredentialsProvider::new(Given::new("AKIDBASE", "secret", None, None, "tests")),
            clock: clock.clone(),
        };
        let asked = server.run(async move |server| {
            let (mut asked, mut peer) = (Vec::new(), None);
            for answer in script {
                let mut open = match peer.take() {
                    Some(open) => open,
                    None => server.accept().await,
                };
                asked.push(open.request().await);
                if !answer.is_empty() {
                    open.say(answer.as_bytes()).await;
                    peer = Some(open);
                }
            }
            asked
        });
        Self { credentials: SiteCredentials::of_role(role, names, "111122223333", clock), asked }
    }

    /// What was asked: the bodies, each signed by who assumes the role, for STS.
    async fn asked(self) -> Vec<String> {
        drop(self.credentials);
        bounded(self.asked).await.unwrap().iter().map(|request| body(request)).collect()
    }
}

fn body(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (line, fields) = head.split_once("\r\n").unwrap();
    assert_eq!(line, "POST / HTTP/1.1");
    let fields: Vec<(&str, &str)> = fields.split("\r\n").map(|line| line.split_once(": ").unwrap()).collect();
    let one = |name: &str| fields.iter().find(|(field, _)| *field == name).unwrap().1;
    let claimed = Claimed::read(one("authorization")).unwrap();
    assert_eq!((claimed.access_key_id, claimed.service), ("AKIDBASE", "sts"));
    let signable = Signable { method: "POST", target: "/", headers: &fields, body: body.as_bytes() };
    verify(&claimed, signable, one("x-amz-date"), &Secret::new(b"secret".to_vec())).unwrap();
    body.to_owned()
}

fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn given(id: &str) -> String {
    answer(200, &xml(id))
}

fn xml(id: &str) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n<AssumeRoleResult>\
         <Credentials>\n<AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>2027-03-12T11:00:00Z</Expiration></Credentials>\
         </AssumeRoleResult></AssumeRoleResponse>"
    )
}

fn caller(arn: &str) -> Principal {
    Principal { arn: Arn::read(arn).unwrap(), unique_id: None }
}

fn kim() -> Principal {
    caller("arn:aws:sts::111122223333:assumed-role/Desk/kim@example.com")
}

const COMMON: &str = "Action=AssumeRole&Version=2011-06-15\
    &RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fguards%2FConnectGuard&RoleSessionName=";

#[tokio::test]
async fn sessions_bear_the_names_of_their_callers() {
    let script = vec![given("ASIAKIM"), given("ASIADESK"), given("ASIAOWN")];
    let stage = Stage::open(NAMED, script).await;
    let desk = caller("arn:aws:iam::111122223333:role/Desk");
    for _ in 0..2 {
        assert_eq!(key(&stage.credentials.of_caller(&kim())).await.unwrap(), "ASIAKIM");
        assert_eq!(key(&stage.credentials.of_caller(&desk)).await.unwrap(), "ASIADESK");
        assert_eq!(key(stage.credentials.base()).await.unwrap(), "ASIAOWN");
    }
    let expected = [
        format!("{COMMON}Desk%2Ckim%40example.com&ExternalId=x%2B1&SourceIdentity=Desk%2Ckim%40example.com"),
        format!("{COMMON}Desk&ExternalId=x%2B1&SourceIdentity=Desk"),
        format!("{COMMON}connect-guard&ExternalId=x%2B1"),
    ];
    assert_eq!(stage.asked().await, expected);
}

#[tokio::test]
async fn without_names_of_callers_there_is_one_session() {
    let stage = Stage::open(SessionNames::Fixed, vec![given("ASIAOWN")]).await;
    assert_eq!(key(&stage.credentials.of_caller(&kim())).await.unwrap(), "ASIAOWN");
    assert!(Arc::ptr_eq(stage.credentials.base(), &stage.credentials.of_caller(&kim())));
    assert_eq!(stage.asked().await, [format!("{COMMON}connect-guard&ExternalId=x%2B1")]);
}

#[tokio::test]
async fn those_of_one_caller_who_come_together_ask_once() {
    let names = SessionNames::Caller { source_identity: false };
    let stage = Stage::open(names, vec![given("ASIAKIM")]).await;
    let (one, two) = (stage.credentials.of_caller(&kim()), stage.credentials.of_caller(&kim()));
    let (one, two) = tokio::join!(key(&one), key(&two));
    assert_eq!([one, two].map(Result::unwrap), ["ASIAKIM", "ASIAKIM"]);
    assert_eq!(stage.asked().await, [format!("{COMMON}Desk%2Ckim%40example.com&ExternalId=x%2B1")]);
}

#[tokio::test]
async fn sessions_are_bounded_and_the_one_not_used_longest_goes() {
    let stage = Stage::open(NAMED, Vec::new()).await;
    let of = |number: usize| {
        stage.credentials.of_caller(&caller(&format!("arn:aws:iam::111122223333:role/Desk{number}")))
    };
    let all: Vec<_> = (0..256).map(of).collect();
    assert!(Arc::ptr_eq(&all[0], &of(0)), "used again");
    let more = of(256);
    assert!(Arc::ptr_eq(&all[0], &of(0)) && Arc::ptr_eq(&all[2], &of(2)) && Arc::ptr_eq(&more, &of(256)));
    assert!(!Arc::ptr_eq(&all[1], &of(1)), "gone");
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_says_what_it_lacks() {
    let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: \
        arn:aws:iam::111122223333:user/guard is not authorized to perform: sts:SetSourceIdentity</Message></Error>\
        </ErrorResponse>";
    let stage = Stage::open(NAMED, vec![answer(403, refusal), given("ASIAKIM")]).await;
    let why = key(&stage.credentials.of_caller(&kim())).await.unwrap_err();
    assert!(why.contains("STS refuses to let the role be assumed: 403 AccessDenied: User: "), "{why}");
    assert!(why.contains("trust policy must allow sts:AssumeRole") && !why.contains("kim"), "{why}");
    assert_eq!(key(&stage.credentials.of_caller(&kim())).await.unwrap(), "ASIAKIM", "not remembered");
    assert_eq!(stage.asked().await.len(), 2);
}

#[tokio::test]
async fn sts_is_asked_a_second_time_when_it_hangs_up() {
    let stage = Stage::open(NAMED, vec![String::new(), given("ASIAKIM")]).await;
    assert_eq!(key(&stage.credentials.of_caller(&kim())).await.unwrap(), "ASIAKIM");
    let asked = stage.asked().await;
    assert_eq!((asked.len(), &asked[0]), (2, &asked[1]));
    let stage = Stage::open(NAMED, vec![String::new(), String::new()]).await;
    assert!(key(&stage.credentials.of_caller(&kim())).await.unwrap_err().contains("STS does not answer"));
    assert_eq!(stage.asked().await.len(), 2);
}

#[tokio::test]
async fn what_holds_no_credentials_is_no_answer() {
    let whole = xml("ASIAKIM");
    for (status, body) in [
        (200, String::new()),
        (200, "<html>".to_owned()),
        (200, whole.replace("ASIAKIM", "")),
        (200, whole.replace("ASIAKIM", "AS&lt;IA")),
        (200, whole.replace("<AccessKeyId>", "<AccessKeyId>X</AccessKeyId><AccessKeyId>")),
        (200, whole.replace("<SessionToken>t</SessionToken>", "")),
        (200, whole.replace("2027-03-12T11:00:00Z", "tomorrow")),
        (200, whole.replace("</Credentials>", "")),
        (204, whole.clone()),
        (500, whole.clone()),
    ] {
        let stage = Stage::open(NAMED, vec![answer(status, &body)]).await;
        let why = key(&stage.credentials.of_caller(&kim())).await.unwrap_err();
        assert!(
            why.contains("and not with credentials") || why.contains("STS does not answer"),
            "{body}: {why}"
        );
    }
}
