//! Addresses that may not be connected to, and names whose addresses change between two looks.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::client::reach::{Names, Reach};

/// A client that may connect to 127.0.0.1 and no other private address; each resolution takes the next answer.
fn client(site: &Site, answers: &[&[&str]]) -> (Client, Arc<AtomicUsize>) {
    let reach = Reach::Public { but: vec!["127.0.0.1/32".parse().unwrap()] };
    let endpoint = Endpoint { address: None, ..site.endpoint() };
    let mut client = Client::reaching(&endpoint, ClientBounds::default(), reach).unwrap();
    let port = site.address.port();
    let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), port);
    let answers: Vec<Vec<_>> = answers.iter().map(|answer| answer.iter().map(address).collect()).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let next = move || answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)].clone();
    client.dial.names = Names::Scripted(Arc::new(next));
    (client, asked)
}

/// The name points to the listener once, and elsewhere on every later look: the address that was checked is used, and the
/// next connection is checked again.
#[tokio::test]
async fn h9_a_name_that_is_bound_to_another_address_is_refused() {
    let site = Site::open().await;
    let (client, asked) = client(&site, &[&["127.0.0.1"], &["169.254.169.254"]]);
    let server = site.run(async move |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    });
    bounded(client.send(request(&client))).await.unwrap();
    bounded(server).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1, "looked up once for one connection");
    let refused = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(!refused.sent);
    assert!(matches!(refused.why, Failure::Connect(why) if why.contains("not public")));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn h9_of_several_addresses_only_those_that_may_be_are_connected_to() {
    let site = Site::open().await;
    let (client, _) = client(&site, &[&["127.0.0.2", "::1", "10.0.0.1", "127.0.0.1"]]);
    let server = site.run(async move |site| drop(site.accept().await));
    bounded(client.connect()).await.unwrap();
    bounded(server).await.unwrap();
}

#[tokio::test]
async fn h9_an_address_that_is_given_is_looked_at_as_well() {
    let site = Site::open().await;
    let reach = Reach::Public { but: Vec::new() };
    let client = Client::reaching(&site.endpoint(), ClientBounds::default(), reach).unwrap();
    let refused = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(matches!(refused.why, Failure::Connect(_)) && !refused.sent);
}
