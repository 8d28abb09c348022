//! Framing: every head has one reading or is refused, and no refusal lets anything else through.

use std::fmt::Write as _;

use super::*;

/// Refused by the gate or by the head's reading: name, octets, status.
fn refused() -> Vec<(&'static str, String, u16)> {
    let host = format!("Host: {NAME}\r\n");
    let get = |fields: &str| format!("GET /a HTTP/1.1\r\n{host}{fields}\r\n");
    let post = |fields: &str, body: &str| format!("POST /a HTTP/1.1\r\n{host}{fields}\r\n{body}");
    let line = |line: &str| format!("{line}\r\n{host}\r\n");
    let mut many = String::new();
    for n in 0..101 {
        let _ = write!(many, "X-{n}: 1\r\n");
    }
    vec![
        ("c1 cl and te", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        ("c1 te and cl", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400),
        ("c2 tab", post("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n"), 400),
        ("c2 other coding", post("Transfer-Encoding: xchunked\r\n", ""), 400),
        ("c2 case", post("tRANSFER-eNCODING: CHUNKED\r\n", "0\r\n\r\n"), 400),
        ("c2 identity", post("Transfer-Encoding: identity\r\nContent-Length: 1\r\n", "a"), 400),
        ("c2 gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400),
        ("c2 empty", post("Transfer-Encoding:\r\n", ""), 400),
        ("c2 twice", post("Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        ("c2 space before colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400),
        ("c3 twice", post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"), 400),
        ("c3 twice, unequal", post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"), 400),
        ("c3 list", post("Content-Length: 1, 1\r\n", "a"), 400),
        ("c3 plus", post("Content-Length: +1\r\n", "a"), 400),
        ("c3 minus", post("Content-Length: -1\r\n", "a"), 400),
        ("c3 zero in front", post("Content-Length: 01\r\n", "a"), 400),
        ("c3 hexadecimal", post("Content-Length: 0x1\r\n", "a"), 400),
        ("c3 space within", post("Content-Length: 1 1\r\n", "a"), 400),
        ("c3 empty", post("Content-Length:\r\n", "a"), 400),
        ("c3 over u64", post("Content-Length: 18446744073709551617\r\n", "a"), 400),
        ("c4 te", post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n"), 400),
        ("c5 extension", post("Transfer-Encoding: chunked\r\n", "1;x=y\r\na\r\n0\r\n\r\n"), 400),
        ("c5 trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nAuthorization: x\r\n\r\n"), 400),
        ("c6 bare lf", format!("GET /a HTTP/1.1\nHost: {NAME}\n\n"), 400),
        ("c6 bare lf in fields", get("X: 1\nY: 2\r\n"), 400),
        ("c6 bare cr", get("X: 1\rY: 2\r\n"), 400),
        ("c6 folded", get("X: 1\r\n 2\r\n"), 400),
        ("c6 space before colon", get("X : 1\r\n"), 400),
        ("c6 no colon", get("X\r\n"), 400),
        ("c6 nul", get("X: a\0b\r\n"), 400),
        ("c7 absolute", line("GET http://evil.example.com/a HTTP/1.1"), 400),
        ("c7 absolute, own", line(&format!("GET https://{NAME}/a HTTP/1.1")), 400),
        ("c8 two hosts", get(&host), 400),
        ("c8 two unequal hosts", get("Host: evil.example.com\r\n"), 400),
        ("c8 no host", "GET /a HTTP/1.1\r\n\r\n".into(), 400),
        ("c8 not the handshake's", "GET /a HTTP/1.1\r\nHost: evil.example.com\r\n\r\n".into(), 400),
        ("c8 dot at the end", format!("GET /a HTTP/1.1\r\nHost: {NAME}.\r\n\r\n"), 400),
        (
            "c10 connect",
            "CONNECT evil.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n\r\n".into(),
            405,
        ),
        ("c10 websocket", get("Connection: Upgrade\r\nUpgrade: websocket\r\n"), 400),
        (
            "c10 h2c",
            get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
            400,
        ),
        ("c10 h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 400),
        (
            "c12 target",
            post("X-Amz-Target: AmazonConnect.UpdateUserIdentityInfo\r\nContent-Length: 0\r\n", ""),
            400,
        ),
        ("c14 patch", line("PATCH /a HTTP/1.1"), 405),
        ("c14 lower case", line("post /a HTTP/1.1"), 400),
        ("c14 head", line("HEAD /a HTTP/1.1"), 405),
        ("c14 options", line("OPTIONS /a HTTP/1.1"), 405),
        ("c14 options *", line("OPTIONS * HTTP/1.1"), 405),
        ("c14 trace", line("TRACE /a HTTP/1.1"), 405),
        ("c16 other expectation", post("Expect: 200-maybe\r\nContent-Length: 1\r\n", ""), 400),
        ("c20 headers", get(&many), 431),
        ("c20 head", get(&format!("X: {}\r\n", "x".repeat(64 * 1024))), 431),
        ("c20 target", line(&format!("GET /{} HTTP/1.1", "x".repeat(16 * 1024))), 431),
        ("c23 te", post("Transfer_Encoding: chunked\r\nContent-Length: 0\r\n", ""), 400),
        ("c23 date", get("X_Amz_Date: 20260101T000000Z\r\n"), 400),
        ("c24 latin 1", get("X: \u{e9}\r\n"), 400),
        ("b12 coding", post("Content-Encoding: gzip\r\nContent-Length: 1\r\n", "a"), 415),
        ("version 1.0", "GET /a HTTP/1.0\r\n\r\n".into(), 400),
        ("version 2.0", line("GET /a HTTP/2.0"), 400),
        ("no version", "GET /a\r\n\r\n".into(), 400),
        ("fragment", line("GET /a#b HTTP/1.1"), 400),
        ("backslash", line("GET /a\\b HTTP/1.1"), 400),
        ("two spaces", line("GET  /a HTTP/1.1"), 400),
        ("empty line in front", format!("\r\nGET /a HTTP/1.1\r\n{host}\r\n"), 400),
    ]
}

#[tokio::test]
async fn c1_to_c24_bad_heads_are_refused_in_form_and_the_service_sees_nothing() {
    let running = Running::start(options());
    let refused = refused();
    for (n, (name, octets, status)) in refused.iter().enumerate() {
        // A second request behind it is never answered, nor read as part of anything.
        let mut octets = octets.clone().into_bytes();
        octets.extend(get_closing("/smuggled"));
        let mut stream = running.connect().await;
        stream.write_all(&octets).await.unwrap();
        let (answers, end) = rest(&mut stream).await;
        assert!(answers.first().is_some_and(|answer| answer.status == *status), "{name}: {answers:?}");
        let closing = answers[0].field("connection") == Some("close");
        answers[0].assert_error(*status, "InvalidRequestException");
        assert_eq!(end, End::Clean, "{name}");
        if closing {
            assert_eq!(answers.len(), 1, "{name}: {answers:?}");
            assert_eq!(running.service.targets(), Vec::<String>::new(), "{name}");
        } else {
            // One reading, and a refusal that ends the request only: the next is one of its own.
            assert_eq!(running.service.targets(), ["/smuggled"], "{name}");
            running.service.calls.lock().unwrap().clear();
        }
        assert_eq!(running.service.faults().len(), n + 1, "{name}");
    }
    running.assert_alive().await;
    assert_eq!(running.counts.stats().malformed, refused.len() as u64);
}

#[tokio::test]
async fn every_refusal_says_which_methods_there_are() {
    let running = Running::start(options());
    for octets in
        ["PATCH /a HTTP/1.1\r\nHost: guard.example.com\r\n\r\n", "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"]
    {
        let (answers, _) = running.say(octets.as_bytes()).await;
        answers[0].assert_last_error(405, "InvalidRequestException");
        assert_eq!(answers[0].field("allow"), Some("DELETE, GET, POST, PUT"));
    }
}

#[tokio::test]
async fn c18_pipelined_requests_are_answered_in_order_up_to_the_bad_one() {
    let running = Running::start(options());
    for (good, after) in [(1, 1), (9, 0), (50, 49), (99, 1)] {
        let mut octets = Vec::new();
        for n in 0..good {
            octets.extend(if n % 2 == 0 {
                get(&format!("/{n}"))
            } else {
                post(&format!("/{n}"), "", "hello")
            });
        }
        octets.extend(post("/bad", "Transfer-Encoding: chunked\r\n", ""));
        for n in 0..after {
            octets.extend(get(&format!("/after/{n}")));
        }
        let (answers, end) = running.say(&octets).await;
        assert_eq!(end, End::Clean);
        assert_eq!(answers.len(), good + 1);
        for (n, answer) in answers[..good].iter().enumerate() {
            assert_eq!((answer.status, &answer.body), (200, &format!("/{n} {}", n % 2 * 5)));
        }
        answers[good].assert_last_error(400, "InvalidRequestException");
        assert_eq!(running.service.targets().len(), good);
        running.service.calls.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn c18_a_refusal_does_not_overtake_an_answer_that_takes_its_time() {
    let running = Running::start(options());
    let mut stream = running.connect().await;
    stream.write_all(&[get("/hang"), get("/a#b")].concat()).await.unwrap();
    running.service.begun.notified().await;
    running.service.go_on.add_permits(1);
    let (answers, _) = rest(&mut stream).await;
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].body, "went on");
    answers[1].assert_last_error(400, "InvalidRequestException");
}

#[tokio::test]
async fn c19_after_a_close_nothing_is_read() {
    let running = Running::start(options());
    let (answers, end) = running.say(&[get_closing("/a"), get("/b")].concat()).await;
    assert_eq!((answers.len(), end), (1, End::Clean));
    assert_eq!(answers[0].field("connection"), Some("close"));
    assert_eq!(running.service.targets(), ["/a"]);
}

#[tokio::test]
async fn c19_who_has_finished_sending_is_answered_and_who_has_not_is_not() {
    let running = Running::start(options());
    let running = &running;
    let half = |octets: Vec<u8>| async move {
        let mut stream = running.connect().await;
        stream.write_all(&octets).await.unwrap();
        stream.shutdown().await.unwrap();
        rest(&mut stream).await.0
    };
    assert_eq!(half(get("/a")).await[0].status, 200);
    assert!(half(b"GET /b HTTP/1.1\r\nHost: guard".to_vec()).await.is_empty());
    let mut cut = post("/c", "", "hello");
    cut.pop();
    half(cut).await[0].assert_last_error(400, "InvalidRequestException");
    assert_eq!(running.service.targets(), ["/a"]);
}

#[tokio::test]
async fn octet_by_octet_makes_no_difference() {
    let running = Running::start(options());
    let mut stream = running.connect().await;
    let octets = [post("/a", "", "hello"), get("/b"), get("/c#d")].concat();
    for octet in octets {
        stream.write_all(&[octet]).await.unwrap();
        stream.flush().await.unwrap();
    }
    let (answers, _) = rest(&mut stream).await;
    assert_eq!(answers.len(), 3);
    assert_eq!((answers[0].body.as_str(), answers[1].body.as_str()), ("/a 5", "/b 0"));
    answers[2].assert_last_error(400, "InvalidRequestException");
}

#[tokio::test]
async fn the_target_and_the_body_reach_the_service_as_they_came() {
    let running = Running::start(options());
    for target in ["/", "/users/a-B_c~1/%C3%A9%20", "/a?b=%2B&c", "/a?b=c%3Ad%40e&f="] {
        let (answers, _) = running.say(&get_closing(target)).await;
        assert_eq!(answers[0].status, 200, "{target}: {answers:?}");
        assert_eq!(running.service.targets().pop().unwrap(), target);
    }
    let body = "{\"a\": \"\u{e9}\"}";
    let mut stream = running.connect().await;
    stream.write_all(&post("/a", "User-Agent: a\tb\r\nX-Amz-Date:  1  \r\n", body)).await.unwrap();
    let answer = one(&mut stream).await;
    let call = running.service.calls.lock().unwrap().pop().unwrap();
    assert_eq!(call.body, body);
    assert_eq!(call.head.headers.occurs("x-amz-date"), Occurs::One("1"));
    assert_eq!(call.head.origin.user_agent.as_deref(), Some("a?b"));
    assert!(call.head.origin.source.is_loopback());
    assert_eq!(answer.field("x-amzn-requestid"), Some(call.head.origin.request_id.as_str()));
    assert!(answer.field("date").is_some());
}

#[tokio::test]
async fn a_host_with_its_port_is_the_handshakes() {
    let running = Running::start(options());
    let octets = "GET /a HTTP/1.1\r\nHost: GUARD.example.com:8443\r\nConnection: close\r\n\r\n";
    assert_eq!(running.say(octets.as_bytes()).await.0[0].status, 200);
}

#[tokio::test]
async fn b11_a_body_of_the_bound_passes_and_one_more_octet_does_not() {
    let running = Running::start(options());
    for octets in [0, 1, MOST - 1, MOST] {
        let (answers, _) = running.say(&post("/a", "Connection: close\r\n", &"x".repeat(octets))).await;
        assert_eq!(answers[0].body, format!("/a {octets}"));
    }
    running.service.calls.lock().unwrap().clear();
    let (answers, end) = running.say(&post("/a", "", &"x".repeat(MOST + 1))).await;
    answers[0].assert_last_error(413, "InvalidRequestException");
    assert_eq!((answers.len(), end), (1, End::Clean));
    assert!(running.service.targets().is_empty());
    assert_eq!(running.service.faults(), [ErrorType::ContentTooLarge]);
}

#[tokio::test]
async fn b11_a_large_body_is_refused_before_any_of_it_is_sent_and_while_it_is() {
    let running = Running::start(options());
    let head = format!("POST /a HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 104857600\r\n\r\n");
    let (answers, _) = running.say(head.as_bytes()).await;
    answers[0].assert_last_error(413, "InvalidRequestException");
    // Somebody who sends on regardless is not cut off before he has seen the answer.
    for refused in [head.as_str(), "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"] {
        let mut stream = running.connect().await;
        stream.write_all(refused.as_bytes()).await.unwrap();
        assert_eq!(one(&mut stream).await.field("connection"), Some("close"));
        for _ in 0..64 {
            stream.write_all(&[b'x'; 16 * 1024]).await.unwrap();
            stream.flush().await.unwrap();
        }
        assert_eq!(rest(&mut stream).await.1, End::Clean);
    }
    assert!(running.service.targets().is_empty());
}

#[tokio::test]
async fn c16_nobody_who_is_refused_by_the_head_is_told_to_continue() {
    let running = Running::start(options());
    let expect = |target: &str, length: usize| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: {NAME}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let (answers, _) = running.say(expect("/refused", 5).as_bytes()).await;
    assert_eq!(answers.len(), 1);
    answers[0].assert_last_error(403, "AccessDeniedException");
    let (answers, _) = running.say(expect("/a", MOST + 1).as_bytes()).await;
    assert_eq!(answers.len(), 1);
    answers[0].assert_last_error(413, "InvalidRequestException");
    assert!(running.service.targets().is_empty());

    let mut stream = running.connect().await;
    stream.write_all(expect("/a", 5).as_bytes()).await.unwrap();
    assert_eq!(one(&mut stream).await.status, 100);
    stream.write_all(b"hello").await.unwrap();
    assert_eq!(one(&mut stream).await.body, "/a 5");
}

#[tokio::test]
async fn a_refusal_without_a_body_keeps_the_connection_and_one_with_a_body_ends_it() {
    let running = Running::start(options());
    let mut stream = running.connect().await;
    stream.write_all(&get("/refused")).await.unwrap();
    let answer = one(&mut stream).await;
    answer.assert_error(403, "AccessDeniedException");
    assert_eq!(answer.field("connection"), None);
    stream.write_all(&[post("/refused", "", "GET /a HTTP/1.1\r\n\r\n"), get("/b")].concat()).await.unwrap();
    let (answers, _) = rest(&mut stream).await;
    assert_eq!(answers.len(), 1);
    answers[0].assert_last_error(403, "AccessDeniedException");
    assert!(running.service.targets().is_empty());
}

/// What the gate lets through, hyper must understand: its own refusals are not in the contract's form.
#[tokio::test]
async fn c20_what_the_gate_lets_through_is_answered_in_form() {
    let running = Running::start(options());
    let (answers, _) = running.say(&get_closing("/-._~%21!$&'()*+,;=:@/?[]/%zz")).await;
    answers[0].assert_error(400, "InvalidRequestException");
    let (answers, _) = running.say(&get_closing(&format!("/{}", "x".repeat(8 * 1024 - 1)))).await;
    assert_eq!(answers[0].status, 200);

    // Exactly as many lines and octets as there may be.
    let mut head = format!("GET /a HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n");
    for n in 0..97 {
        let _ = write!(head, "X-{n}: 1\r\n");
    }
    let left = 32 * 1024 - head.len() - "X: \r\n\r\n".len();
    let _ = write!(head, "X: {}\r\n\r\n", "x".repeat(left));
    assert_eq!(head.len(), 32 * 1024);
    assert_eq!(running.say(head.as_bytes()).await.0[0].status, 200);
    let one_more = head.replacen("X: ", "X: x", 1);
    running.say(one_more.as_bytes()).await.0[0].assert_last_error(431, "InvalidRequestException");
}
