//! Slow peers: each phase has its time, and nobody else notices.

use super::*;

const SHORT: Duration = Duration::from_millis(500);

fn short(change: impl FnOnce(&mut Timeouts)) -> Running {
    let mut options = options();
    change(&mut options.timeouts);
    Running::start(options)
}

/// Reads a plain stream to its end.
async fn plain_rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut octets = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut octets)).await.expect("the stream hangs");
    octets
}

#[tokio::test]
async fn v11_c22_a_handshake_that_stalls_is_cut() {
    let running = short(|timeouts| timeouts.handshake = SHORT);
    let mut silent = running.tcp().await;
    let mut begun = running.tcp().await;
    begun.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    running.assert_alive().await;
    assert!(plain_rest(&mut silent).await.is_empty());
    assert!(plain_rest(&mut begun).await.is_empty());
    eventually(|| running.counts.stats().handshake_failures == 2).await;
}

#[tokio::test]
async fn c22_a_head_that_stalls_is_answered_408() {
    let running = short(|timeouts| timeouts.head = SHORT);
    let mut stalled = running.connect().await;
    stalled.write_all(b"GET /a HTTP/1.1\r\nHost: gu").await.unwrap();
    running.assert_alive().await;
    let (answers, end) = rest(&mut stalled).await;
    answers[0].assert_last_error(408, "InvalidRequestException");
    assert_eq!((answers.len(), end), (1, End::Clean));
    assert_eq!(running.service.faults(), [ErrorType::RequestTimeout]);
    assert_eq!(running.service.targets(), ["/alive"]);
}

#[tokio::test]
async fn c22_a_head_that_drips_is_answered_408() {
    let running = short(|timeouts| timeouts.head = SHORT);
    let (mut reader, mut writer) = tokio::io::split(running.connect().await);
    let dripping = async {
        writer.write_all(b"GET /a HTTP/1.1\r\n").await.unwrap();
        let mut pace = tokio::time::interval(SHORT / 5);
        loop {
            pace.tick().await;
            if writer.write_all(b"X: 1\r\n").await.is_err() {
                return;
            }
        }
    };
    let mut octets = Vec::new();
    tokio::select! {
        () = dripping => {}
        read = timeout(PATIENCE, reader.read_to_end(&mut octets)) => { read.unwrap().unwrap(); }
    }
    answers(&octets)[0].assert_last_error(408, "InvalidRequestException");
}

#[tokio::test]
async fn c22_a_second_head_has_its_own_time() {
    let running = short(|timeouts| timeouts.head = SHORT);
    let mut stream = running.connect().await;
    stream.write_all(&get("/a")).await.unwrap();
    assert_eq!(one(&mut stream).await.status, 200);
    stream.write_all(b"GET /b").await.unwrap();
    let (answers, _) = rest(&mut stream).await;
    answers[0].assert_last_error(408, "InvalidRequestException");
}

#[tokio::test]
async fn c22_a_body_that_stalls_is_answered_408() {
    let running = short(|timeouts| timeouts.body = SHORT);
    let mut cut = post("/a", "", "hello");
    cut.pop();
    let mut stalled = running.connect().await;
    stalled.write_all(&cut).await.unwrap();
    running.assert_alive().await;
    let (answers, end) = rest(&mut stalled).await;
    answers[0].assert_last_error(408, "InvalidRequestException");
    assert_eq!((answers.len(), end), (1, End::Clean));
    assert_eq!(running.service.targets(), ["/alive"]);
}

#[tokio::test]
async fn c22_who_is_idle_is_closed_without_a_word() {
    let running = short(|timeouts| timeouts.idle = SHORT);
    let mut fresh = running.connect().await;
    let mut used = running.connect().await;
    used.write_all(&get("/a")).await.unwrap();
    assert_eq!(one(&mut used).await.status, 200);
    for stream in [&mut fresh, &mut used] {
        let (answers, end) = rest(stream).await;
        assert_eq!((answers.len(), end), (0, End::Clean));
    }
    assert!(running.service.faults().is_empty());
}

#[tokio::test]
async fn c22_a_request_under_way_is_not_idle() {
    let running = short(|timeouts| timeouts.idle = SHORT);
    let mut stream = running.connect().await;
    stream.write_all(&get("/hang")).await.unwrap();
    running.service.begun.notified().await;
    // An idle one that came later is closed first.
    let mut idle = running.connect().await;
    assert!(rest(&mut idle).await.0.is_empty());
    running.service.go_on.add_permits(1);
    assert_eq!(one(&mut stream).await.body, "went on");
}

#[tokio::test]
async fn c22_a_body_under_way_is_not_idle() {
    let running = short(|timeouts| timeouts.idle = SHORT);
    let (octets, last) = (post("/a", "", "hello"), b"o");
    let mut stream = running.connect().await;
    stream.write_all(octets.strip_suffix(last).unwrap()).await.unwrap();
    let mut idle = running.connect().await;
    assert!(rest(&mut idle).await.0.is_empty());
    stream.write_all(last).await.unwrap();
    assert_eq!(one(&mut stream).await.body, "/a 5");
}

#[tokio::test]
async fn c22_who_does_not_read_is_cut() {
    let running = short(|timeouts| timeouts.write = SHORT);
    let mut stream = running.connect().await;
    stream.write_all(&get("/large")).await.unwrap();
    timeout(PATIENCE, running.service.dropped.notified()).await.expect("never cut");
    let mut octets = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut octets)).await.unwrap();
    assert!(end.is_err(), "a cut answer looks whole");
    assert!(octets.len() < 4096 * 8192);
    running.assert_alive().await;
}

#[tokio::test]
async fn c22_a_body_that_does_not_come_is_told_of() {
    let running = short(|timeouts| timeouts.body = SHORT);
    let unread = || running.service.unread.load(Ordering::Relaxed);
    let octets = post("/a", "", "hello");
    let begun = octets.strip_suffix(b"o").unwrap();
    let mut stalled = running.connect().await;
    stalled.write_all(begun).await.unwrap();
    rest(&mut stalled).await.0[0].assert_last_error(408, "InvalidRequestException");
    assert_eq!(unread(), 1);
    let mut gone = running.connect().await;
    gone.write_all(begun).await.unwrap();
    drop(gone);
    eventually(|| unread() == 2).await;
    let mut whole = running.connect().await;
    whole.write_all(&octets).await.unwrap();
    assert_eq!(one(&mut whole).await.body, "/a 5");
    assert_eq!(unread(), 2);
}
