//! Behind a balancer: who connects is whom its header names, and nobody connects without one.

use std::net::IpAddr;

use super::*;
use crate::server::proxy::headers::{field, from, header, local};

const FROM: [u8; 4] = [198, 51, 100, 7];
const BALANCER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn behind(networks: &[&str], change: impl FnOnce(&mut Options)) -> Running {
    let mut options = options();
    let from = networks.iter().map(|network| network.parse().unwrap()).collect();
    options.proxy = Some(ProxyProtocol { from });
    change(&mut options);
    Running::start(options)
}

fn balanced() -> Running {
    behind(&["192.0.2.0/24", "127.0.0.0/8"], |_| ())
}

/// A handshake behind these octets.
async fn connect(running: &Running, octets: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut stream = running.tcp().await;
    stream.write_all(octets).await?;
    let name = ServerName::try_from(NAME).unwrap();
    let connecting = TlsConnector::from(Arc::new(pair().client())).connect(name, stream);
    timeout(PATIENCE, connecting).await.unwrap()
}

/// Writes these octets and nothing more; whatever comes back is no answer.
async fn is_cut(running: &Running, octets: &[u8]) {
    let mut stream = running.tcp().await;
    // It may be closed before all of it is written.
    let _ = stream.write_all(octets).await;
    let mut back = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut back)).await.expect("it is kept open");
    assert!(back.is_empty(), "{}", back.escape_ascii());
}

fn sources(running: &Running) -> Vec<IpAddr> {
    running.service.calls.lock().unwrap().iter().map(|call| call.head.origin.source).collect()
}

#[tokio::test]
async fn the_source_is_whom_the_header_names() {
    let running = balanced();
    let v6: IpAddr = "2001:db8::7".parse().unwrap();
    let fields = [field(0xea, b"vpce-0"), field(0x04, &[0; 100])].concat();
    for octets in [from(FROM.into(), &[]), from(v6, &fields), local()] {
        let mut stream = connect(&running, &octets).await.unwrap();
        stream.write_all(&get_closing("/a")).await.unwrap();
        assert_eq!(rest(&mut stream).await.0[0].status, 200);
    }
    assert_eq!(sources(&running), [FROM.into(), v6, BALANCER]);
    assert_eq!(running.counts.stats().proxy_refused, 0);
}

#[tokio::test]
async fn a_header_in_pieces_and_with_the_handshake_in_one_piece_is_read() {
    let running = balanced();
    let octets = from(FROM.into(), &field(0x04, &[0; 4000]));
    let mut stream = running.tcp().await;
    for piece in octets.chunks(11) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let name = ServerName::try_from(NAME).unwrap();
    let mut stream =
        TlsConnector::from(Arc::new(pair().client())).connect(name.clone(), stream).await.unwrap();
    stream.write_all(&get_closing("/a")).await.unwrap();
    assert_eq!(rest(&mut stream).await.0[0].status, 200);
    // The first octets of TLS in the same segment are not swallowed.
    let mut client = rustls::ClientConnection::new(Arc::new(pair().client()), name).unwrap();
    let mut together = from(FROM.into(), &[]);
    client.write_tls(&mut together).unwrap();
    let mut stream = running.tcp().await;
    stream.write_all(&together).await.unwrap();
    // A handshake record.
    assert_eq!(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap(), 0x16);
    assert_eq!(sources(&running), [IpAddr::from(FROM)]);
}

