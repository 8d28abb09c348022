//! Signed policies and their epochs, with signatures that OpenSSH's own `ssh-keygen` makes.

use std::{
    fs::File,
    process::{Command, Stdio},
};

use super::{
    super::{
        Signers, Terms, epoch_in,
        signature::{Signature, SignatureFault},
    },
    *,
};

/// A directory with a key `NAME` and its public half in `NAME.pub`.
struct Keys(tempfile::TempDir);

impl Keys {
    fn new(names: &[(&str, &str)]) -> Self {
        let keys = Self(tempfile::tempdir().unwrap());
        for (name, kind) in names {
            keys.run(Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-C", "", "-f"]).arg(name));
        }
        keys
    }

    fn run(&self, command: &mut Command) {
        let status = command.current_dir(self.0.path()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("ssh-keygen of OpenSSH is needed").success());
    }

    fn public(&self, name: &str) -> String {
        read(&self.0.path().join(format!("{name}.pub")))
    }

    fn signers(&self, name: &str) -> Signers {
        let text = format!("security@example.com namespaces=\"connect-guard-policy\" {}", self.public(name));
        Signers::read(&Source::new("allowed_signers", text))
            .unwrap_or_else(|faults| panic!("{}", faults.plain()))
    }

    /// `ssh-keygen -Y sign`
    fn sign(&self, name: &str, namespace: &str, more: &[&str], text: &str) -> String {
        let message = self.0.path().join("message");
        let _ = fs::remove_file(self.0.path().join("message.sig"));
        fs::write(&message, text).unwrap();
        self.run(
            Command::new("ssh-keygen")
                .args(["-q", "-Y", "sign", "-n", namespace, "-f", name])
                .args(more)
                .arg("message"),
        );
        read(&self.0.path().join("message.sig"))
    }
}

fn rules(epoch: &str) -> PolicyFiles {
    let mut files =
        files(&[&format!("{epoch}\n{}", any_mail("desk", "")), &allow_of("read", "ListQueues", "")]);
    files.directories.push(DirectoryFile {
        source: Source::new("hr.csv", "username,address\nmary,mary.major@example.com\n"),
        modified: at(NOON),
    });
    files
}

fn signed(files: &PolicyFiles, signature: &str) -> PolicyFiles {
    PolicyFiles { signature: Some(Ok(Source::new("policy.sig", signature))), ..files.clone() }
}

fn compiled(files: &PolicyFiles, signers: Option<&Signers>, at_least: Option<u64>) -> Result<Policy, String> {
    let terms = Terms { signers, at_least };
    Policy::compile_on(files, at(NOON), terms).map(|(policy, _)| policy).map_err(|faults| faults.plain())
}

#[test]
fn the_manifest_is_as_sha256sum_writes_it() {
    let mut files = rules("epoch = 1");
    files.revoked = Some(Ok(Source::new("revoked.toml", "version = 1\n")));
    files.deny = vec![Ok(Source::new("deny.d/a.toml", "version = 1\n"))];
    let directory = tempfile::tempdir().unwrap();
    for source in files.rules.iter().chain([&files.directories[0].source]) {
        fs::write(directory.path().join(&*source.local), &*source.text).unwrap();
    }
    let manifest = files.manifest().unwrap();
    let names = ["hr.csv", "rules-1.toml", "rules-2.toml"];
    let found = Command::new("sha256sum").args(names).current_dir(directory.path()).output().unwrap();
    assert_eq!(String::from_utf8(found.stdout).unwrap(), manifest);
    for name in ["a\nb.toml", "a/b.toml", "a\\b.toml", "a b.toml", "\u{e4}.toml"] {
        let files = PolicyFiles::of_rules([(name, "version = 1\n")]);
        assert!(files.manifest().is_err(), "{name:?}");
    }
}

#[test]
fn what_ssh_keygen_signs_is_signed() {
    let keys = Keys::new(&[("key", "ed25519")]);
    let (files, signers) = (rules("epoch = 1"), keys.signers("key"));
    let manifest = files.manifest().unwrap();
    for more in [&[][..], &["-O", "hashalg=sha256"], &["-O", "hashalg=sha512"]] {
        let signature = keys.sign("key", "connect-guard-policy", more, &manifest);
        let policy = compiled(&signed(&files, &signature), Some(&signers), None).unwrap();
        assert_eq!((policy.signer(), policy.epoch()), (Some("security@example.com"), Some(1)));
        let (renewed, _) = policy.renewed(&files);
        assert_eq!(renewed.signer(), policy.signer(), "what holds at once is not signed");
    }
    assert_eq!(compiled(&files, None, None).unwrap().signer(), None);
}

#[test]
fn what_the_guard_takes_ssh_keygen_takes() {
    let keys = Keys::new(&[("key", "ed25519")]);
    let manifest = rules("epoch = 1").manifest().unwrap();
    let signature = keys.sign("key", "connect-guard-policy", &[], &manifest);
    fs::write(keys.0.path().join("policy.sig"), signature).unwrap();
    fs::write(keys.0.path().join("allowed"), format!("security@example.com {}", keys.public("key"))).unwrap();
    let mut verify = Command::new("ssh-keygen");
    verify.args([
        "-Y",
        "verify",
        "-f",
        "allowed",
        "-I",
        "security@example.com",
        "-n",
        "connect-guard-policy",
        "-s",
        "policy.sig",
    ]);
    keys.run(verify.stdin(File::open(keys.0.path().join("message")).unwrap()));
}

#[test]
fn what_is_not_signed_by_a_signer_as_it_is_does_not_load() {
    let keys = Keys::new(&[("key", "ed25519"), ("foreign", "ed25519"), ("ecdsa", "ecdsa")]);
    let (files, signers) = (rules("epoch = 1"), keys.signers("key"));
    let manifest = files.manifest().unwrap();
    let good = keys.sign("key", "connect-guard-policy", &[], &manifest);
    let refused = |files: &PolicyFiles, fault: &str| {
        let found = compiled(files, Some(&signers), None).map(|_| ()).unwrap_err();
        assert!(found.contains(fault), "{fault}: {found}");
    };
    refused(&files, "there is no policy.sig");
    let unreadable = PolicyFiles { signature: Some(Err("permission denied".to_owned())), ..files.clone() };
    refused(&unreadable, "policy.sig cannot be read: permission denied");
    refused(&signed(&files, ""), "no armoured SSH signature");
    let foreign = keys.sign("foreign", "connect-guard-policy", &[], &manifest);
    refused(&signed(&files, &foreign), "by a key that may not sign");
    let other = keys.sign("key", "file", &[], &manifest);
    refused(&signed(&files, &other), "made for something else");
    let ecdsa = keys.sign("ecdsa", "connect-guard-policy", &[], &manifest);
    refused(&signed(&files, &ecdsa), "not by an Ed25519 key");
    // One rule, one address, one file less, one more, one name: each is another policy.
    let mut changed = signed(&files, &good);
    changed.rules[1] = Source::new("rules-2.toml", files.rules[1].text.replace("read", "reads"));
    refused(&changed, "one of them is another");
    let mut changed = signed(&files, &good);
    changed.directories[0].source = Source::new("hr.csv", "username,address\nmary,kim@example.com\n");
    refused(&changed, "one of them is another");
    let mut changed = signed(&files, &good);
    changed.rules.pop();
    refused(&changed, "one of them is another");
    let mut changed = signed(&files, &good);
    changed.rules.push(Source::new("more.toml", "version = 1\n"));
    refused(&changed, "one of them is another");
    let mut changed = signed(&files, &good);
    changed.rules[1] = Source::new("rules-3.toml", &*files.rules[1].text);
    refused(&changed, "one of them is another");
}

#[test]
fn each_octet_of_a_signature_counts() {
    let keys = Keys::new(&[("key", "ed25519")]);
    let good = keys.sign("key", "connect-guard-policy", &[], "message\n");
    assert!(Signature::read(&good).is_ok_and(|signature| signature.is_of("message\n")));
    assert!(!Signature::read(&good).unwrap().is_of("message"));
    let signer = Signature::read(&good).unwrap().key;
    let body: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    let octets = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
    let armoured = |octets: &[u8]| {
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, octets);
        format!("-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n")
    };
    assert!(Signature::read(&armoured(&octets)).is_ok());
    for at in 0..octets.len() {
        let mut broken = octets.clone();
        broken[at] ^= 1;
        let holds =
            Signature::read(&armoured(&broken)).is_ok_and(|one| one.key == signer && one.is_of("message\n"));
        assert!(!holds, "octet {at}");
        assert!(Signature::read(&armoured(&octets[..at])).is_err(), "cut at {at}");
    }
    let longer = [octets.as_slice(), &[0]].concat();
    assert!(Signature::read(&armoured(&longer)).is_err());
    assert!(Signature::read(&format!("{good}x")).is_err());
    assert!(Signature::read(&format!("x{good}")).is_err());
}

