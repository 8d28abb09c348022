//! Which servers a guard takes for its own, how it gets in, and what it makes there.

use std::process::Stdio;

use connect_guard::demo::stage::Setting;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    time::timeout,
};

use crate::{LIMIT, Place, program, user};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_the_one_that_its_roots_and_its_name_say() {
    let place = Place::with(1, Setting::default()).await;
    let url = place.server.url();
    let ca = place.server.file("ca.pem").display().to_string();
    let other = place.server.file("other.pem").display().to_string();
    let wrong = url.replace(&ca, &other);
    place.store(&url, &wrong);
    let why = place.refusal().await;
    assert!(why.contains("the ledger cannot be opened") && why.contains("certificate"), "{why}");
    // The certificate is for `localhost`.
    let misnamed = url.replace("localhost", "127.0.0.1");
    place.store(&wrong, &misnamed);
    let why = place.refusal().await;
    assert!(why.contains("certificate") && why.contains("127.0.0.1"), "{why}");
    let weak = url.replace("verify-full", "require");
    place.store(&misnamed, &weak);
    let why = place.refusal().await;
    assert!(why.contains("config.toml:") && why.contains("sslmode=verify-full"), "{why}");
    place.store(&weak, &url);
    let guard = place.guard().await;
    assert_eq!(place.status(&guard, 1).await, Some(200), "{}", guard.log());
    assert_eq!(
        place
            .server
            .count(
                "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE application_name = 'connect-guard' AND NOT ssl"
            )
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_ask_for_a_certificate_of_the_guards_own() {
    let place = Place::with(1, Setting::default()).await;
    let server = &place.server;
    server.run("CREATE ROLE certified LOGIN; GRANT ALL ON SCHEMA public TO certified").await;
    let url = server.url();
    let file = |name: &str| server.file(name).display().to_string();
    let (before, _) = url.split_once("&password_file=").unwrap();
    let without = before.replace("guard@", "certified@");
    place.store(&url, &without);
    let why = place.refusal().await;
    assert!(why.contains("certificate"), "{why}");
    let shown = |name: &str| {
        format!("{without}&sslcert={}&sslkey={}", file(&format!("{name}.pem")), file(&format!("{name}.key")))
    };
    // Another authority's; then the right one.
    place.store(&without, &shown("other"));
    let why = place.refusal().await;
    assert!(why.contains("the ledger cannot be opened"), "{why}");
    place.store(&shown("other"), &shown("certified"));
    let guard = place.guard().await;
    assert_eq!(place.status(&guard, 1).await, Some(200), "{}", guard.log());
    let sessions = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE usename = 'certified' AND client_dn = '/CN=certified'";
    assert!(server.count(sessions).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_this_machine_is_reached_by_its_socket() {
    let place = Place::with(1, Setting::default()).await;
    let server = &place.server;
    let socket = format!(
        "postgres://guard@:{}/postgres?host={}&password_file={}",
        server.port(),
        server.socket(),
        server.file("password").display()
    );
    place.store(&server.url(), &socket);
    let guard = place.guard().await;
    assert_eq!(place.status(&guard, 1).await, Some(200), "{}", guard.log());
    let over_network = "SELECT count(*) FROM pg_stat_activity \
        WHERE application_name = 'connect-guard' AND client_addr IS NOT NULL";
    assert_eq!(server.count(over_network).await, 0);
    place.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn o2_tables_are_made_brought_up_to_date_and_refused_when_they_are_later() {
    let place = Place::with(2, Setting::default()).await;
    let mut guard = place.guard().await;
    assert_eq!(place.status(&guard, 1).await, Some(200), "{}", guard.log());
    guard.stop().await.unwrap();
    // As the version before left them.
    place.server.run(
        "DROP TABLE turn; DROP TABLE chains; DROP TABLE epochs; DELETE FROM _sqlx_migrations WHERE version = 2",
    ).await;
    guard.restart(&place.stage).await.unwrap();
    assert_eq!(place.status(&guard, 2).await, Some(200), "{}", guard.log());
    // One that runs goes on when a later version adds to them; none starts on them.
    place
        .server
        .run(
            "ALTER TABLE said ADD COLUMN more TEXT; INSERT INTO _sqlx_migrations \
         (version, description, success, checksum, execution_time) VALUES (99, 'later', TRUE, '', 0)",
        )
        .await;
    assert_eq!(place.looks(&guard).await, 200);
    assert_eq!(place.status(&guard, 2).await, Some(200), "{}", guard.log());
    let why = place.refusal().await;
    assert!(why.contains("99"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_to_a_server_is_shown_as_it_comes_from_every_guard() {
    let place = Place::with(4, Setting::default()).await;
    let guards = [place.guard().await, place.guard().await];
    assert_eq!(place.status(&guards[0], 1).await, Some(200), "{}", guards[0].log());
    let config = place.stage.config();
    let mut follow = tokio::process::Command::new(program())
        .args(["--format", "json", "audit", "show", "--kind", "intent", "--follow", "--config"])
        .arg(config)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(follow.stdout.take().unwrap()).lines();
    for number in 1..=4 {
        let line = timeout(LIMIT, shown.next_line()).await.unwrap().unwrap().unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.pointer("/record/target/id/0"), Some(&user(number).id.into()), "{line}");
        // The next one comes only now, from the other guard.
        if number < 4 {
            let guard = &guards[number % 2];
            assert_eq!(place.status(guard, number + 1).await, Some(200), "{}", guard.log());
        }
    }
}

/// Whoever may create in the schema puts an operator there that fits the guard's statements better than the built-in one,
/// and what it does is done by the guard's role.
#[tokio::test(flavor = "multi_thread")]
async fn i9_a_schema_in_which_others_create_is_refused() {
    let place = Place::with(1, Setting::default()).await;
    let server = &place.server;
    server.run("CREATE ROLE another LOGIN; GRANT CREATE ON SCHEMA public TO PUBLIC").await;
    let why = place.refusal().await;
    assert!(why.contains("`PUBLIC` may create in the schema `public`"), "{why}");
    assert!(why.contains("CREATE SCHEMA guard AUTHORIZATION"), "{why}");
    server.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO another").await;
    let why = place.refusal().await;
    assert!(why.contains("`another` may create"), "{why}");
    // What is there stays when the right to make it goes.
    server
        .run(
            "SET ROLE another; \
             CREATE FUNCTION public.times(numeric, integer) RETURNS numeric LANGUAGE sql \
             AS 'SELECT $1 OPERATOR(pg_catalog.*) $2::numeric'; \
             CREATE OPERATOR public.* (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = public.times); \
             RESET ROLE; REVOKE CREATE ON SCHEMA public FROM another",
        )
        .await;
    let why = place.refusal().await;
    assert!(why.contains("`another` may create"), "{why}");
    // A schema of the guard's own, which it makes.
    let url = server.url();
    place.store(&url, &format!("{url}&schema=guard_own"));
    let guard = place.guard().await;
    assert_eq!(place.status(&guard, 1).await, Some(200), "{}", guard.log());
}

/// What `config check --online` says of the store.
fn tried(place: &Place) -> String {
    let output = std::process::Command::new(program())
        .args(["config", "check", "--online", "--format", "plain", "--config"])
        .arg(place.stage.config())
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("store: ")).map(str::to_owned);
    line.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_tried_and_nothing_is_made_there() {
    let place = Place::with(1, Setting::default()).await;
    let line = tried(&place);
    assert!(line.contains(": holds: "), "{line}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(place.server.count(tables).await, 0, "{line}");
    let guard = place.guard().await;
    assert_eq!(place.status(&guard, 1).await, Some(200), "{}", guard.log());
    let line = tried(&place);
    assert!(line.contains(": holds: ") && line.contains("records"), "{line}");
    let url = place.server.url();
    let other = place.server.file("other.pem").display().to_string();
    place.store(&url, &url.replace(&place.server.file("ca.pem").display().to_string(), &other));
    let line = tried(&place);
    assert!(line.contains(": fails: ") && line.contains("certificate"), "{line}");
}
