//! Caps, panics, streams, hang-ups and drain.

use tokio::time::sleep;

use super::{super::gated::REST, *};

fn with_caps(change: impl FnOnce(&mut Caps)) -> Running {
    let mut options = options();
    change(&mut options.caps);
    Running::start(options)
}

/// Connects again until there is a seat.
async fn connect_when_free(running: &Running) -> TlsStream<TcpStream> {
    let trying = async {
        loop {
            if let Ok(stream) = running.connect_as(pair().client(), NAME).await {
                return stream;
            }
        }
    };
    timeout(PATIENCE, trying).await.expect("no seat came free")
}

#[tokio::test]
async fn v11_connections_over_the_cap_of_their_source_are_closed_at_once() {
    let running = with_caps(|caps| caps.per_source = 2);
    let first = running.connect().await;
    let mut second = running.connect().await;
    running.connect_as(pair().client(), NAME).await.unwrap_err();
    assert_eq!(running.counts.stats().over_source, 1);
    second.write_all(&get("/a")).await.unwrap();
    assert_eq!(one(&mut second).await.status, 200);
    drop(first);
    connect_when_free(&running).await;
}

#[tokio::test]
async fn a_connection_that_rested_is_served_again() {
    let running = Running::start(options());
    let mut stream = running.connect().await;
    for _ in 0..3 {
        stream.write_all(&post("/a", "", "hello")).await.unwrap();
        assert_eq!(one(&mut stream).await.status, 200);
        sleep(REST * 5).await;
    }
    // In the middle of a head it is not quiet.
    let octets = get("/b");
    let (some, more) = octets.split_at(9);
    stream.write_all(some).await.unwrap();
    sleep(REST * 5).await;
    stream.write_all(more).await.unwrap();
    assert_eq!(one(&mut stream).await.status, 200);
    sleep(REST * 5).await;
    assert_eq!(running.stop().await.cut, 0);
}

#[tokio::test]
async fn what_is_no_tls_ends_a_connection_that_waits() {
    let running = Running::start(options());
    for used in [false, true] {
        let mut stream = running.connect().await;
        if used {
            stream.write_all(&get("/a")).await.unwrap();
            assert_eq!(one(&mut stream).await.status, 200);
            sleep(REST * 5).await;
        }
        let (mut tcp, _tls) = stream.into_inner();
        tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        eventually(|| running.counts.stats().open == 0).await;
    }
}

#[tokio::test]
async fn v11_connections_over_the_cap_of_all_are_closed_at_once() {
    let running = with_caps(|caps| caps.connections = 1);
    let first = running.connect().await;
    running.connect_as(pair().client(), NAME).await.unwrap_err();
    assert_eq!(running.counts.stats().over_total, 1);
    drop(first);
    connect_when_free(&running).await;
}

/// Whoever sends bodies slowly holds a place for each; the others' places stay free.
#[tokio::test]
async fn v11_bodies_of_one_source_leave_places_for_others() {
    let running = with_caps(|caps| (caps.requests, caps.requests_per_source) = (4, 2));
    let octets = post("/a", "", "hello");
    let begun = octets.strip_suffix(b"o").unwrap();
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = running.connect().await;
        stream.write_all(begun).await.unwrap();
        slow.push(stream);
    }
    eventually(|| running.counts.stats().under_way == 2).await;
    let mut third = running.connect().await;
    third.write_all(&octets).await.unwrap();
    one(&mut third).await.assert_error(503, "ServiceUnavailableException");
    assert_eq!(running.counts.stats().overloaded, 1);
    // One of them ends, and there is a place again.
    let mut stream = slow.pop().unwrap();
    stream.write_all(b"o").await.unwrap();
    assert_eq!(one(&mut stream).await.status, 200);
    eventually(|| running.counts.stats().under_way == 1).await;
    let mut fourth = running.connect().await;
    fourth.write_all(&octets).await.unwrap();
    assert_eq!(one(&mut fourth).await.status, 200);
}

#[tokio::test]
async fn requests_over_the_cap_are_answered_503_at_once() {
    let running = with_caps(|caps| (caps.requests, caps.requests_per_source) = (1, 1));
    let mut held = running.connect().await;
    held.write_all(&get("/hang")).await.unwrap();
    running.service.begun.notified().await;
    assert_eq!(running.counts.stats().under_way, 1);

    let mut stream = running.connect().await;
    stream.write_all(&get("/a")).await.unwrap();
    let answer = one(&mut stream).await;
    answer.assert_error(503, "ServiceUnavailableException");
    assert_eq!((answer.field("retry-after"), answer.field("x-amz-retry-after")), (Some("1"), Some("1000")));
    assert_eq!(running.counts.stats().overloaded, 1);
    assert_eq!(running.service.targets(), ["/hang"]);

    running.service.go_on.add_permits(1);
    assert_eq!(one(&mut held).await.body, "went on");
    held.write_all(&get("/b")).await.unwrap();
    assert_eq!(one(&mut held).await.body, "/b 0");
}