#[test]
fn what_holds_at_once_is_outside_of_the_signature() {
    let keys = Keys::new(&[("key", "ed25519")]);
    let (files, signers) = (rules("epoch = 1"), keys.signers("key"));
    let signature = keys.sign("key", "connect-guard-policy", &[], &files.manifest().unwrap());
    let mut stopped = signed(&files, &signature);
    stopped.deny = vec![Ok(Source::new("deny.d/1.toml", "[[deny]]\nid = \"stop\"\nreason = \"x\"\n"))];
    stopped.revoked = Some(Ok(Source::new("revoked.toml", "version = 1\n")));
    let policy = compiled(&stopped, Some(&signers), None).unwrap();
    assert_eq!(code(&policy, &email("u@example.com")), Some(Code::DeniedBy));
}

#[test]
fn an_older_policy_is_not_put_back() {
    for (epoch, at_least, fault) in [
        ("epoch = 7", Some(8), "the policy's epoch 7 is lower than 8"),
        ("", Some(1), "the policy has no epoch, and the one in force has 1"),
        ("epoch = 0", None, "`epoch` is a whole number from 1"),
        ("epoch = 0x7", None, "`epoch` is a whole number from 1"),
        ("epoch = -1", None, "`epoch` is a whole number from 1"),
        ("epoch = \"7\"", None, "`epoch` is a whole number from 1"),
    ] {
        let found = compiled(&rules(epoch), None, at_least).map(|_| ()).unwrap_err();
        assert!(found.contains(fault), "{fault}: {found}");
    }
    for at_least in [None, Some(1), Some(7)] {
        assert_eq!(compiled(&rules("epoch = 7"), None, at_least).unwrap().epoch(), Some(7));
    }
    let twice = files(&["epoch = 7", "epoch = 7"]);
    assert!(compiled(&twice, None, None).map(|_| ()).unwrap_err().contains("there are two epochs"));
    let keys = Keys::new(&[("key", "ed25519")]);
    let files = rules("");
    let signature = keys.sign("key", "connect-guard-policy", &[], &files.manifest().unwrap());
    let found =
        compiled(&signed(&files, &signature), Some(&keys.signers("key")), None).map(|_| ()).unwrap_err();
    assert!(found.contains("a policy that is to be signed has no epoch"), "{found}");
}

