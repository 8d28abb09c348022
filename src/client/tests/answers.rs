//! Answers that stall, lie, or do not end.

use super::*;

async fn refused(octets: &'static [u8]) {
    let bounds = ClientBounds { body: 8, ..ClientBounds::default() };
    let error = answered(octets, false, bounds).await.unwrap_err();
    assert!(error.sent, "{error}");
    assert!(matches!(error.why, Failure::Answer(_)), "{error}");
}

async fn cut_short(octets: &'static [u8]) {
    let error = answered(octets, true, ClientBounds::default()).await.unwrap_err();
    assert!(error.sent, "{error}");
    assert!(matches!(error.why, Failure::Answer(_)), "{error}");
}

#[tokio::test]
async fn a_stall_before_the_answer_is_cut() {
    let error =
        answered(b"", false, ClientBounds { answer: SHORT, ..ClientBounds::default() }).await.unwrap_err();
    assert!(error.sent && matches!(error.why, Failure::Timeout("waiting for the answer")), "{error}");
}

#[tokio::test]
async fn a_stall_within_the_head_is_cut() {
    let bounds = ClientBounds { answer: SHORT, ..ClientBounds::default() };
    let error = answered(b"HTTP/1.1 200 OK\r\nContent-Le", false, bounds).await.unwrap_err();
    assert!(error.sent && matches!(error.why, Failure::Timeout("waiting for the answer")), "{error}");
}

#[tokio::test]
async fn a_stall_within_the_body_is_cut() {
    let bounds = ClientBounds { idle_body: SHORT, ..ClientBounds::default() };
    let error = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", false, bounds).await.unwrap_err();
    assert!(error.sent && matches!(error.why, Failure::Timeout("reading the answer's body")), "{error}");
}

#[tokio::test]
async fn a_trickle_is_cut() {
    let site = Site::open().await;
    let client = site.client(ClientBounds { idle_body: SHORT, ..ClientBounds::default() });
    let server = site.run(async |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
        let mut tick = tokio::time::interval(SHORT / 8);
        while peer.0.write_all(b"x").await.is_ok() && peer.0.flush().await.is_ok() {
            tick.tick().await;
        }
    });
    let error = bounded(client.send(request(&client))).await.unwrap_err();
    assert!(error.sent && matches!(error.why, Failure::Timeout("reading the answer's body")), "{error}");
    bounded(server).await.unwrap();
}

#[tokio::test]
async fn c26_answers_without_one_reading_are_refused() {
    refused(b"220 mail.example.com ESMTP\r\n").await;
    refused(b"\x00\x01\x02\x03\r\n\r\n").await;
    refused(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    refused(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    )
    .await;
    refused(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok").await;
    refused(b"HTTP/1.1 200 OK\r\n\r\nok").await;
    refused(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").await;
    refused(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn c26_a_flood_of_interim_answers_is_refused() {
    const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    // At once and with an answer at its end, so that the head itself would be fine; and for ever.
    let mut once = INTERIM.repeat(5);
    once.extend_from_slice(OK);
    refused(once.leak()).await;
    refused(INTERIM.repeat(100_000).leak()).await;
    refused(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
}

#[tokio::test]
async fn a_few_interim_answers_are_skipped() {
    let octets = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(answered(octets, false, ClientBounds::default()).await.unwrap().status, 200);
}

#[tokio::test]
async fn heads_have_bounds() {
    let lines = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "a: b\r\n".repeat(101));
    refused(lines.into_bytes().leak()).await;
    let long = format!("HTTP/1.1 200 OK\r\na: {}\r\nContent-Length: 0\r\n\r\n", "b".repeat(40_000));
    refused(long.into_bytes().leak()).await;
    let endless = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(1_000_000));
    refused(endless.into_bytes().leak()).await;
}

#[tokio::test]
async fn bodies_have_a_bound() {
    refused(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789").await;
    refused(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n")
        .await;
    refused(b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n").await;
    let bounds = ClientBounds { body: 8, ..ClientBounds::default() };
    let whole =
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678", false, bounds).await.unwrap();
    assert_eq!(whole.body.len(), 8);
}

#[tokio::test]
async fn bodies_cut_short_are_refused() {
    cut_short(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345678").await;
    cut_short(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123").await;
    cut_short(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n").await;
    cut_short(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n").await;
}

#[tokio::test]
async fn c27_a_redirect_is_an_answer() {
    let octets =
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n";
    let answer = answered(octets, false, ClientBounds::default()).await.unwrap();
    assert_eq!(answer.status, 307);
    assert!(answer.headers.contains(&("location".to_owned(), "https://example.com/".to_owned())));
}
