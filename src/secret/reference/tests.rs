//! Reading secrets: what is refused, and that no message holds a byte of one.

use std::{fs, os::unix::fs::PermissionsExt};

use tempfile::TempDir;

use super::*;

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn written(directory: &TempDir, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn nothing(_: &str) -> Option<OsString> {
    None
}

fn why(reference: &SecretRef) -> String {
    reference.read_in(&nothing).err().unwrap().why
}

fn shell(script: &str) -> SecretRef {
    SecretRef::Command(vec!["/bin/sh".into(), "-c".into(), script.into()])
}

#[test]
fn a_file_is_read_but_for_one_line_end() {
    let directory = directory();
    for (bytes, secret) in [
        (b"s3cret".as_slice(), b"s3cret".as_slice()),
        (b"s3cret\n", b"s3cret"),
        (b"s3cret\r\n", b"s3cret"),
        (b"s3cret\n\n", b"s3cret\n"),
        (b" s3cret \0", b" s3cret \0"),
        (b"s3cret\r", b"s3cret\r"),
    ] {
        for mode in [0o600, 0o400] {
            let path = written(&directory, &format!("{mode:o}"), bytes, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(SecretRef::File(path.clone()).read().unwrap().expose(), secret);
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn i9_a_file_that_others_may_read_is_refused() {
    let directory = directory();
    for mode in [0o640, 0o604, 0o644, 0o660, 0o602, 0o610, 0o777, 0o440] {
        let path = written(&directory, "key", b"s3cret", mode);
        let why = why(&SecretRef::File(path));
        assert_eq!(why, format!("others may read or write it (mode {mode:04o}); it must be 0600 or 0400"));
    }
}

#[test]
fn i9_a_file_of_another_user_is_refused() {
    assert_eq!(owned(0, 1000), Ok(()));
    assert_eq!(owned(1000, 1000), Ok(()));
    assert_eq!(owned(1001, 1000), Err("it belongs to another user (uid 1001)".into()));
    assert!(owned(1001, 0).is_err(), "not even for root");
    if rustix::process::geteuid().is_root() {
        let directory = directory();
        let path = written(&directory, "key", b"s3cret", 0o600);
        std::os::unix::fs::chown(&path, Some(1001), None).unwrap();
        assert!(why(&SecretRef::File(path)).contains("another user"));
    }
}

#[test]
fn sizes_are_bounded() {
    let directory = directory();
    let read = |bytes: &[u8]| SecretRef::File(written(&directory, "key", bytes, 0o600)).read_in(&nothing);
    assert_eq!(read(&vec![b'x'; MOST]).unwrap().expose().len(), MOST);
    assert_eq!(read(&vec![b'x'; MOST + 1]).err().unwrap().why, "it is longer than 64 KiB");
    assert_eq!(read(&vec![b'x'; MOST * 3]).err().unwrap().why, "it is longer than 64 KiB");
    assert_eq!(read(b"").err().unwrap().why, "it is empty");
    assert_eq!(read(b"\n").err().unwrap().why, "it is empty");
}

#[test]
fn only_regular_files_are_read() {
    let directory = directory();
    assert_eq!(why(&SecretRef::File(directory.path().into())), "it is not a regular file");
    assert_eq!(why(&SecretRef::File("/dev/null".into())), "it is not a regular file");
    assert!(why(&SecretRef::File(directory.path().join("none"))).contains("No such file"));
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&fifo).status().unwrap().success());
    assert_eq!(why(&SecretRef::File(fifo)), "it is not a regular file");
}

#[test]
fn a_link_is_judged_by_what_it_leads_to() {
    let directory = directory();
    let open = written(&directory, "open", b"s3cret", 0o644);
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(open, &link).unwrap();
    assert!(why(&SecretRef::File(link)).contains("mode 0644"));
}

#[test]
fn a_credential_of_systemd_may_be_read_by_its_group() {
    let directory = directory();
    let path = written(&directory, "key", b"s3cret\n", 0o440);
    let home = directory.path().as_os_str().to_owned();
    let environment = |name: &str| (name == CREDENTIALS).then(|| home.clone());
    for reference in [SecretRef::Credential("key".into()), SecretRef::File(path.clone())] {
        assert_eq!(reference.read_in(&environment).unwrap().expose(), b"s3cret");
    }
    for mode in [0o444, 0o460, 0o450] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let fault = SecretRef::Credential("key".into()).read_in(&environment).err().unwrap();
        assert!(fault.why.contains("others may read or write it"), "{mode:o}");
    }
}

#[test]
fn a_credential_is_a_name_in_a_known_directory() {
    for name in ["", ".", "..", "../key", "/etc/shadow", "a/b", "a\0b"] {
        assert_eq!(why(&SecretRef::Credential(name.into())), "its name is not a file name");
    }
    assert_eq!(why(&SecretRef::Credential("key".into())), "`CREDENTIALS_DIRECTORY` is not set");
    let relative = SecretRef::Credential("key".into()).read_in(&|_| Some("run".into()));
    assert_eq!(relative.err().unwrap().why, "`CREDENTIALS_DIRECTORY` is not an absolute path");
}

#[test]
fn an_environment_variable_is_read_as_it_is() {
    let environment = |name: &str| (name == "KEY").then(|| "s3cret\n".into());
    assert_eq!(SecretRef::Environment("KEY".into()).read_in(&environment).unwrap().expose(), b"s3cret\n");
    assert_eq!(why(&SecretRef::Environment("KEY".into())), "it is not set");
    let empty = SecretRef::Environment("KEY".into()).read_in(&|_| Some(OsString::new()));
    assert_eq!(empty.err().unwrap().why, "it is empty");
}

#[test]
fn a_command_is_its_output() {
    assert_eq!(shell("echo s3cret").read().unwrap().expose(), b"s3cret");
    let words = |words: &[&str]| SecretRef::Command(words.iter().map(ToString::to_string).collect());
    // No shell reads the arguments.
    assert_eq!(words(&["/bin/echo", "$HOME;", "`id`"]).read().unwrap().expose(), b"$HOME; `id`");
    assert_eq!(why(&words(&["echo", "x"])), "the program is not an absolute path");
    assert_eq!(why(&words(&[])), "there is no program");
    assert!(why(&words(&["/none/such"])).contains("No such file"));
}

#[test]
fn a_command_that_fails_gives_no_secret() {
    assert_eq!(why(&shell("echo s3cret; exit 3")), "it failed (exit status: 3)");
    assert_eq!(why(&shell("exit 2")), "it failed (exit status: 2)");
    assert_eq!(why(&shell("exit 0")), "it is empty");
    assert_eq!(why(&shell("cat; exit 0")), "it is empty", "there is no standard input");
    assert_eq!(why(&shell("head -c 65537 /dev/zero; sleep 60")), "it is longer than 64 KiB");
}

#[test]
fn a_command_that_does_not_end_is_killed_with_what_it_started() {
    let begun = Instant::now();
    for script in ["sleep 60", "echo s3cret; exec >&-; sleep 60", "sleep 60 & sleep 60 & wait", "sleep 60 &"]
    {
        let SecretRef::Command(words) = shell(script) else { panic!("not a command") };
        let fault = command(&words, Duration::from_millis(200)).err().unwrap();
        assert_eq!(fault, "it did not end in time", "{script}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_a_command_started_ends_with_it() {
    let directory = directory();
    let noted = directory.path().join("pid");
    let script = format!("sleep 60 & echo $! > {}; wait", noted.display());
    let SecretRef::Command(words) = shell(&script) else { panic!("not a command") };
    assert!(command(&words, Duration::from_millis(300)).is_err());
    let pid: u32 = fs::read_to_string(noted).unwrap().trim().parse().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    // Gone, or dead and not collected yet by whoever inherited it: `pid (name) Z`.
    let runs = || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
    while runs() && Instant::now() < end {
        thread::yield_now();
    }
    assert!(!runs(), "`sleep` is still running");
}

#[test]
fn i8_no_message_holds_a_secret() {
    let fault = SecretError { reference: shell("echo s3cret"), why: "it failed".into() };
    assert_eq!(fault.to_string(), "cannot read the secret from command `/bin/sh`: it failed");
    assert_eq!(SecretRef::File("/etc/key".into()).to_string(), "file `/etc/key`");
    assert_eq!(SecretRef::Credential("key".into()).to_string(), "credential `key`");
    assert_eq!(SecretRef::Environment("KEY".into()).to_string(), "environment variable `KEY`");
}