#[test]
fn the_epoch_of_files_is_that_of_the_rules() {
    let files = |files: &[(&str, &str)]| {
        let files: Vec<_> =
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        epoch_in(&files)
    };
    assert_eq!(files(&[("a.toml", "version = 1\n"), ("b.toml", "epoch = 7\n")]), Some(7));
    assert_eq!(files(&[("deny.d/a.toml", "epoch = 9\n"), ("b.toml", "epoch = 7\n")]), Some(7));
    for none in [
        &[("deny.d/a.toml", "epoch = 9\n")][..],
        &[("hr.csv", "epoch = 9\n")],
        &[("a.toml", "epoch = -1\n")],
        &[],
    ] {
        assert_eq!(files(none), None, "{none:?}");
    }
}

#[test]
fn a_signature_is_no_longer_than_one_is() {
    let long = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", "A".repeat(4_096));
    let of = |text: &str| Signature::read(text).map(|_| ()).unwrap_err().to_string();
    assert_ne!(of(&long), of(&long.replace(&"A".repeat(4_096), &"A".repeat(2_048))));
}

#[test]
fn a_signature_of_the_greatest_length_is_read() {
    let (begin, end) = ("-----BEGIN SSH SIGNATURE-----\nAAAA", "-----END SSH SIGNATURE-----\n");
    let fault = |length: usize| {
        let text = format!("{begin}{}{end}", "\n".repeat(length - begin.len() - end.len()));
        Signature::read(&text).unwrap_err()
    };
    assert_eq!(fault(4096), SignatureFault::Form);
    assert_eq!(fault(4097), SignatureFault::Armour);
}

#[test]
fn a_line_that_names_no_signer_is_marked_where_it_stands() {
    let fault = |text: &str| Signers::read(&Source::new("allowed_signers", text)).unwrap_err();
    let line = "security@example.com ssh-ed25519";
    let first = fault(&format!("{line}\n# a remark\n")).human(false);
    assert!(
        first.contains(&"^".repeat(line.len())) && !first.contains(&"^".repeat(line.len() + 1)),
        "{first}"
    );
    let second = fault(&format!("# a remark\r\n{line}\r\n"));
    assert!(second.plain().starts_with("allowed_signers:2:1: error"), "{}", second.plain());
    assert!(second.human(false).contains(&"^".repeat(line.len())));
}
