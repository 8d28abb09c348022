//! TLS: versions, protocols, names, and replacing the certificate.

use rustls::{
    HandshakeKind, ProtocolVersion,
    version::{TLS12, TLS13},
};

use super::*;

#[tokio::test]
async fn a15_plain_http_gets_no_http_back() {
    let running = Running::start(options());
    let mut plain = running.tcp().await;
    plain.write_all(&get("/a")).await.unwrap();
    let mut octets = Vec::new();
    let _ = timeout(PATIENCE, plain.read_to_end(&mut octets)).await.unwrap();
    assert!(!octets.starts_with(b"HTTP"), "{octets:?}");
    assert!(running.service.targets().is_empty());
    eventually(|| running.counts.stats().handshake_failures == 1).await;
}

#[tokio::test]
async fn a15_tls_1_1_is_refused() {
    let running = Running::start(options());
    let mut old = running.tcp().await;
    // A ClientHello of TLS 1.1 (RFC 4346 section 7.4.1.2): one cipher suite, and one signature scheme, without which
    // it would be refused for want of that.
    let mut hello = vec![0x16, 3, 1, 0, 55, 1, 0, 0, 51, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    old.write_all(&hello).await.unwrap();
    let mut octets = Vec::new();
    let _ = timeout(PATIENCE, old.read_to_end(&mut octets)).await.unwrap();
    // One fatal alert: protocol_version.
    assert_eq!((octets[0], &octets[5..]), (0x15, [2, 70].as_slice()));
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_served_and_1_3_with_a_post_quantum_exchange() {
    let running = Running::start(options());
    let stream = running.connect().await;
    let session = stream.get_ref().1;
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(session.negotiated_key_exchange_group().unwrap().name(), rustls::NamedGroup::X25519MLKEM768);

    let older = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(pair().roots.clone())
        .with_no_client_auth();
    let mut stream = running.connect_as(older, NAME).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    stream.write_all(&get("/a")).await.unwrap();
    assert_eq!(one(&mut stream).await.status, 200);
}

#[tokio::test]
async fn the_suite_is_the_guards_choice() {
    let running = Running::start(options());
    for version in [&TLS12, &TLS13] {
        let mut provider = aws_lc_rs::default_provider();
        let strongest =
            provider.cipher_suites.iter().find(|suite| suite.version() == version).unwrap().suite();
        provider.cipher_suites.reverse();
        let client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(pair().roots.clone())
            .with_no_client_auth();
        let stream = running.connect_as(client, NAME).await.unwrap();
        assert_eq!(stream.get_ref().1.negotiated_cipher_suite().unwrap().suite(), strongest);
    }
}

#[tokio::test]
async fn http_1_1_is_the_only_protocol() {
    let running = Running::start(options());
    let offering = |protocols: &[&str]| {
        let mut config = pair().client();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        running.connect_as(config, NAME)
    };
    for refused in [["h2"].as_slice(), &["h2", "http/1.0"], &["h3"]] {
        assert!(offering(refused).await.is_err(), "{refused:?}");
    }
    for served in [[].as_slice(), &["http/1.1"], &["h2", "http/1.1"]] {
        let mut stream = offering(served).await.unwrap();
        let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(agreed, (!served.is_empty()).then(|| b"http/1.1".to_vec()));
        stream.write_all(&get("/a")).await.unwrap();
        assert_eq!(one(&mut stream).await.status, 200);
    }
}

#[tokio::test]
async fn a15_a_name_that_is_not_the_certificates_is_refused_and_no_name_is_served() {
    let running = Running::start(options());
    let unverified = |sni: bool| {
        let mut config = pair().client();
        config.enable_sni = sni;
        config
    };
    let refused = running.connect_as(unverified(true), "other.example.com").await.unwrap_err();
    // The server's alert, not the client's own check of the certificate.
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    let upper = running.connect_as(unverified(true), "GUARD.example.com").await;
    assert!(upper.is_ok());
    let mut stream = running.connect_as(unverified(false), NAME).await.unwrap();
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n").await.unwrap();
    assert_eq!(one(&mut stream).await.status, 200);
}

#[tokio::test]
async fn c17_sessions_are_resumed_without_early_data() {
    let running = Running::start(options());
    let mut config = pair().client();
    config.enable_early_data = true;
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut stream = running.connect_as(config.clone(), NAME).await.unwrap();
        // The tickets come with the first octets.
        stream.write_all(&get_closing("/a")).await.unwrap();
        assert_eq!(rest(&mut stream).await.0[0].status, 200);
        assert!(!stream.get_ref().1.is_early_data_accepted());
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
    }
    assert_ne!(kinds[0], HandshakeKind::Resumed);
    assert_eq!(kinds[1], HandshakeKind::Resumed);
}

#[tokio::test]
async fn k3_a_certificate_is_replaced_for_the_next_handshake_and_an_unfit_one_is_not() {
    let running = Running::start(options());
    let mut open = running.connect().await;
    let next = Pair::fresh();
    let mixed =
        running.tls.replace(next.chain.as_bytes(), pair().key.as_bytes(), None, None, now()).unwrap_err();
    assert!(matches!(mixed, TlsFault::Mismatch(_)), "{mixed:?}");
    running.assert_alive().await;

    running.tls.replace(next.chain.as_bytes(), next.key.as_bytes(), None, None, now()).unwrap();
    assert!(running.connect_as(pair().client(), NAME).await.is_err());
    assert!(running.connect_as(next.client(), NAME).await.is_ok());
    open.write_all(&get("/a")).await.unwrap();
    assert_eq!(one(&mut open).await.status, 200);
}

#[test]
fn k3_what_cannot_be_served_is_told_apart() {
    let (chain, key) = (pair().chain.as_bytes(), pair().key.as_bytes());
    let fault = |chain: &[u8], key: &[u8]| Tls::new(chain, key, now()).err().unwrap();
    assert!(matches!(fault(b"", key), TlsFault::NoCertificate));
    assert!(matches!(fault(key, key), TlsFault::NoCertificate));
    assert!(matches!(
        fault(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", key),
        TlsFault::CertificatePem(_)
    ));
    assert!(matches!(fault(chain, b""), TlsFault::KeyPem));
    assert!(matches!(fault(chain, chain), TlsFault::KeyPem));
    let no_key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(matches!(fault(chain, no_key), TlsFault::Key(_)));
    assert!(matches!(fault(chain, Pair::fresh().key.as_bytes()), TlsFault::Mismatch(_)));
}
