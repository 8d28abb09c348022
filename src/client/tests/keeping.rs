//! Which connections are kept and used again, and how long a body occupies one.

use super::{super::connection::Connection, *};

#[tokio::test]
async fn a_connection_is_used_again() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        let first = peer.request().await;
        peer.say(OK).await;
        let second = peer.request().await;
        peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n2\r\nok\r\n0\r\n\r\n")
            .await;
        peer.request().await;
        peer.say(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        peer.closed().await;
        (first, second)
    });
    let answer = bounded(client.send(request(&client))).await.unwrap();
    assert_eq!((answer.status, answer.body.as_ref()), (200, b"ok".as_ref()));
    let answer = bounded(client.send(request(&client))).await.unwrap();
    assert_eq!((answer.status, answer.body.as_ref()), (200, b"ok".as_ref()));
    assert!(answer.headers.contains(&("x-a".to_owned(), "b".to_owned())));
    assert_eq!(bounded(client.send(request(&client))).await.unwrap().status, 204);
    let stats = client.stats();
    assert_eq!((stats.opened, stats.reused, stats.idle, stats.in_flight), (1, 2, 1, 0));
    let host = client.authority().to_owned();
    drop(client);
    let (first, second) = bounded(server).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(
        first,
        format!(
            "POST /users/i/u/identity-info?a=b%2Fc HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
             content-length: 7\r\n\r\n{{\"a\":1}}"
        )
    );
}

#[tokio::test]
async fn the_state_of_a_request_is_small() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let state = size_of_val(&client.stream(request(&client)));
    assert!(state <= 4096, "{state} octets, which are copied for each request more than once");
}

#[tokio::test]
async fn a_full_pool_closes_what_it_does_not_keep() {
    let site = Site::open().await;
    let client = site.client(ClientBounds { pool: 1, ..ClientBounds::default() });
    let (note, noted) = oneshot::channel();
    let server = site.run(async |site| {
        let (mut one, mut two) = (site.accept().await, site.accept().await);
        one.request().await;
        two.request().await;
        one.say(OK).await;
        two.say(OK).await;
        let mut kept = tokio::select! {
            () = one.closed() => two,
            () = two.closed() => one,
        };
        note.send(()).unwrap();
        kept.request().await;
        kept.say(OK).await;
    });
    let both = async { tokio::join!(client.send(request(&client)), client.send(request(&client))) };
    let (a, b) = bounded(Box::pin(both)).await;
    a.unwrap();
    b.unwrap();
    bounded(noted).await.unwrap();
    assert_eq!(client.stats().idle, 1);
    bounded(client.send(request(&client))).await.unwrap();
    bounded(server).await.unwrap();
    assert_eq!((client.stats().opened, client.stats().reused), (2, 1));
}

#[tokio::test]
async fn the_connection_used_last_is_used_next() {
    let pool = Pool::new(8, Duration::from_mins(1));
    let mut far = Vec::new();
    let exchange = async |connection: Connection| {
        let request = http::Request::get("/").body(http_body_util::Full::default()).unwrap();
        let (_, connection) =
            bounded(connection.exchange(request, Duration::from_secs(10))).await.ok().unwrap();
        bounded(connection.settle()).await.unwrap()
    };
    for name in ["one", "two"] {
        let (near, peer) = tokio::io::duplex(1024);
        far.push(tokio::spawn(scripted(peer, name)));
        pool.put(exchange(Connection::over(near).await.unwrap()).await);
    }
    assert_eq!(pool.len(), 2);
    let request = http::Request::get("/").body(http_body_util::Full::default()).unwrap();
    let last = pool.take().unwrap();
    let (response, _) = bounded(last.exchange(request, Duration::from_secs(10))).await.ok().unwrap();
    assert_eq!(response.headers()["x-name"], "two");
    assert_eq!(pool.len(), 1);
    for peer in far {
        peer.abort();
    }
}

/// Answers every head with its name.
async fn scripted(mut peer: tokio::io::DuplexStream, name: &str) {
    let mut head = Vec::new();
    while let Ok(octet) = peer.read_u8().await {
        head.push(octet);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            let answer = format!("HTTP/1.1 200 OK\r\nX-Name: {name}\r\nContent-Length: 0\r\n\r\n");
            peer.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_old_connection_is_not_used_again() {
    let site = Site::open().await;
    let client = site.client(ClientBounds { pool_idle: Duration::ZERO, ..ClientBounds::default() });
    let server = site.run(async |site| {
        for _ in 0..2 {
            let mut peer = site.accept().await;
            peer.request().await;
            peer.say(OK).await;
            peer.closed().await;
        }
    });
    bounded(client.send(request(&client))).await.unwrap();
    bounded(client.send(request(&client))).await.unwrap();
    assert_eq!((client.stats().opened, client.stats().reused), (2, 0));
    drop(client);
    bounded(server).await.unwrap();
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_noticed() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(OK).await;
        peer.0.shutdown().await.unwrap();
        peer.closed().await;
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(OK).await;
        peer.closed().await;
    });
    bounded(client.send(request(&client))).await.unwrap();
    bounded(async {
        while client.stats().idle > 0 {
            yield_now().await;
        }
    })
    .await;
    bounded(client.send(request(&client))).await.unwrap();
    assert_eq!((client.stats().opened, client.stats().renewed), (2, 0));
    drop(client);
    bounded(server).await.unwrap();
}

