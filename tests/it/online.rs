//! `config check --online` and `relay --check` against what is embedded: what holds, and each thing that does not.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use connect_guard::demo::{
    certificates::{Authority, Issued},
    connect::{Credential, Door},
    stage::{Setting, Stage},
    sts::Identity,
};
use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::running::{Running, program, rewrite};

const OWN: &str = "arn:aws:iam::111122223333:user/connect-guard";
const ROLE: &str = "arn:aws:iam::111122223333:role/connect-guard";
/// What leads to the embedded STS.
const STS: &str = "sts_address = \"STS\"\nsts_ca_file = \"tls/sts-ca.pem\"\nconnect_timeout = \"1s\"\n";

/// The guard itself, as AWS knows it.
fn own() -> Identity {
    let credential = Credential {
        access_key_id: "AKIDEXAMPLE".into(),
        secret: "SECRETEXAMPLE".into(),
        session_token: None,
    };
    Identity { credential, arn: OWN.into(), user_id: "AIDACKCEVSQ6C2EXAMPLE".into() }
}

/// A stage on which everything holds, with this besides in `[[upstream]]`.
async fn stage(upstream: &str) -> (Stage, TempDir) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let setting = Setting {
        upstream: format!("{STS}{upstream}"),
        gateway: "hosts = [\"localhost\"]\nclient_ca = \"tls/clients-ca.pem\"\n".into(),
        identities: vec![own()],
        session: String::new(),
        ..Setting::default()
    };
    let stage = Stage::set(setting, folder.path()).await.unwrap();
    let sts = stage.sts.address().to_string();
    rewrite(&stage, "\"STS\"", &format!("\"{sts}\""));
    rewrite(
        &stage,
        "kind        = \"session\"\n",
        "kind        = \"session\"\nhosts = [\"localhost:8444\"]\n",
    );
    (stage, folder)
}