#[tokio::test]
async fn what_is_no_header_is_closed_without_a_word() {
    let running = balanced();
    let unix = header(1, 0x31, &[7; 216]);
    let flood: Vec<u8> = (0..2000).flat_map(|_| field(0x04, &[])).collect();
    let rows: [(&str, Vec<u8>); 7] = [
        ("version 1", b"PROXY TCP4 198.51.100.7 192.0.2.9 49153 443\r\n".to_vec()),
        ("unix", unix),
        ("unspecified", header(1, 0, &[])),
        ("a flood of fields", from(FROM.into(), &flood)),
        ("oversize", from(FROM.into(), &field(0x04, &vec![0; 60_000]))),
        ("a field cut off", from(FROM.into(), &[4, 0, 9, 1])),
        ("HTTP", get("/a")),
    ];
    for (number, (what, octets)) in rows.iter().enumerate() {
        is_cut(&running, octets).await;
        let refused = u64::try_from(number + 1).unwrap();
        eventually(|| running.counts.stats().proxy_refused == refused).await;
        assert!(running.service.targets().is_empty(), "{what}");
    }
    assert!(connect(&running, b"").await.is_err(), "TLS without a header");
    assert!(connect(&running, &local()).await.is_ok());
}

#[tokio::test]
async fn a_second_header_is_no_tls() {
    let running = balanced();
    let twice = [from(FROM.into(), &[]), from([203, 0, 113, 1].into(), &[])].concat();
    assert!(connect(&running, &twice).await.is_err());
    eventually(|| running.counts.stats().handshake_failures == 1).await;
    assert!(running.service.targets().is_empty());
}

#[tokio::test]
async fn a_header_that_does_not_come_or_drips_has_the_time_of_the_handshake() {
    let running = behind(&["127.0.0.1/32"], |options| {
        options.timeouts.handshake = Duration::from_millis(300);
    });
    let whole = from(FROM.into(), &[]);
    let mut dripping = running.tcp().await;
    let drip = async {
        let mut pace = tokio::time::interval(Duration::from_millis(100));
        for octet in &whole {
            pace.tick().await;
            if dripping.write_all(&[*octet]).await.is_err() {
                break;
            }
        }
        let mut back = Vec::new();
        let _ = timeout(PATIENCE, dripping.read_to_end(&mut back)).await.expect("it is kept open");
    };
    let silent = is_cut(&running, &[]);
    let half = is_cut(&running, &whole[..20]);
    tokio::join!(drip, silent, half);
    eventually(|| running.counts.stats().handshake_failures == 3).await;
    // The end of the stream is noticed before the time is over.
    let mut truncated = running.tcp().await;
    truncated.write_all(&whole[..20]).await.unwrap();
    drop(truncated);
    eventually(|| running.counts.stats().proxy_refused == 1).await;
}

#[tokio::test]
async fn nobody_else_may_say_who_connects() {
    let running = behind(&["192.0.2.0/24", "2001:db8::/32"], |_| ());
    assert!(connect(&running, &from(FROM.into(), &[])).await.is_err());
    assert!(connect(&running, b"").await.is_err());
    eventually(|| running.counts.stats().proxy_refused == 2).await;
    assert_eq!(running.counts.stats().connections, 0);
}

#[tokio::test]
async fn without_the_setting_a_header_is_no_tls() {
    let running = Running::start(options());
    assert!(connect(&running, &from(FROM.into(), &[])).await.is_err());
    eventually(|| running.counts.stats().handshake_failures == 1).await;
    running.assert_alive().await;
}

#[tokio::test]
async fn v11_seats_are_those_of_the_source_behind_the_balancer() {
    let running = behind(&["127.0.0.1/32"], |options| {
        options.caps.per_source = 2;
        options.caps.connections = 5;
    });
    let one = from(FROM.into(), &[]);
    let held = [connect(&running, &one).await.unwrap(), connect(&running, &one).await.unwrap()];
    assert!(connect(&running, &one).await.is_err());
    eventually(|| running.counts.stats().over_source == 1).await;
    let other = connect(&running, &from([203, 0, 113, 1].into(), &[])).await.unwrap();
    // Before its header a connection has a seat among all, and is none of the balancer's own.
    let silent = [running.tcp().await, running.tcp().await];
    eventually(|| running.counts.stats().open == 5).await;
    assert!(connect(&running, &local()).await.is_err());
    eventually(|| running.counts.stats().over_total == 1).await;
    drop((held, other, silent));
    eventually(|| running.counts.stats().open == 0).await;
    assert!(connect(&running, &one).await.is_ok());
}
