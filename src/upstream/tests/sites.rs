//! Which site a target is of, and sites that cannot be used.

use super::*;
use crate::{
    client::Endpoint,
    operation::{Look, Subject, Target, UserId},
    upstream::{CredentialSource, SiteOptions, Unseen, Upstream},
};

fn target() -> Target {
    Target {
        site: "main".to_owned(),
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        instance: Some(instance()),
        subject: Subject::User(UserId::read(USER).unwrap()),
    }
}

fn options(endpoint: Endpoint) -> SiteOptions {
    SiteOptions {
        site: place(),
        endpoint,
        bounds: ClientBounds::default(),
        credentials: CredentialSource::Chain,
        sts: Endpoint { host: "sts.us-east-1.amazonaws.com".into(), port: 443, address: None, ca_file: None },
    }
}

async fn fault(sites: Vec<SiteOptions>) -> String {
    let limiter = Arc::new(Limiter::new(Rates::default()).unwrap());
    Upstream::new(sites, limiter, Clock::system()).await.err().unwrap().to_string()
}

#[tokio::test]
async fn d13_a_target_that_is_not_exactly_of_a_site_is_sent_nowhere() {
    let Stage { reach, .. } = Stage::open().await;
    let stats = reach.client.stats();
    let reach = Arc::into_inner(reach).unwrap();
    let upstream = Upstream { sites: [("main".to_owned(), reach)].into() };
    let look = Look { user: Some(UserId::read(USER).unwrap()), ..Look::default() };
    let changes: [fn(&mut Target); 5] = [
        |target| target.site = "other".to_owned(),
        |target| target.partition = "aws-cn".to_owned(),
        |target| target.account = "444455556666".to_owned(),
        |target| target.region = "us-west-2".to_owned(),
        |target| target.instance = InstanceId::read("another"),
    ];
    for change in changes {
        let mut target = target();
        change(&mut target);
        let unseen = upstream.observe(&target, &look).await.err();
        assert!(matches!(unseen, Some(Unseen::Unavailable(_))), "{unseen:?}");
        assert!(upstream.client(&target).is_err());
    }
    let elsewhere = Look { instance: InstanceId::read("another"), ..Look::default() };
    assert!(matches!(upstream.observe(&target(), &elsewhere).await.err(), Some(Unseen::Unavailable(_))));
    let nowhere = Target { instance: None, ..target() };
    assert!(matches!(upstream.observe(&nowhere, &look).await.err(), Some(Unseen::Unavailable(_))));
    assert!(upstream.observe(&nowhere, &Look::default()).await.is_ok());
    assert_eq!((stats.opened, stats.connect), (0, 0));
    assert!(upstream.credentials().await.iter().all(|(_, ready)| ready.is_ok()));
}

#[tokio::test]
async fn a_site_without_credentials_is_named() {
    let Stage { reach, clock, server } = Stage::open().await;
    let expired = Given::new("AKID", "s", None, Some(std::time::UNIX_EPOCH), "tests");
    let cache = CredentialCache::of(SharedCredentialsProvider::new(expired), false, clock.clone());
    let client = server.client(ClientBounds::default());
    let reach = SiteClient::of(place(), client, SiteCredentials::own(cache), reach.limiter.clone(), clock);
    let upstream = Upstream { sites: [("main".to_owned(), reach)].into() };
    let why = "the credentials that were given are at their end";
    assert_eq!(upstream.credentials().await, [("main".to_owned(), Err(why.to_owned()))]);
    let look = Look { user: Some(UserId::read(USER).unwrap()), ..Look::default() };
    assert!(matches!(upstream.observe(&target(), &look).await.err(), Some(Unseen::Credentials(_))));
}

#[tokio::test]
async fn sites_that_cannot_be_used_are_refused() {
    let server = Server::open().await;
    let good = options(server.endpoint());
    assert_eq!(fault(vec![good.clone(), good.clone()]).await, "upstream `main`: two sites have this name");
    let no_port = Endpoint { port: 0, ..server.endpoint() };
    assert_eq!(fault(vec![options(no_port)]).await, "upstream `main`: port 0 cannot be connected to");
    let no_host = Endpoint { host: "evil.com#".to_owned(), ..server.endpoint() };
    assert!(fault(vec![options(no_host)]).await.contains("neither a dns name"));
}