#[tokio::test]
async fn octets_after_the_answer_close_the_connection() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        )
        .await;
        peer.closed().await;
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(OK).await;
        peer.closed().await;
    });
    bounded(client.send(request(&client))).await.unwrap();
    assert_eq!(bounded(client.send(request(&client))).await.unwrap().body.as_ref(), b"ok");
    drop(client);
    bounded(server).await.unwrap();
}

#[tokio::test]
async fn a_server_that_says_close_is_not_kept() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
        peer.closed().await;
    });
    bounded(client.send(request(&client))).await.unwrap();
    bounded(server).await.unwrap();
    assert_eq!(client.stats().idle, 0);
}

#[tokio::test]
async fn whoever_reads_slowly_leaves_room_for_what_is_read_whole() {
    let site = Site::open().await;
    let client = site.client(ClientBounds { in_flight: 4, ..ClientBounds::default() }).keeping_room();
    let server = site.run(async |site| {
        let mut peers = Vec::new();
        for _ in 0..3 {
            let mut peer = site.accept().await;
            peer.request().await;
            peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").await;
            peers.push(peer);
        }
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(OK).await;
        peers
    });
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(bounded(client.stream(request(&client))).await.unwrap());
    }
    let Err(busy) = bounded(client.stream(request(&client))).await else { panic!("a fourth is handed on") };
    assert!(!busy.sent && matches!(busy.why, Failure::Busy), "{busy}");
    assert_eq!(bounded(client.send(request(&client))).await.unwrap().status, 200);
    drop(bounded(server).await.unwrap());
}

#[tokio::test]
async fn a_body_is_handed_on_as_it_comes() {
    let site = Site::open().await;
    let client = site.client(ClientBounds { in_flight: 1, ..ClientBounds::default() });
    let (go, gone) = oneshot::channel::<()>();
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
        gone.await.unwrap();
        peer.say(b"2\r\nde\r\n0\r\n\r\n").await;
        peer.request().await;
        peer.say(OK).await;
        peer.closed().await;
    });
    let mut streaming = bounded(client.stream(request(&client))).await.unwrap();
    let part = bounded(streaming.body.frame()).await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(part.as_ref(), b"abc");
    // The place among the requests under way is held as long as the body.
    let busy = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(!busy.sent && matches!(busy.why, Failure::Busy), "{busy}");
    assert_eq!((client.stats().in_flight, client.stats().busy), (1, 1));
    go.send(()).unwrap();
    let rest = bounded(streaming.body.as_mut().collect()).await.unwrap().to_bytes();
    assert_eq!(rest.as_ref(), b"de");
    assert_eq!(client.stats().in_flight, 0);
    bounded(async {
        while client.stats().idle == 0 {
            yield_now().await;
        }
    })
    .await;
    bounded(client.send(request(&client))).await.unwrap();
    assert_eq!(client.stats().opened, 1);
    drop((client, streaming));
    bounded(server).await.unwrap();
}

#[tokio::test]
async fn a_body_of_known_length_need_not_be_asked_for_its_end() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        for _ in 0..2 {
            peer.request().await;
            peer.say(OK).await;
        }
        peer.closed().await;
    });
    let mut streaming = bounded(client.stream(request(&client))).await.unwrap();
    assert_eq!(streaming.body.size_hint().exact(), Some(2));
    while !streaming.body.is_end_stream() {
        bounded(streaming.body.frame()).await.unwrap().unwrap();
    }
    drop(streaming);
    bounded(async {
        while client.stats().idle == 0 {
            yield_now().await;
        }
    })
    .await;
    bounded(client.send(request(&client))).await.unwrap();
    assert_eq!(client.stats().opened, 1);
    drop(client);
    bounded(server).await.unwrap();
}

#[tokio::test]
async fn a_body_handed_on_ends_with_an_error_when_it_stalls_or_is_cut() {
    for stall in [true, false] {
        let site = Site::open().await;
        let idle_body = if stall { SHORT } else { ClientBounds::default().idle_body };
        let client = site.client(ClientBounds { idle_body, ..ClientBounds::default() });
        let server = site.run(async move |site| {
            let mut peer = site.accept().await;
            peer.request().await;
            peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").await;
            if !stall {
                peer.0.shutdown().await.unwrap();
            }
            peer.closed().await;
        });
        let mut streaming = bounded(client.stream(request(&client))).await.unwrap();
        let part = bounded(streaming.body.frame()).await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(part.as_ref(), b"abc");
        bounded(streaming.body.frame()).await.unwrap().unwrap_err();
        assert!(bounded(streaming.body.frame()).await.is_none());
        bounded(server).await.unwrap();
        let stats = client.stats();
        assert_eq!((stats.in_flight, stats.idle), (0, 0));
        assert_eq!((stats.timeout, stats.answer), if stall { (1, 0) } else { (0, 1) });
    }
}

#[tokio::test]
async fn a_stream_dropped_early_closes_its_connection() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").await;
        peer.closed().await;
    });
    drop(bounded(client.stream(request(&client))).await.unwrap());
    bounded(server).await.unwrap();
    assert_eq!((client.stats().in_flight, client.stats().idle), (0, 0));
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let site = Site::open().await;
    let client = Arc::new(site.client(ClientBounds::default()));
    let (read, seen) = oneshot::channel();
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        read.send(()).unwrap();
        peer.closed().await;
    });
    let sending = tokio::spawn({
        let client = client.clone();
        async move { client.send(request(&client)).await.map(drop) }
    });
    bounded(seen).await.unwrap();
    sending.abort();
    bounded(server).await.unwrap();
    assert_eq!((client.stats().in_flight, client.stats().idle), (0, 0));
}
