//! Whether anything may have been sent: what decides whether a change may be tried again.

use super::{super::connection::Connection, *};

/// However close the closing and the next request fall together, the server sees each request at most once, and the
/// client says "nothing sent" of none that the server saw.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_racing_with_the_close_is_seen_once() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let (stop, mut stopped) = oneshot::channel::<()>();
    let server = site.run(async move |site| {
        let mut seen = std::collections::HashMap::<String, u32>::new();
        loop {
            let mut peer = tokio::select! {
                peer = site.accept() => peer,
                _ = &mut stopped => return seen,
            };
            *seen.entry(peer.request().await).or_default() += 1;
            peer.say(OK).await;
            drop(peer.0.shutdown().await);
            // Whatever still comes in is counted as seen.
            let mut late = Vec::new();
            drop(peer.0.read_to_end(&mut late).await);
            if late.ends_with(b"{\"a\":1}") {
                *seen.entry(String::from_utf8(late).unwrap()).or_default() += 1;
            }
        }
    });
    let mut results = Vec::new();
    for n in 0..60 {
        let mut request = request(&client);
        request.target = format!("/{n}");
        results.push(bounded(client.send(request)).await);
    }
    stop.send(()).unwrap();
    drop(client);
    let seen = bounded(server).await.unwrap();
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    for (n, result) in results.iter().enumerate() {
        let arrived = seen.keys().any(|head| head.starts_with(&format!("POST /{n} ")));
        match result {
            Ok(_) => assert!(arrived),
            Err(error) => assert!(error.sent || !arrived, "{error}"),
        }
    }
}

/// The two races that TLS over TCP cannot be made to lose on purpose: here the connection's task has not run since the
/// other side closed, or spoke.
#[tokio::test]
async fn a_request_that_met_a_closed_connection_was_not_sent() {
    for spoke in [false, true] {
        let (near, mut far) = tokio::io::duplex(1024);
        let connection = Connection::over(near).await.unwrap();
        if spoke {
            far.write_all(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        } else {
            far.shutdown().await.unwrap();
        }
        let request =
            http::Request::post("/").body(http_body_util::Full::new(Bytes::from_static(b"x"))).unwrap();
        let error = bounded(connection.exchange(request, SHORT)).await.err().unwrap();
        assert!(!error.sent, "{error}");
        assert!(matches!(error.why, Failure::Broken(_)), "{error}");
        let mut got = Vec::new();
        bounded(far.read_to_end(&mut got)).await.unwrap();
        assert!(got.is_empty());
    }
}

/// The stale connections lie in the pool and their tasks have not run since the other side closed: each of them still
/// looks usable. One of them is tried, then one new connection; nobody sees the request but that one.
#[tokio::test]
async fn a_stale_connection_is_replaced_by_a_new_one_once() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        let seen = peer.request().await;
        peer.say(OK).await;
        peer.closed().await;
        seen
    });
    let mut stale = Vec::new();
    for _ in 0..2 {
        let (near, mut far) = tokio::io::duplex(1024);
        let request = http::Request::get("/").body(http_body_util::Full::default()).unwrap();
        let connection = Connection::over(near).await.unwrap();
        let answering = async {
            far.read_u8().await.unwrap();
            far.write_all(OK).await.unwrap();
        };
        let (answer, ()) =
            bounded(async { tokio::join!(connection.exchange(request, Duration::from_secs(10)), answering) })
                .await;
        let (response, connection) = answer.ok().unwrap();
        let (_, connection) = bounded(answer::whole(response, connection, &client.bounds)).await.unwrap();
        client.pool.put(bounded(connection.settle()).await.unwrap());
        stale.push(far);
    }
    for far in &mut stale {
        // Ready at once: nothing else runs in between.
        far.shutdown().await.unwrap();
    }
    assert_eq!(client.stats().idle, 2);
    let answer = bounded(client.send(request(&client))).await.unwrap();
    assert_eq!(answer.body.as_ref(), b"ok");
    let stats = client.stats();
    assert_eq!((stats.opened, stats.reused, stats.renewed), (1, 1, 1));
    drop(client);
    assert!(bounded(server).await.unwrap().ends_with("{\"a\":1}"));
    for mut far in stale {
        let mut got = String::new();
        bounded(far.read_to_string(&mut got)).await.unwrap();
        assert!(!got.contains("POST"), "{got}");
    }
}

