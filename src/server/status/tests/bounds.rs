//! How much can be asked, and how often the guard is asked for it.

use tokio::net::TcpSocket;

use super::*;
use crate::server::tests::{get, pair};

#[tokio::test]
async fn everybody_who_asks_at_once_is_answered_by_one_measuring() {
    let running = Running::start(None);
    running.told.measuring.forget_permits(Semaphore::MAX_PERMITS);
    // One who hangs up does not make the next one begin again.
    let mut gone = running.tcp().await;
    gone.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    while running.told.measured.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    drop(gone);
    let asking = (0..20).map(|_| running.get("/metrics"));
    let asking = futures(asking);
    let release = async {
        // Probes do not wait for it.
        assert_eq!(running.get("/livez").await.status, 200);
        running.told.measuring.add_permits(1);
    };
    let (answers, ()) = tokio::join!(asking, release);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(running.told.measured.load(Ordering::SeqCst), 1);
    // After a second it is another one.
    running.told.measuring.add_permits(1);
    while running.told.measured.load(Ordering::SeqCst) == 1 {
        assert_eq!(running.get("/metrics").await.status, 200);
    }
    assert_eq!(running.told.measured.load(Ordering::SeqCst), 2);
}

/// All of them, side by side.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|cx| {
        for (one, done) in &mut all {
            if done.is_none()
                && let std::task::Poll::Ready(output) = one.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if all.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn measuring_that_hangs_or_panics_is_answered_503() {
    let running = Running::start(None);
    running.told.measuring.forget_permits(Semaphore::MAX_PERMITS);
    let answer = running.get("/metrics").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "measuring took too long\n"));
    // A failure is remembered as an answer is.
    assert_eq!(running.get("/metrics").await.status, 503);
    assert_eq!(running.told.measured.load(Ordering::SeqCst), 1);

    let broken = Running::start(None);
    let measurements = broken.told.measurements.lock().unwrap().take();
    let answer = broken.get("/metrics").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "measuring failed\n"));
    *broken.told.measurements.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = measurements;
    broken.told.measurements.clear_poison();
    assert_eq!(broken.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn silent_connections_keep_no_probe_out_and_are_none_for_ever() {
    let running = Running::start(None);
    let mut idle = Vec::new();
    for _ in 0..80 {
        idle.push(running.tcp().await);
    }
    // The oldest have made room.
    assert_eq!(running.get("/livez").await.status, 200);
    let another = TcpSocket::new_v4().unwrap();
    another.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
    let another = another.connect(running.address).await.unwrap();
    assert_eq!(asked(another, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.status, 200);
    // Those that say nothing are cut, and then there is room again.
    for mut silent in idle {
        assert_eq!(timeout(PATIENCE, silent.read(&mut [0; 1])).await.expect("kept open").unwrap_or(0), 0);
    }
    assert_eq!(running.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_head_is_small() {
    let running = Running::start(None);
    let large = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(7 * 1024));
    assert_eq!(running.ask(&large).await.status, 200);
    let mut stream = running.tcp().await;
    let larger = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(9 * 1024));
    let _ = stream.write_all(larger.as_bytes()).await;
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("it hangs");
    assert!(read.is_empty() || read.starts_with(b"HTTP/1.1 431 "), "{}", read.escape_ascii());
    let many = format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: 1\r\n".repeat(64));
    assert_eq!(running.ask(&many).await.status, 431);
}

#[tokio::test]
async fn it_answers_over_tls_when_it_has_a_certificate_and_only_then() {
    let running = Running::start(Some(pair().tls()));
    let connector = tokio_rustls::TlsConnector::from(Arc::new(pair().client()));
    let name = rustls_pki_types::ServerName::try_from("guard.example.com").unwrap();
    let stream = connector.connect(name, running.tcp().await).await.unwrap();
    assert_eq!(asked(stream, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.status, 200);
    let mut plain = running.tcp().await;
    plain.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, plain.read_to_end(&mut read)).await.expect("it hangs");
    assert!(!read.starts_with(b"HTTP"), "{}", read.escape_ascii());
}

#[tokio::test]
async fn g_it_answers_while_a_gateway_listener_has_no_room() {
    let running = Running::start(None);
    let mut options = crate::server::tests::options();
    (options.caps.connections, options.caps.requests) = (1, 1);
    let gateway = crate::server::tests::Running::start(options);
    let mut only = gateway.connect().await;
    only.write_all(&get("/hang")).await.unwrap();
    let mut over = gateway.tcp().await;
    assert_eq!(timeout(PATIENCE, over.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    for path in ["/livez", "/metrics"] {
        assert_eq!(running.get(path).await.status, 200);
    }
}

#[tokio::test]
async fn it_stops_when_told_whoever_is_connected() {
    let running = Running::start(None);
    let _silent = running.tcp().await;
    assert_eq!(running.get("/livez").await.status, 200);
    running.stop.send(()).unwrap();
    timeout(Duration::from_secs(4), running.task).await.expect("it does not stop").unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}