fn checking(stage: &Stage, more: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(["config", "check", "--online", "--trust"])
        .arg(stage.folder.join("tls/ca.pem"))
        .arg("--config")
        .arg(stage.config())
        .args(more)
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// What came of each trial: its name, and the rest of its line.
struct Checked {
    code: Option<i32>,
    lines: BTreeMap<String, String>,
    words: String,
}

impl Checked {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut lines = BTreeMap::new();
        for line in text(&output.stdout).lines() {
            let states = [": holds: ", ": warning: ", ": fails: "];
            let at = states.iter().find_map(|state| line.find(state)).unwrap_or_else(|| panic!("{line}"));
            lines.entry(line[..at].to_owned()).or_insert_with(String::new).push_str(&line[at + 2..]);
        }
        Self { code: output.status.code(), lines, words: text(&output.stderr) }
    }

    /// The one trial whose name begins so.
    fn line(&self, name: &str) -> &str {
        let mut found = self.lines.iter().filter(|(own, _)| own.starts_with(name));
        let (_, line) = found.next().unwrap_or_else(|| panic!("no {name}: {:#?}", self.lines));
        assert!(found.next().is_none(), "{name} is not one: {:#?}", self.lines);
        line
    }

    /// The names of those that do not hold.
    fn failing(&self) -> Vec<&str> {
        let fails = self.lines.iter().filter(|(_, line)| line.contains("fails: "));
        fails.map(|(name, _)| name.as_str()).collect()
    }
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn checked(stage: &Stage) -> Checked {
    Checked::of(&output(checking(stage, &["--format", "plain"])).await)
}

/// Everything but this holds, and this is why it does not and what to do.
#[track_caller]
fn fails(checked: &Checked, name: &str, said: &str) {
    let failing = checked.failing();
    assert!(failing.len() == 1 && failing[0].starts_with(name), "{:#?}\n{}", checked.lines, checked.words);
    assert_eq!(checked.code, Some(1), "{}", checked.words);
    let line = checked.line(failing[0]);
    assert!(line.starts_with("fails: ") && line.contains(said) && line.contains(" (hint: "), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_named_is_tried_and_nothing_is_changed() {
    let (stage, folder) = stage("").await;
    let checked = checked(&stage).await;
    assert_eq!((checked.code, checked.failing()), (Some(0), vec![]), "{:#?}", checked.lines);
    for (name, said) in [
        ("certificate gateway 127.0.0.1:0", "holds: for localhost, 127.0.0.1; 1 in the chain; until "),
        ("certificate session 127.0.0.1:0", "holds: for localhost, 127.0.0.1; 1 in the chain; until "),
        ("client-ca gateway 127.0.0.1:0", "holds: 1 until "),
        ("endpoint stage", "holds: localhost answers ("),
        ("credentials stage", &format!("holds: {OWN}")),
        ("session-sts us-east-1", "holds: STS of us-east-1 answers ("),
        ("clock", "holds: "),
        ("store", "holds: there are no tables yet"),
        ("mail", "holds: localhost takes the login over TLS"),
    ] {
        assert!(checked.line(name).starts_with(said), "{name}: {}", checked.line(name));
    }
    assert_eq!(checked.lines.len(), 9, "{:#?}", checked.lines);
    assert!(checked.words.ends_with("9 of 9 trials hold\n"), "{}", checked.words);
    assert!(!folder.path().join("ledger.db").exists());
    assert!(stage.mailbox.letters().is_empty() && stage.connect.updates().is_empty());
    let asked: Vec<String> = stage.sts.asked().into_iter().map(|one| one.action).collect();
    assert!(asked.iter().all(|action| action.is_empty() || action == "GetCallerIdentity"), "{asked:?}");

    // One line for each, as JSON; and no secret in any form.
    for form in ["human", "plain", "json"] {
        let output = output(checking(&stage, &["--format", form])).await;
        let said = String::from_utf8([output.stdout.clone(), output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{said}");
        for secret in ["SECRETEXAMPLE", "a password of the demo"] {
            assert!(!said.contains(secret), "{form}: {said}");
        }
        if form == "json" {
            let text = String::from_utf8(output.stdout).unwrap();
            let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            let faults: serde_json::Value = lines.next().unwrap();
            assert_eq!(faults, serde_json::json!([]));
            let trials: Vec<serde_json::Value> = lines.collect();
            assert_eq!(trials.len(), 9);
            let of_credentials = trials.iter().find(|one| one["trial"] == "credentials").unwrap();
            let expected = serde_json::json!({
                "trial": "credentials", "of": "stage", "state": "holds", "said": OWN, "hint": null
            });
            assert_eq!(*of_credentials, expected);
        }
    }
}

/// An authority, an intermediate one below it, and a certificate of that for this machine.
struct Chain {
    root: String,
    intermediate: String,
    certificate: String,
    key: String,
}

impl Chain {
    fn ending_in(year: i32) -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params
        };
        let key = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(authority("root"), key()).unwrap();
        let intermediate = CertifiedIssuer::signed_by(authority("intermediate"), key(), &root).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let own = key();
        let certificate = params.signed_by(&own, &intermediate).unwrap();
        Self {
            root: root.pem(),
            intermediate: intermediate.pem(),
            certificate: certificate.pem(),
            key: own.serialize_pem(),
        }
    }

    /// Served by all listeners, and trusted from the root.
    fn serve(&self, stage: &Stage, files: &[&str]) {
        let tls = stage.folder.join("tls");
        fs::write(tls.join("guard.pem"), files.concat()).unwrap();
        fs::write(tls.join("guard.key"), &self.key).unwrap();
        fs::write(tls.join("ca.pem"), &self.root).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_whole_and_in_order() {
    let (stage, _folder) = stage("").await;
    // One listener is enough.
    let text = fs::read_to_string(stage.config()).unwrap();
    let (before, session) = text.split_once("[[listen]]\nkind        = \"session\"").unwrap();
    let (_, after) = session.split_once("\n[session]").unwrap();
    fs::write(stage.config(), format!("{before}[session]{after}")).unwrap();
    let chain = Chain::ending_in(4000);
    let Chain { root, intermediate, certificate, .. } = &chain;

    chain.serve(&stage, &[certificate, intermediate]);
    let whole = checked(&stage).await;
    assert_eq!(whole.code, Some(0), "{:#?}", whole.lines);
    assert!(whole.line("certificate").contains("2 in the chain"), "{:#?}", whole.lines);
    chain.serve(&stage, &[certificate, intermediate, root]);
    assert_eq!(checked(&stage).await.code, Some(0));

    chain.serve(&stage, &[certificate]);
    let missing = checked(&stage).await;
    fails(
        &missing,
        "certificate gateway",
        "nobody that is trusted issued the last certificate: its issuer is `CN=intermediate",
    );
    chain.serve(&stage, &[certificate, root, intermediate]);
    fails(&checked(&stage).await, "certificate gateway", "stands where that of `CN=intermediate");

    // Nobody is trusted who was not named.
    chain.serve(&stage, &[certificate, intermediate]);
    fs::write(stage.folder.join("tls/ca.pem"), Authority::new("another").unwrap().pem()).unwrap();
    fails(&checked(&stage).await, "certificate gateway", "nobody that is trusted issued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ended_keeps_nothing_else_from_being_tried() {
    let (stage, _folder) = stage("").await;
    let ended = Chain::ending_in(2025);
    ended.serve(&stage, &[&ended.certificate, &ended.intermediate]);
    let checked = checked(&stage).await;
    assert_eq!(checked.code, Some(3), "{}", checked.words);
    assert!(
        checked.line("certificate gateway").contains("fails: the first certificate expired at 2025-01-01")
    );
    assert!(checked.line("certificate session").contains("fails: the first certificate expired"));
    assert!(checked.line("mail").starts_with("holds: ") && checked.line("endpoint").starts_with("holds: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_for_every_name_and_clients_are_let_in() {
    let (stage, _folder) = stage("").await;
    rewrite(&stage, "hosts = [\"localhost\"]", "hosts = [\"localhost\", \"guard.example.com:8443\"]");
    fails(&checked(&stage).await, "certificate gateway", "the certificate is not for `guard.example.com`");
    rewrite(&stage, ", \"guard.example.com:8443\"]", "]\ncrl_file = \"tls/clients.crl\"");
    let list = |authority: &Authority| {
        let stranger: &Issued = &authority.issue_client("stranger", None).unwrap();
        fs::write(stage.folder.join("tls/clients.crl"), authority.revoke(&[stranger]).unwrap()).unwrap();
    };
    list(&stage.clients);
    let checked_now = checked(&stage).await;
    assert!(
        checked_now.line("client-ca").contains("revocation lists until 4000-01-01"),
        "{:#?}",
        checked_now.lines
    );
    list(&Authority::new("somebody else").unwrap());
    fails(
        &checked(&stage).await,
        "client-ca gateway",
        "there is no revocation list of `CN=connect-guard stage's clients",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_had_and_are_of_the_account() {
    let (stage, _folder) = stage(&format!("role = \"{ROLE}\"\nordinary_role = \"{ROLE}-ordinary\"\n")).await;
    let both = checked(&stage).await;
    assert_eq!(both.code, Some(0), "{:#?}", both.lines);
    assert_eq!(both.line("credentials stage"), format!("holds: {OWN}"));
    let session = "arn:aws:sts::111122223333:assumed-role/connect-guard";
    assert_eq!(both.line("role stage"), format!("holds: {session}/connect-guard"));
    assert_eq!(both.line("ordinary-role stage"), format!("holds: {session}-ordinary/connect-guard"));
    assert!(both.line("sts stage").starts_with("holds: sts.us-east-1.amazonaws.com answers ("));

    let mut stranger = checking(&stage, &["--format", "plain"]);
    stranger.env("AWS_ACCESS_KEY_ID", "AKIDSTRANGER");
    let refused = Checked::of(&output(stranger).await);
    assert_eq!(
        (refused.code, refused.failing()),
        (Some(1), vec!["credentials stage", "ordinary-role stage", "role stage"])
    );
    let own = refused.line("credentials stage");
    assert!(
        own.contains("STS does not take the credentials: 403 InvalidClientTokenId") && own.contains("hint: "),
        "{own}"
    );
    assert!(
        refused.line("role stage").contains("STS refuses to let the role be assumed"),
        "{:#?}",
        refused.lines
    );

    let mut nobody = checking(&stage, &["--format", "plain"]);
    nobody.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let none = Checked::of(&output(nobody).await);
    assert!(none.line("credentials stage").contains("fails: there are no credentials"), "{:#?}", none.lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_account_are_told_of() {
    let (stage, _folder) = stage("").await;
    rewrite(&stage, "account   = \"111122223333\"", "account   = \"444455556666\"");
    fails(&checked(&stage).await, "credentials stage", "the upstream is of the account 444455556666");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_says_why() {
    let (stage, _folder) = stage("").await;
    for (door, said) in [
        (Door::Silent, "tls handshake took too long"),
        (Door::Reset, "reset by peer"),
        (Door::Stranger, "tls failed: invalid peer certificate: UnknownIssuer"),
        (Door::Misnamed, "tls failed: invalid peer certificate"),
    ] {
        stage.connect.set_door(door);
        fails(&checked(&stage).await, "endpoint stage", said);
    }
    stage.connect.stop().await;
    fails(&checked(&stage).await, "endpoint stage", "no connection: ");
}

/// Answers everybody 403, and says that it is another time.
#[expect(
    clippy::disallowed_methods,
    reason = "the other time is that of a server: so far from the guard's own"
)]
async fn at_another_time(server: Arc<ServerConfig>, off: SignedDuration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(server);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                let mut octets = [0; 4096];
                let _ = tls.read(&mut octets).await;
                let date = Timestamp::now().checked_add(off).unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT");
                let answer = format!("HTTP/1.1 403 Forbidden\r\ndate: {date}\r\ncontent-length: 0\r\n\r\n");
                let _ = tls.write_all(answer.as_bytes()).await;
                let _ = tls.shutdown().await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_told_before_signatures_are_refused() {
    let (stage, _folder) = stage("").await;
    let authority = Authority::new("another time").unwrap();
    let mut port = stage.connect.address().port();
    fs::write(stage.folder.join("tls/connect-ca.pem"), authority.pem()).unwrap();
    for (seconds, state) in [(20, "warning: "), (-20, "warning: "), (400, "fails: "), (-400, "fails: ")] {
        let server = authority.issue(&["localhost"]).unwrap().server(&["http/1.1"]).unwrap();
        let address = at_another_time(server, SignedDuration::from_secs(seconds)).await;
        rewrite(&stage, &format!("localhost:{port}"), &format!("localhost:{}", address.port()));
        rewrite(&stage, &format!("127.0.0.1:{port}"), &address.to_string());
        port = address.port();
        let checked = checked(&stage).await;
        let line = checked.line("clock");
        let side = if seconds > 0 { " s behind localhost" } else { " s ahead of localhost" };
        assert!(line.starts_with(state) && line.contains(side) && line.contains("NTP"), "{seconds}: {line}");
        assert_eq!(checked.code, Some(i32::from(state == "fails: ")), "{:#?}", checked.lines);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_store_that_is_none_are_found_at_once() {
    let (stage, folder) = stage("").await;
    fs::write(folder.path().join("secrets/mail"), "another password").unwrap();
    rewrite(&stage, "sqlite:ledger.db", "sqlite:none/ledger.db");
    let checked = checked(&stage).await;
    assert_eq!((checked.code, checked.failing()), (Some(1), vec!["mail", "store"]), "{:#?}", checked.lines);
    assert!(checked.line("mail").contains("hint: look at [mail]"), "{:#?}", checked.lines);
    assert!(!checked.line("mail").contains("another password"));
    assert!(checked.line("store").contains("none"), "{:#?}", checked.lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_looked_at_beside_a_guard_that_has_it() {
    let guard = Running::start().await;
    let checked = Checked::of(&output(checking(&guard.stage, &["--format", "plain"])).await);
    let line = checked.line("store");
    assert!(line.starts_with("holds: tables of version ") && line.ends_with(" records"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_issuers_are_read() {
    let (stage, folder) = stage("").await;
    let mut text = fs::read_to_string(stage.config()).unwrap();
    text.push_str(
        "\n[[session.issuer]]\nissuer = \"https://oidc.example.com\"\naudiences = [\"connect-guard\"]\n\
         algorithms = [\"ES256\"]\njwks_file = \"keys.json\"\n\n[[session.role]]\nissuer = \"https://oidc.example.com\"\n\
         claims = { sub = \"desk\" }\nrole = \"arn:aws:iam::111122223333:role/IdentityDesk\"\n",
    );
    fs::write(stage.config(), text).unwrap();
    fails(&checked(&stage).await, "issuer https://oidc.example.com", "No such file");
    let octets = "A".repeat(43);
    let keys =
        format!("{{\"keys\":[{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"1\",\"x\":\"{octets}\"}}]}}");
    fs::write(folder.path().join("keys.json"), keys).unwrap();
    let checked = checked(&stage).await;
    assert_eq!(checked.line("issuer"), "holds: 1 key", "{:#?}", checked.lines);
}

fn relay_command(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .args(["relay", "--check", "--format", "plain", "--config"])
        .arg(folder.join("relay.toml"))
        .env_clear()
        .env("HOME", folder)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_tries_the_guard_and_has_a_session() {
    let identity = Identity {
        credential: Credential {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "SECRETEXAMPLE".into(),
            session_token: None,
        },
        arn: "arn:aws:iam::111122223333:user/desk".into(),
        user_id: "AIDACKCEVSQ6C2EXAMPLE".into(),
    };
    let guard = Running::with(Setting { identities: vec![identity], ..Setting::default() }).await;
    let write = |audience: &str| {
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:0\"\n[relay]\ngateway = \"https://localhost:{}\"\n\
             session = \"https://localhost:{}\"\nca_file = \"tls/ca.pem\"\naudience = \"{audience}\"\n\
             region = \"us-east-1\"\nproof = \"sts\"\n",
            guard.address.port(),
            guard.sessions().unwrap().port(),
        );
        fs::write(guard.stage.folder.join("relay.toml"), text).unwrap();
    };
    write("guard.example.com");
    let all = Checked::of(&output(relay_command(&guard.stage.folder)).await);
    assert_eq!(all.code, Some(0), "{:#?} {}", all.lines, all.words);
    assert!(all.line("gateway").starts_with("holds: localhost answers ("), "{:#?}", all.lines);
    assert!(all.line("session").starts_with("holds: localhost answers ("), "{:#?}", all.lines);
    assert!(all.line("proof").starts_with("holds: a session of arn:aws:iam::111122223333:user/desk until "));
    assert!(all.line("clock").starts_with("holds: "), "{:#?}", all.lines);

    write("other.example.com");
    let other = Checked::of(&output(relay_command(&guard.stage.folder)).await);
    fails(&other, "proof", "`guard.example.com`, not `other.example.com`");
    let unread = fs::read_to_string(guard.stage.folder.join("relay.toml")).unwrap().replace("proof", "prof");
    fs::write(guard.stage.folder.join("relay.toml"), unread).unwrap();
    let faulty = output(relay_command(&guard.stage.folder)).await;
    assert_eq!(faulty.status.code(), Some(3));
    assert!(String::from_utf8(faulty.stderr).unwrap().contains("unknown key `prof`"));
}