#[tokio::test]
async fn a_reused_connection_that_closes_after_reading_is_not_replaced() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(OK).await;
        peer.request().await;
        drop(peer);
        site
    });
    bounded(client.send(request(&client))).await.unwrap();
    let error = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(error.sent && matches!(error.why, Failure::Broken(_)), "{error}");
    bounded(server).await.unwrap();
    assert_eq!((client.stats().opened, client.stats().renewed, client.stats().broken), (1, 0, 1));
}

#[tokio::test]
async fn k8_a_refused_port_gets_nothing() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    drop(site.listener);
    let error = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(!error.sent && matches!(error.why, Failure::Connect(_)), "{error}");
    assert_eq!(client.stats().connect, 1);
}

#[tokio::test]
async fn a_name_without_an_address_gets_nothing() {
    let site = Site::open().await;
    let endpoint = Endpoint { host: "nowhere.invalid".to_owned(), address: None, ..site.endpoint() };
    let client = Client::new(endpoint, ClientBounds { connect: SHORT, ..ClientBounds::default() }).unwrap();
    let error = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(!error.sent && matches!(error.why, Failure::Connect(_) | Failure::Timeout(_)), "{error}");
}

/// A queue of connections that is full: the next one gets no answer to its SYN.
#[tokio::test]
async fn a_stall_before_tcp_is_cut_unsent() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(stream);
        assert!(queue.len() < 64, "the queue does not fill");
    }
    let site = Site::open().await;
    let endpoint = Endpoint { address: Some(address), ..site.endpoint() };
    let client = Client::new(endpoint, ClientBounds { connect: SHORT, ..ClientBounds::default() }).unwrap();
    let error = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(!error.sent && matches!(error.why, Failure::Timeout("connecting")), "{error}");
}

#[tokio::test]
async fn a_stall_in_tls_is_cut_unsent() {
    let site = Site::open().await;
    let client = site.client(ClientBounds { connect: SHORT, ..ClientBounds::default() });
    let server = site.run(async |site| site.listener.accept().await);
    let error = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(!error.sent && matches!(error.why, Failure::Timeout("tls handshake")), "{error}");
    drop(bounded(server).await.unwrap());
}

#[tokio::test]
async fn a_close_before_the_answer_is_perhaps_sent() {
    for octets in [b"".as_slice(), b"HTTP/1.1 200 O"] {
        let error = answered(octets, true, ClientBounds::default()).await.unwrap_err();
        assert!(error.sent && matches!(error.why, Failure::Broken(_)), "{error}");
    }
}

#[tokio::test]
async fn k8_a_wrong_name_gets_nothing() {
    let site = Site::named("example.com").await;
    let client = site.client(ClientBounds::default());
    no_handshake(site, &client).await;
}

#[tokio::test]
async fn k8_an_unknown_ca_gets_nothing() {
    let (site, other) = (Site::open().await, Site::open().await);
    let endpoint = Endpoint { ca_file: other.endpoint().ca_file, ..site.endpoint() };
    let client = Client::new(endpoint, ClientBounds::default()).unwrap();
    no_handshake(site, &client).await;
    let site = Site::open().await;
    if let Ok(client) = Client::new(Endpoint { ca_file: None, ..site.endpoint() }, ClientBounds::default()) {
        no_handshake(site, &client).await;
    }
}

async fn no_handshake(site: Site, client: &Client) {
    let server = site.run(async |site| {
        let (tcp, _) = site.listener.accept().await.unwrap();
        site.acceptor.accept(tcp).await.is_err()
    });
    let error = bounded(client.send(request(client))).await.unwrap_err();
    assert!(!error.sent && matches!(error.why, Failure::Tls(_)), "{error}");
    assert!(bounded(server).await.unwrap());
    assert_eq!(client.stats().tls, 1);
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let server = site.run(async |site| {
        let (mut tcp, _) = site.listener.accept().await.unwrap();
        tcp.write_all(OK).await.unwrap();
        let mut got = Vec::new();
        drop(tcp.read_to_end(&mut got).await);
        got
    });
    let error = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(!error.sent && matches!(error.why, Failure::Tls(_)), "{error}");
    let got = bounded(server).await.unwrap();
    assert!(!got.windows(4).any(|four| four == b"POST"));
}

