//! Every fault a configuration can have, the example, and what the environment may set.

mod reference;
mod shown;
mod streams;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use super::*;
use crate::{
    guard::BodyLimits,
    notice::{Before, Severity},
    secret::SecretRef,
};

const EXAMPLE: &str = include_str!("../../../config.example.toml");

fn now() -> Now {
    Now::from("2026-12-01T12:00:00Z".parse::<Timestamp>().unwrap())
}

fn source(text: &str) -> Source {
    Source::new("config.toml", text)
}

fn read(text: &str) -> Result<(Config, Faults), Faults> {
    Config::read(&source(text), &Overrides::default(), now())
}

fn with(overrides: Overrides) -> Result<(Config, Faults), Faults> {
    Config::read(&source(EXAMPLE), &overrides, now())
}

fn refused(found: Result<(Config, Faults), Faults>) -> String {
    found.err().expect("faults").plain()
}

/// The example with every `# key = value` and `# [section]` read as it would be without `# `.
fn uncommented() -> String {
    let is_key = |line: &str| {
        let key = line.split_once(" = ").map_or("", |(key, _)| key.trim_end());
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if is_key(rest) || rest.starts_with('[') => rest,
        Some(_) | None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same without what goes only without another key that is there.
fn everything() -> String {
    uncommented()
        .replace("profile         = ", "# profile = ")
        .replace("endpoint        = ", "# endpoint = ")
        .replace("url       = \"sqlite", "# url = \"sqlite")
        .replace("jwks_file  = ", "# jwks_file = ")
        .replace("subject   = ", "# subject = ")
        .replace("region    = \"us-east-1\"               #", "# region = #")
        .replace("before          = \"queued\"", "before = \"acknowledged\"")
}

#[test]
fn the_example_has_no_fault() {
    let (config, warnings) =
        read(EXAMPLE).map_err(|faults| faults.human(false)).unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(warnings.plain(), "");
    assert_eq!((config.listen.len(), config.upstream.len(), config.callers.len()), (1, 1, 1));
    assert_eq!(config.callers[0].expires, "2027-01-31T23:59:59.999999999Z".parse().unwrap());
    assert_eq!(config.store.timeout, Duration::from_secs(2));
}

#[test]
fn the_example_names_every_key() {
    let text = uncommented();
    for line in EXAMPLE.lines().filter_map(|line| line.strip_prefix("# ")) {
        let key = line.split_whitespace().next().unwrap_or_default();
        if line.contains(" = ") && !key.contains(':') {
            assert!(text.contains(&format!("\n{line}")), "not read as a key: {line}");
        }
    }
    for Entry { name, key, .. } in Reference::of_guard().keys {
        assert!(EXAMPLE.contains(&name), "the example does not name `{key}`");
    }
}

#[test]
fn the_example_has_no_fault_with_everything_that_is_commented_out() {
    let text = everything();
    assert_ne!(text, EXAMPLE);
    let (config, warnings) =
        read(&text).map_err(|faults| faults.human(false)).unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(warnings.plain(), "");
    assert_eq!(config.listen[0].hosts.len(), 1);
    assert_eq!(config.rates.connect.operations.len(), 1);
    assert!(config.status[0].tls.is_some() && config.status[0].client_ca.is_some());
    assert_eq!((config.notify.hooks.len(), config.notify.routing.routes.len()), (1, 2));
    assert!(matches!(&config.notify.routing.before, Before::Acknowledged { by, .. } if by.len() == 2));
}

/// What is commented out shows its default.
#[test]
fn the_example_tells_the_defaults() {
    let text = everything();
    let ((told, _), (plain, _)) = (read(&text).ok().unwrap(), read(EXAMPLE).ok().unwrap());
    let (listen, standard) = (&told.listen[0], crate::server::Options::at(plain.listen[0].address));
    assert_eq!(listen.timeouts.handshake, Some(standard.timeouts.handshake));
    assert_eq!(listen.timeouts.head, Some(standard.timeouts.head));
    assert_eq!(listen.timeouts.body, Some(standard.timeouts.body));
    assert_eq!(listen.timeouts.idle, Some(standard.timeouts.idle));
    assert_eq!(listen.timeouts.write, Some(standard.timeouts.write));
    assert_eq!(listen.caps.connections, Some(standard.caps.connections));
    assert_eq!(listen.caps.connections_per_source, Some(standard.caps.per_source));
    assert_eq!(listen.caps.requests, Some(standard.caps.requests));
    assert_eq!(listen.caps.requests_per_source, Some(standard.caps.requests_per_source));
    let gate = |gate: &crate::wire::GateBounds| (gate.head, gate.headers, gate.target);
    assert_eq!(gate(&listen.gate), gate(&plain.listen[0].gate));
    assert_eq!(told.store.replica, plain.store.replica);
    assert_eq!(told.store.timeout, plain.store.timeout);
    assert_eq!((told.mail.port, told.mail.timeout), (plain.mail.port, plain.mail.timeout));
    let bounds = |config: &Config| {
        let bounds = &config.upstream[0].bounds;
        (bounds.connect, bounds.answer, bounds.in_flight)
    };
    assert_eq!(bounds(&told), bounds(&plain));
    assert_eq!(told.rates.failures, plain.rates.failures);
    assert_eq!(told.rates.caller, plain.rates.caller);
    assert_eq!(told.rates.refusals, plain.rates.refusals);
    assert!((told.rates.caller_read_share - plain.rates.caller_read_share).abs() < f64::EPSILON);
    assert_eq!(told.rates.connect.default, plain.rates.connect.default);
    assert_eq!(told.rates.keys, plain.rates.keys);
    let bodies = |bodies: BodyLimits| (bodies.change, bodies.ordinary);
    assert_eq!(bodies(told.bodies), bodies(plain.bodies));
    assert_eq!(told.bodies_at_once, plain.bodies_at_once);
    assert_eq!(told.log, plain.log);
    assert_eq!(told.status[0].address, plain.status[0].address);
    assert_eq!(told.drain, plain.drain);
    assert_eq!(told.evidence.every, plain.evidence.every);
    assert_eq!(
        (plain.evidence.heads_file, plain.evidence.heads_webhook, plain.retention),
        (None, None, None)
    );
    let (told, plain) = (told.notify, plain.notify);
    assert_eq!(told.routing.language, plain.routing.language);
    assert!(matches!(told.routing.before, Before::Acknowledged { patience, .. } if patience.as_secs() == 5));
    assert_eq!(plain.routing.before, Before::Queued);
    let (hook, route) = (&told.hooks[0], &told.routing.routes[1]);
    assert_eq!(hook.timeout, HookPlace::TIMEOUT);
    assert_eq!(
        (&route.kinds, &route.instances, route.least),
        (&BTreeSet::new(), &BTreeSet::new(), Severity::Info)
    );
    assert_eq!((told.routing.masked.len(), hook.secrets.len()), (0, 2));
}

#[test]
fn what_proves_the_ledger_has_bounds() {
    let text = everything();
    for (from, to, said) in [
        ("every         = \"5m\"", "every = \"100ms\"", "`100ms` is not between 1s and 86400s"),
        ("heads_webhook = \"siem\"", "heads_webhook = \"other\"", "no hook is called `other`"),
        ("records   = \"400d\"", "records = \"29d\"", "`29d` is not between 30d and 36500d"),
        ("records   = \"400d\"", "records = \"1y\"", "`1y` is no number of days"),
        ("records   = \"400d\"", "", "a directory of segments, and no `records`"),
    ] {
        assert!(text.contains(from), "{from}");
        let faults = refused(read(&text.replacen(from, to, 1)));
        assert!(faults.contains(said), "{to}: {faults}");
    }
    let (config, _) = read(&text).ok().unwrap();
    assert_eq!(config.retention.unwrap().records, Duration::from_hours(400 * 24));
}

/// `NAME.toml` has faults, `NAME.expected` says which, one a line.
#[test]
fn every_bad_configuration_has_its_faults() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/configs-bad");
    let mut names: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    names.sort();
    assert!(names.len() >= 100, "{}", names.len());
    let mut wrong = String::new();
    for path in names {
        let name = path.file_name().unwrap().to_str().unwrap();
        let source = Source::new(name, fs::read_to_string(&path).unwrap());
        let found = match Config::read(&source, &Overrides::default(), now()) {
            Ok((_, warnings)) => format!("{}no fault\n", warnings.plain()),
            Err(faults) => faults.plain(),
        };
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap_or_default();
        if found != expected {
            wrong.extend(["== ", name, "\n", &found, "-- expected\n", &expected]);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_secret_in_the_configuration_is_shown_nowhere() {
    let text = EXAMPLE.replace("password_file = \"secrets/smtp\"", "password = \"do not show me\"");
    let faults = read(&text).err().unwrap();
    for shown in [faults.human(false), faults.plain(), faults.json()] {
        assert!(shown.contains("unknown key `password`"), "{shown}");
        assert!(!shown.contains("do not show me"), "{shown}");
    }
    assert!(faults.human(false).contains("password = ...\n"), "{}", faults.human(false));
    // Nor where nobody knows where the value ends.
    let text = include_str!("../../../tests/data/configs-bad/syntax-secret.toml");
    let faults = read(text).err().unwrap();
    for shown in [faults.human(false), faults.plain(), faults.json()] {
        assert!(!shown.contains("HUNTER2"), "{shown}");
    }
    assert!(faults.human(false).contains("url =...."), "{}", faults.human(false));
}

/// The URL of a hook may be all that one must know to post there.
#[test]
fn the_url_of_a_hook_is_shown_in_no_fault() {
    let hook = "[[notify.hook]]\nname = \"chat\"\nformat = \"slack\"\nurl = \"URL\"\n";
    for url in ["http://hooks.example.com/T0/secret", "https://user:secret@hooks.example.com/", "secret"] {
        let faults = read(&format!("{EXAMPLE}\n{}", hook.replace("URL", url))).err().unwrap();
        for shown in [faults.human(false), faults.plain(), faults.json()] {
            assert!(shown.contains("the URL of a hook "), "{shown}");
            assert!(!shown.contains("secret@") && !shown.contains("T0/secret"), "{shown}");
        }
        assert!(faults.human(false).contains("url = ...\n"), "{}", faults.human(false));
    }
    let url = "https://hooks.example.com/T0/secret";
    let (_, warnings) = read(&format!("{EXAMPLE}\n{}", hook.replace("URL", url))).ok().unwrap();
    assert!(warnings.plain().contains("whoever reads this URL may post there"));
    assert!(!warnings.human(false).contains("T0/secret"), "{}", warnings.human(false));
}

#[test]
fn every_fault_of_a_file_is_found_in_one_run() {
    let text = EXAMPLE
        .replace("127.0.0.1:8443", "localhost")
        .replace("sqlite:ledger.db", "postgres:ledger")
        .replace("\"111122223333\"", "\"1111\"")
        .replace("role/IdentityDesk", "group/IdentityDesk")
        .replace("\"starttls\"", "\"opportunistic\"");
    let found = refused(read(&text));
    assert_eq!(found.lines().count(), 5, "{found}");
}

#[test]
fn relative_paths_are_of_the_files_directory() {
    for (name, expected) in [
        ("config.toml", "policies"),
        ("/etc/guard/config.toml", "/etc/guard/policies"),
        ("a/config.toml", "a/policies"),
    ] {
        let (config, _) =
            Config::read(&Source::new(name, EXAMPLE), &Overrides::default(), now()).ok().unwrap();
        assert_eq!(config.policy, Path::new(expected));
        let beside = expected.replace("policies", "");
        assert_eq!(config.store.url, format!("sqlite:{beside}ledger.db"));
        assert_eq!(config.hash.value, SecretRef::File(format!("{beside}secrets/hash").into()));
        assert_eq!(config.listen[0].certificate.value, Path::new(&format!("{beside}tls/guard.pem")));
    }
    let text = EXAMPLE.replace("sqlite:ledger.db", "sqlite:/var/lib/guard/ledger.db?reserve=4096");
    let (config, _) = read(&text).ok().unwrap();
    assert_eq!(config.store.url, "sqlite:/var/lib/guard/ledger.db?reserve=4096");
}

#[test]
fn the_environment_sets_listen_addresses_and_the_form_of_logs() {
    let (config, _) = with(Overrides {
        listen: Some("[::1]:9443".into()),
        log_format: Some("json".into()),
        ..Overrides::default()
    })
    .ok()
    .unwrap();
    assert_eq!(config.listen[0].address.to_string(), "[::1]:9443");
    assert_eq!(config.log, LogFormat::Json);
}

#[test]
fn what_the_environment_sets_is_checked() {
    for (listen, said) in [
        ("", "error: `` in `CONNECT_GUARD_LISTEN` is no address"),
        ("localhost:1", "error: `localhost:1` in `CONNECT_GUARD_LISTEN` is no address"),
        ("127.0.0.1:1,127.0.0.1:2", "error: `CONNECT_GUARD_LISTEN` has 2 and there are 1"),
        ("\u{fffd}", "is no address"),
    ] {
        let found = refused(with(Overrides { listen: Some(listen.into()), ..Overrides::default() }));
        assert!(found.contains(said), "{listen}: {found}");
    }
    let found = refused(with(Overrides { log_format: Some("yaml".into()), ..Overrides::default() }));
    assert_eq!(found, "error: `yaml` is no form of logs (hint: CONNECT_GUARD_LOG_FORMAT is human or json)\n");
}

#[test]
fn two_keys_may_stand_for_one_caller() {
    let second = "\n[[caller]]\nkey_id = \"GKBBBBBBBBBBBBBBBBBB\"\nexpires = 2027-01-31\nsecret_file = \"other\"\n\
                  principal = \"arn:aws:iam::111122223333:role/IdentityDesk\"\n";
    let (config, _) = read(&format!("{EXAMPLE}{second}")).ok().unwrap();
    let principals: BTreeSet<String> =
        config.callers.iter().map(|caller| caller.principal.arn.to_string()).collect();
    assert_eq!((config.callers.len(), principals.len()), (2, 1));
}

#[test]
fn a_key_ends_within_ninety_days() {
    let ends =
        |text: &str| read(&EXAMPLE.replace("2027-01-31 ", text)).map(|(config, _)| config.callers[0].expires);
    assert!(ends("2027-03-01 ").is_ok());
    assert!(ends("2027-03-03 ").is_err());
    assert_eq!(ends("2027-02-01T08:00:00+01:00 ").ok().unwrap().to_string(), "2027-02-01T07:00:00Z");
    let (_, warnings) = read(&EXAMPLE.replace("2027-01-31 ", "2026-11-30 ")).ok().unwrap();
    assert!(warnings.plain().contains("warning: this key ended on 2026-11-30"), "{}", warnings.plain());
}

#[test]
fn a_secret_in_the_environment_is_warned_about() {
    let (_, warnings) =
        read(&EXAMPLE.replace("hash_file = \"secrets/hash\"", "hash_env = \"HASH\"")).ok().unwrap();
    assert!(warnings.plain().contains("warning: the secret stands in the environment variable `HASH`"));
    assert!(!warnings.fatal());
}

#[test]
fn a_role_to_assume_may_have_a_path() {
    let role = "arn:aws:iam::111122223333:role/guards/connect-guard";
    let text =
        EXAMPLE.replace("# partition       = \"aws\"", &format!("role = \"{role}\"\nexternal_id = \"x\""));
    assert!(read(&text).is_ok());
}
