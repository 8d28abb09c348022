//! Clients that must have a certificate, and replacing what is in force under load.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::{HandshakeKind, version::TLS12};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::*;

/// An authority of clients.
pub(super) struct Authority(pub(super) CertifiedIssuer<'static, KeyPair>);

/// A client's certificate and key.
pub(super) struct Badge {
    pub(super) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(super) fn fresh() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// An authority of this name, which its revocation lists are found by.
    pub(super) fn called(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(super) fn badge(&self, change: impl FnOnce(&mut CertificateParams)) -> Badge {
        let mut params = CertificateParams::new(["client.example.com".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Badge {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        }
    }

    pub(super) fn tls(&self) -> Tls {
        let (chain, key) = (pair().chain.as_bytes(), pair().key.as_bytes());
        Tls::with_client_ca(chain, key, self.pem().as_bytes(), None, now()).unwrap()
    }
}

impl Badge {
    /// A client of this certificate; it remembers sessions.
    pub(super) fn client(&self) -> ClientConfig {
        self.client_of(
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap(),
        )
    }

    fn client_of(&self, builder: rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>) -> ClientConfig {
        builder
            .with_root_certificates(pair().roots.clone())
            .with_client_auth_cert(vec![self.certificate.clone()], self.key.clone_key())
            .unwrap()
    }
}

/// One request on a connection of its own: how the handshake went, or none when nobody was let in.
pub(super) async fn visit(running: &Running, client: &ClientConfig) -> Option<HandshakeKind> {
    let mut stream = running.connect_as(client.clone(), NAME).await.ok()?;
    stream.write_all(&get_closing("/a")).await.ok()?;
    // In TLS 1.3 a client learns only here that its certificate was refused.
    let (answers, _) = rest(&mut stream).await;
    answers.first().filter(|answer| answer.status == 200)?;
    stream.get_ref().1.handshake_kind()
}

#[tokio::test]
async fn a13_only_clients_of_the_authority_are_let_in() {
    let (ours, other) = (Authority::fresh(), Authority::fresh());
    let running = Running::over(options(), ours.tls());
    assert!(visit(&running, &ours.badge(|_| ()).client()).await.is_some());
    let older = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS12])
        .unwrap();
    assert!(visit(&running, &ours.badge(|_| ()).client_of(older)).await.is_some());
    let refused = [
        ("no certificate", pair().client()),
        ("another authority", other.badge(|_| ()).client()),
        ("expired", ours.badge(|made| made.not_after = date_time_ymd(2020, 1, 1)).client()),
        ("not yet", ours.badge(|made| made.not_before = date_time_ymd(4000, 1, 1)).client()),
        (
            "a server's",
            ours.badge(|made| made.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]).client(),
        ),
    ];
    for (number, (what, client)) in refused.iter().enumerate() {
        assert!(visit(&running, client).await.is_none(), "{what}");
        let failed = u64::try_from(number + 1).unwrap();
        eventually(|| running.counts.stats().handshake_failures == failed).await;
    }
    assert_eq!(running.service.targets(), ["/a", "/a"]);
}

#[tokio::test]
async fn a13_no_session_outlives_the_authority_it_was_made_under() {
    let (old, new) = (Authority::fresh(), Authority::fresh());
    for versions in [rustls::ALL_VERSIONS, &[&TLS12]] {
        let running = Running::over(options(), old.tls());
        let versioned = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap();
        let client = old.badge(|_| ()).client_of(versioned);
        for _ in 0..3 {
            let kind = visit(&running, &client).await;
            assert!(kind.is_some_and(|kind| kind != HandshakeKind::Resumed), "{kind:?}");
        }
        let (chain, key) = (pair().chain.as_bytes(), pair().key.as_bytes());
        running.tls.replace(chain, key, Some(new.pem().as_bytes()), None, now()).unwrap();
        assert!(visit(&running, &client).await.is_none());
        assert!(visit(&running, &new.badge(|_| ()).client()).await.is_some());
    }
}

#[tokio::test]
async fn a_session_is_not_resumed_under_another_certificate() {
    let running = Running::start(options());
    let client = pair().client();
    visit(&running, &client).await.unwrap();
    assert_eq!(visit(&running, &client).await, Some(HandshakeKind::Resumed));
    // The same pair again is another certificate as good as any.
    running.tls.replace(pair().chain.as_bytes(), pair().key.as_bytes(), None, None, now()).unwrap();
    assert!(visit(&running, &client).await.is_some_and(|kind| kind != HandshakeKind::Resumed));
}

#[tokio::test]
async fn k3_what_cannot_be_served_leaves_certificate_and_authority_as_they_are() {
    let authority = Authority::fresh();
    let running = Running::over(options(), authority.tls());
    let client = authority.badge(|_| ()).client();
    let until = running.tls.expires();
    let (ca, next) = (authority.pem(), Pair::fresh());
    let replace = |chain: &str, key: &str, ca: Option<&str>| {
        running.tls.replace(chain.as_bytes(), key.as_bytes(), ca.map(str::as_bytes), None, now()).unwrap_err()
    };
    let expired = Pair::valid((2020, 1, 1), (2021, 1, 1));
    let early = Pair::valid((4000, 1, 1), (4001, 1, 1));
    assert!(matches!(replace(&next.chain, &next.key, None), TlsFault::NoClientCa));
    assert!(matches!(replace(&next.chain, &next.key, Some("")), TlsFault::NoClientCa));
    assert!(matches!(replace(&next.chain, &next.key, Some(&next.key)), TlsFault::NoClientCa));
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert!(matches!(replace(&next.chain, &next.key, Some(broken)), TlsFault::ClientCaPem(_)));
    let none = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(replace(&next.chain, &next.key, Some(&(ca.clone() + none))), TlsFault::ClientCa(_)));
    assert!(matches!(replace(&next.chain, &pair().key, Some(&ca)), TlsFault::Mismatch(_)));
    let why = replace(&expired.chain, &expired.key, Some(&ca));
    assert_eq!(why.to_string(), "the first certificate expired at 2021-01-01T00:00:00Z");
    let why = replace(&early.chain, &early.key, Some(&ca));
    assert_eq!(why.to_string(), "the first certificate is valid from 4000-01-01T00:00:00Z only");
    assert!(visit(&running, &client).await.is_some());
    assert_eq!(running.tls.expires(), until);
    // On start it is a fault.
    let start = |pair: &Pair| Tls::new(pair.chain.as_bytes(), pair.key.as_bytes(), now()).err().unwrap();
    assert!(matches!(start(&expired), TlsFault::Expired { since: 1_609_459_200_000 }));
    assert!(matches!(start(&early), TlsFault::NotYet { .. }));
}