#[tokio::test]
async fn k7_a_panic_ends_its_request_only() {
    let running = Running::start(options());
    let mut other = running.connect().await;
    let (answers, _) = running.say(&get("/panic")).await;
    answers[0].assert_last_error(500, "InternalServiceException");
    assert!(!answers[0].body.contains("as asked"));
    other.write_all(&get("/a")).await.unwrap();
    assert_eq!(one(&mut other).await.status, 200);
    let stats = running.counts.stats();
    assert_eq!(stats.panics, 1);
}

#[tokio::test]
async fn a_streamed_answer_is_whole() {
    let running = Running::start(options());
    let (answers, end) = running.say(&get_closing("/stream")).await;
    assert_eq!(end, End::Clean);
    assert_eq!(answers[0].field("transfer-encoding"), Some("chunked"));
    assert!(answers[0].body.ends_with("\r\n0\r\n\r\n"));
    assert_eq!(answers[0].body.matches('x').count(), 3 * 8192);
}

#[tokio::test]
async fn a_streamed_answer_that_breaks_never_looks_whole() {
    let running = Running::start(options());
    let (answers, end) = running.say(&get("/broken")).await;
    assert_eq!(end, End::Cut);
    assert!(answers.iter().all(|answer| !answer.body.ends_with("0\r\n\r\n")));
    running.assert_alive().await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_cancels_nothing() {
    let running = Running::start(options());
    let mut stream = running.connect().await;
    stream.write_all(&get("/hang")).await.unwrap();
    running.service.begun.notified().await;
    drop(stream);
    running.service.go_on.add_permits(1);
    timeout(PATIENCE, running.service.finished.notified()).await.expect("cancelled");
}

#[tokio::test]
async fn drain_lets_requests_end_and_closes_who_is_idle() {
    let running = Running::start(options());
    let mut fresh = running.connect().await;
    let mut idle = running.connect().await;
    idle.write_all(&get("/a")).await.unwrap();
    assert_eq!(one(&mut idle).await.status, 200);
    running.service.begun.notified().await;
    let mut busy = running.connect().await;
    busy.write_all(&get("/hang")).await.unwrap();
    running.service.begun.notified().await;
    assert_eq!(running.counts.stats().open, 3);

    let (service, address) = (Arc::clone(&running.service), running.address);
    let stopping = tokio::spawn(running.stop());
    for stream in [&mut fresh, &mut idle] {
        assert!(rest(stream).await.0.is_empty());
    }
    assert!(TcpStream::connect(address).await.is_err());
    service.go_on.add_permits(1);
    let (answers, end) = rest(&mut busy).await;
    assert_eq!((answers[0].body.as_str(), end), ("went on", End::Clean));
    assert_eq!(answers[0].field("connection"), Some("close"));
    assert_eq!(stopping.await.unwrap(), Drained { ended: 3, cut: 0 });
}

#[tokio::test]
async fn drain_cuts_what_does_not_end_in_time() {
    let mut options = options();
    options.timeouts.drain = Duration::from_millis(100);
    let running = Running::start(options);
    let mut busy = running.connect().await;
    busy.write_all(&get("/hang")).await.unwrap();
    running.service.begun.notified().await;
    assert_eq!(running.stop().await, Drained { ended: 0, cut: 1 });
    let (answers, end) = rest(&mut busy).await;
    assert_eq!((answers.len(), end), (0, End::Cut));
}

#[tokio::test]
async fn a_taken_address_cannot_be_bound() {
    let running = Running::start(options());
    let error = Server::bind(Options::at(running.address), pair().tls()).err().unwrap();
    assert_eq!(error.to_string(), format!("cannot listen on `{}`", running.address));
}

#[tokio::test]
async fn requests_and_connections_are_counted() {
    let running = Running::start(options());
    running.say(&[get("/a"), get_closing("/b")].concat()).await;
    running.say(&get_closing("/refused")).await;
    let stats = running.counts.stats();
    assert_eq!((stats.connections, stats.requests), (2, 3));
}