#[tokio::test]
async fn a_request_for_another_host_is_refused_before_connecting() {
    let site = Site::open().await;
    let client = site.client(ClientBounds::default());
    let mut wrong = request(&client);
    wrong.headers[0].1 = HOST.to_owned();
    let error = bounded(client.send(wrong)).await.unwrap_err();
    assert!(!error.sent && matches!(error.why, Failure::Request(_)), "{error}");
    assert_eq!((client.stats().opened, client.stats().request), (0, 1));
}

#[tokio::test]
async fn authorities_are_written_as_in_a_host_header() {
    let site = Site::open().await;
    let authority = |host: &str, port| {
        let endpoint = Endpoint { host: host.to_owned(), port, ..site.endpoint() };
        Client::new(endpoint, ClientBounds::default()).map(|client| client.authority().to_owned())
    };
    assert_eq!(authority(HOST, 443).unwrap(), HOST);
    assert_eq!(authority(HOST, 8443).unwrap(), format!("{HOST}:8443"));
    assert_eq!(authority("127.0.0.1", 443).unwrap(), "127.0.0.1");
    assert_eq!(authority("::1", 443).unwrap(), "[::1]");
    assert_eq!(authority("[::1]", 8443).unwrap(), "[::1]:8443");
    for host in [
        "",
        "[example.com]",
        "[127.0.0.1]",
        "a b",
        "connect.example.com#",
        "user@example.com",
        "example.com:443",
        "example.com/",
    ] {
        assert!(matches!(authority(host, 443), Err(Unusable::Host(_))), "{host}");
    }
    assert!(matches!(authority(HOST, 0), Err(Unusable::Port)));
}

#[tokio::test]
async fn ca_files_are_read_strictly() {
    let site = Site::open().await;
    let path = site.dir.path().join("other.pem");
    let client = || {
        let endpoint = Endpoint { ca_file: Some(path.clone()), ..site.endpoint() };
        Client::new(endpoint, ClientBounds::default()).map(drop)
    };
    assert!(matches!(client(), Err(Unusable::Trust(TrustFault::CaFile { .. }))));
    for content in ["", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(client(), Err(Unusable::Trust(TrustFault::CaFile { .. }))), "{content}");
    }
    assert!(!client().unwrap_err().to_string().is_empty());
}

#[test]
fn messages_are_plain() {
    let error = ClientError { sent: true, why: Failure::Timeout("waiting for the answer") };
    assert_eq!(error.to_string(), "waiting for the answer took too long (perhaps sent)");
    let error = ClientError { sent: false, why: Failure::Busy };
    assert_eq!(error.to_string(), "too many requests under way (nothing sent)");
}

/// The connection looks idle to hyper, but some of the request still waits to be written.
#[tokio::test]
async fn a_connection_answered_before_the_request_was_written_is_not_kept() {
    let (near, mut far) = tokio::io::duplex(4096);
    let connection = Connection::over(near).await.unwrap();
    // hyper waits for a body to have been written, but not for a head.
    let request = http::Request::get("/").header("x-long", "x".repeat(20_000));
    let request = request.body(http_body_util::Full::default()).unwrap();
    let server = tokio::spawn(async move {
        far.read_u8().await.unwrap();
        far.write_all(b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        far
    });
    let (answer, connection) =
        bounded(connection.exchange(request, Duration::from_secs(10))).await.ok().unwrap();
    assert_eq!(answer.status(), 431);
    assert!(bounded(connection.settle()).await.is_none());
    drop(server.await.unwrap());
}

#[test]
fn nothing_of_a_request_or_an_answer_is_shown() {
    let secret = || "secret".to_owned();
    let outgoing = Outgoing {
        method: "POST",
        target: secret(),
        headers: vec![("x-amz-security-token", secret())],
        body: Bytes::from(secret()),
    };
    let answer = Answer { status: 200, headers: vec![(secret(), secret())], body: Bytes::from(secret()) };
    assert!(!format!("{outgoing:?}{answer:?}").contains("secret"));
}

#[tokio::test]
async fn bounds_beyond_all_bounds_do_not_panic() {
    let site = Site::open().await;
    let far = Duration::MAX;
    let client = site.client(ClientBounds {
        connect: far,
        answer: far,
        idle_body: far,
        pool_idle: far,
        in_flight: usize::MAX,
        ..ClientBounds::default()
    });
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        for _ in 0..2 {
            peer.request().await;
            peer.say(OK).await;
        }
    });
    bounded(client.send(request(&client))).await.unwrap();
    drop(bounded(client.stream(request(&client))).await.unwrap());
    bounded(server).await.unwrap();
}