#[test]
fn when_it_ends_is_that_of_the_certificate_in_force() {
    let (first, second) = (Pair::valid((2020, 1, 1), (4000, 1, 1)), Pair::valid((2020, 1, 1), (4001, 1, 1)));
    let tls = first.tls();
    let shared = tls.clone();
    assert_eq!(tls.expires(), 64_060_588_800_000);
    shared.replace(second.chain.as_bytes(), second.key.as_bytes(), None, None, now()).unwrap();
    assert_eq!(tls.expires(), 64_092_211_200_000);
}

/// Handshakes without a pause while certificate, key and authority change a hundred times a second: none fails, because
/// each is made with one of them from its beginning to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k3_a_hundred_replacements_a_second_fail_no_handshake() {
    const REPLACEMENTS: usize = 100;
    let authorities = [Authority::fresh(), Authority::fresh()];
    let both = authorities[0].pem() + &authorities[1].pem();
    let pairs = [Pair::fresh(), Pair::fresh()];
    let mut roots = RootCertStore::empty();
    for pair in &pairs {
        roots.roots.extend(pair.roots.roots.iter().cloned());
    }
    let tls =
        Tls::with_client_ca(pairs[0].chain.as_bytes(), pairs[0].key.as_bytes(), both.as_bytes(), None, now());
    let running = Arc::new(Running::over(options(), tls.unwrap()));
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut visitors = Vec::new();
    for authority in authorities.iter().cycle().take(4) {
        let badge = authority.badge(|_| ());
        let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_client_auth_cert(vec![badge.certificate.clone()], badge.key.clone_key())
            .unwrap();
        let (running, done) = (Arc::clone(&running), Arc::clone(&done));
        visitors.push(tokio::spawn(async move {
            let mut visits = 0;
            while !done.load(Ordering::Relaxed) {
                assert!(visit(&running, &client).await.is_some());
                visits += 1;
            }
            visits
        }));
    }
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    for pair in pairs.iter().cycle().take(REPLACEMENTS) {
        pace.tick().await;
        let (chain, key) = (pair.chain.as_bytes(), pair.key.as_bytes());
        running.tls.replace(chain, key, Some(both.as_bytes()), None, now()).unwrap();
    }
    done.store(true, Ordering::Relaxed);
    for visitor in visitors {
        assert!(visitor.await.unwrap() > 0);
    }
    assert_eq!(running.counts.stats().handshake_failures, 0);
}
