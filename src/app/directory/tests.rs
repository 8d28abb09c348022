//! Policy directories as they are found on disks: good ones, Kubernetes's, and those that must not be believed.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::*;

/// A directory with these files.
fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    mode(folder.path(), 0o755);
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        mode(&path, 0o644);
    }
    folder
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names(files: &[Source]) -> Vec<&str> {
    files.iter().map(|file| file.name.rsplit('/').next().unwrap()).collect()
}

fn faults(folder: &TempDir) -> String {
    let faults = policy_files(folder.path()).expect_err("faults").plain();
    faults.replace(folder.path().to_str().unwrap(), "DIR")
}

fn denials_of(folder: &TempDir) -> String {
    let files = policy_files(folder.path()).expect("deny.d hides no other file");
    let found: Vec<String> = files
        .deny
        .into_iter()
        .map(|file| file.map_or_else(|why| format!("error: {why}"), |source| source.name.to_string()))
        .collect();
    found.join("\n").replace(folder.path().to_str().unwrap(), "DIR")
}

#[test]
fn files_are_sorted_by_what_they_are_and_by_name() {
    let folder = directory(&[
        ("b.toml", b"b"),
        ("a.toml", b"a"),
        ("revoked.toml", b"r"),
        ("hr.csv", b"username,address\n"),
        ("README.md", b"about"),
        ("old.toml.bak", b"passed over"),
        (".hidden.toml", b"passed over"),
        ("deny.d/2.toml", b"2"),
        ("deny.d/1.toml", b"1"),
        ("deny.d/.hidden.toml", b"passed over"),
        ("deny.d/README.md", b"about"),
        ("deeper/c.toml", b"passed over"),
    ]);
    let files = policy_files(folder.path()).unwrap();
    assert_eq!(names(&files.rules), ["a.toml", "b.toml"]);
    assert_eq!(&*files.rules[0].text, "a");
    assert_eq!(&*files.revoked.unwrap().unwrap().text, "r");
    assert_eq!(files.directories.len(), 1);
    let deny: Vec<Source> = files.deny.into_iter().map(Result::unwrap).collect();
    assert_eq!(names(&deny), ["1.toml", "2.toml"]);
}

#[test]
fn what_is_nearly_called_as_what_revokes_stops_changes() {
    for name in
        ["revoked.toml.txt", "revoked.toml~", "revoked.txt", "revoked", "Revoked.json", "revoked.toml.new"]
    {
        let files = policy_files(directory(&[("a.toml", b""), (name, b"r")]).path()).unwrap();
        let why = files.revoked.unwrap().unwrap_err();
        assert!(why.ends_with("what revokes is called `revoked.toml`"), "{name}: {why}");
        // Beside the file itself it is a copy of that.
        let files = policy_files(directory(&[(name, b"r"), ("revoked.toml", b"s")]).path()).unwrap();
        assert_eq!(&*files.revoked.unwrap().unwrap().text, "s", "{name}");
    }
    for folder in ["revoked.d/revoked.toml", "revoke.d/a.toml"] {
        let files = policy_files(directory(&[("a.toml", b""), (folder, b"r")]).path()).unwrap();
        assert!(files.revoked.is_some_and(|revoked| revoked.is_err()), "{folder}");
    }
    // What would be read as something else, or as nothing, is no copy.
    for name in [
        "revoked-2.toml",
        "Revoked.toml",
        "REVOKED.toml",
        "revoke.toml",
        "revocations.toml",
        "revoked.TOML",
        "revoked.csv",
    ] {
        for beside in [("a.toml", &b""[..]), ("revoked.toml", b"s")] {
            let files = policy_files(directory(&[beside, (name, b"r")]).path()).unwrap();
            assert!(!names(&files.rules).contains(&name), "{name}");
            let why = match files.revoked.unwrap() {
                Err(why) => why,
                Ok(revoked) => {
                    assert_eq!((&*revoked.text, beside.0), ("s", "revoked.toml"), "what it says holds");
                    files.deny.into_iter().find_map(Result::err).unwrap()
                }
            };
            assert!(
                why.ends_with(&format!("{name}` is not read: what revokes is called `revoked.toml`")),
                "{why}"
            );
            assert!(!names(&files.rules).contains(&name), "{name}");
        }
    }
    let files = policy_files(directory(&[("a.toml", b""), ("revoking.md", b"how")]).path()).unwrap();
    assert!(files.revoked.is_none());
}

#[test]
fn without_emergency_files_there_are_none() {
    let files = policy_files(directory(&[("a.toml", b"")]).path()).unwrap();
    assert!(files.revoked.is_none());
    assert!(files.deny.is_empty());
}

#[test]
fn o8_symbolic_links_as_kubernetes_makes_them() {
    let folder = directory(&[("..2027_03_12/a.toml", b"new"), ("..2027_03_11/a.toml", b"old")]);
    symlink("..2027_03_12", folder.path().join("..data")).unwrap();
    symlink("..data/a.toml", folder.path().join("a.toml")).unwrap();
    let files = policy_files(folder.path()).unwrap();
    assert_eq!(names(&files.rules), ["a.toml"]);
    assert_eq!(&*files.rules[0].text, "new");
}

#[test]
fn a_listing_is_as_old_as_it_was_last_written() {
    let folder = directory(&[("hr.csv", b"username,address\n")]);
    let at = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    File::options().write(true).open(folder.path().join("hr.csv")).unwrap().set_modified(at).unwrap();
    let files = policy_files(folder.path()).unwrap();
    assert_eq!(files.directories[0].modified.millis(), 1_800_000_000_000);
}

#[test]
fn f10_what_anybody_may_write_is_not_read() {
    let folder = directory(&[("a.toml", b""), ("b.toml", b""), ("hr.csv", b""), ("deny.d/x.toml", b"")]);
    mode(&folder.path().join("a.toml"), 0o646);
    mode(&folder.path().join("hr.csv"), 0o666);
    assert_eq!(
        faults(&folder),
        "error: cannot read `DIR/a.toml`: anybody may write it (mode 0646) \
         (hint: take the right away with `chmod o-w`: whoever may write a rule decides)\n\
         error: cannot read `DIR/hr.csv`: anybody may write it (mode 0666) \
         (hint: take the right away with `chmod o-w`: whoever may write a rule decides)\n"
    );
    mode(&folder.path().join("a.toml"), 0o664);
    mode(&folder.path().join("hr.csv"), 0o644);
    assert!(policy_files(folder.path()).is_ok(), "a group may");
    for writable in [0o757, 0o1777] {
        mode(folder.path(), writable);
        assert_eq!(
            faults(&folder),
            format!(
                "error: cannot read `DIR`: anybody may write in it (mode {writable:04o}) \
                 (hint: take the right away with `chmod o-w`: whoever may write a rule decides)\n"
            )
        );
    }
    symlink("..2027_03_12", folder.path().join("..data")).unwrap();
    assert_eq!(
        faults(&folder),
        "error: cannot read `DIR`: anybody may write in it (mode 1777) \
         (hint: a ConfigMap is mounted so: let the directory's name end with `/..data`)\n"
    );
}

#[test]
fn f10_a_file_of_somebody_else_is_not_read() {
    let folder = directory(&[("a.toml", b""), ("revoked.toml", b"")]);
    let about = fs::metadata(folder.path().join("a.toml")).unwrap();
    for (ours, owner_of_directory, is_fit) in [
        (about.uid(), about.uid() + 1, true),
        (about.uid() + 1, about.uid(), true),
        (about.uid() + 1, about.uid() + 1, about.uid() == 0),
    ] {
        let owners = Owners { ours, directory: owner_of_directory };
        assert_eq!(fit(&about, owners).is_ok(), is_fit, "{ours} {owner_of_directory}");
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(folder.path().join("a.toml"), Some(12345), None).unwrap();
        std::os::unix::fs::chown(folder.path().join("revoked.toml"), Some(12345), None).unwrap();
        assert_eq!(
            faults(&folder),
            "error: cannot read `DIR/a.toml`: it belongs to somebody else (uid 12345) \
             (hint: it belongs to root, to the user the guard runs as, or to whoever has the directory)\n"
        );
    }
}

#[test]
fn files_that_cannot_be_read_are_each_a_fault() {
    let folder = directory(&[("b.toml", b"a\xffb"), ("C.TOML", b""), ("hr.Csv", b"")]);
    symlink("nowhere", folder.path().join("a.toml")).unwrap();
    fs::create_dir(folder.path().join("d.toml")).unwrap();
    fs::write(folder.path().join(std::ffi::OsStr::new("e\u{308}.toml")), b"").unwrap();
    let big = File::create(folder.path().join("f.csv")).unwrap();
    big.set_len(FILE_MAX + 1).unwrap();
    mode(&folder.path().join("f.csv"), 0o644);
    let named = "its name does not say what it is \
                 (hint: names are UTF-8 and end in `.toml` or `.csv`, in small letters)";
    assert_eq!(
        faults(&folder),
        format!(
            "error: cannot read `DIR/C.TOML`: {named}\n\
             error: cannot read `DIR/a.toml`: No such file or directory (os error 2)\n\
             error: cannot read `DIR/b.toml`: octet 2 is not UTF-8\n\
             error: cannot read `DIR/d.toml`: it is not a regular file\n\
             error: cannot read `DIR/f.csv`: it is longer than 16 MiB\n\
             error: cannot read `DIR/hr.Csv`: {named}\n"
        )
    );
}

#[test]
fn a_fifo_is_refused_and_not_waited_for() {
    let folder = directory(&[]);
    let path = folder.path().join("a.toml");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::from(0o644), 0).unwrap();
    assert_eq!(faults(&folder), "error: cannot read `DIR/a.toml`: it is not a regular file\n");
}

#[test]
fn a_directory_that_is_not_there_is_a_fault() {
    let folder = directory(&[]);
    fs::remove_dir(folder.path()).unwrap();
    assert_eq!(
        faults(&folder),
        "error: cannot read `DIR`: No such file or directory (os error 2) (hint: a path in a configuration begins where that \
         file is, one of an argument where you are)\n"
    );
}

#[test]
fn o8_deny_d_that_cannot_be_read_is_an_unreadable_file() {
    let folder = directory(&[("deny.d", b"a file")]);
    assert_eq!(denials_of(&folder), "error: `DIR/deny.d`: Not a directory (os error 20)");
    fs::remove_file(folder.path().join("deny.d")).unwrap();
    symlink("nowhere", folder.path().join("deny.d")).unwrap();
    assert_eq!(denials_of(&folder), "error: `DIR/deny.d`: No such file or directory (os error 2)");
    fs::remove_file(folder.path().join("deny.d")).unwrap();
    fs::create_dir(folder.path().join("deny.d")).unwrap();
    mode(&folder.path().join("deny.d"), 0o777);
    assert_eq!(denials_of(&folder), "error: `DIR/deny.d`: anybody may write in it (mode 0777)");
}

/// In a hurry, somebody puts a denial where none is looked for: it is not passed over without a word.
#[test]
fn denials_in_the_wrong_place_are_unreadable() {
    for name in ["deny.d/stop.toml.txt", "deny.d/stop.toml~", "deny.d/now/stop.toml", "deny.d/stop.Toml.bak"]
    {
        let found = denials_of(&directory(&[(name, b"")]));
        assert!(
            found.starts_with("error: ") && found.contains("its name does not say what it is"),
            "{name}: {found}"
        );
    }
    assert!(faults(&directory(&[("Deny.d/stop.toml", b"")])).contains("DIR/Deny.d"));
    assert_eq!(denials_of(&directory(&[("deny.d/about.txt", b"")])), "");
}

#[test]
fn one_unreadable_denial_hides_no_other() {
    let folder = directory(&[
        ("deny.d/a.toml", b"a"),
        ("deny.d/b.toml", b"\xff"),
        ("deny.d/c.toml", b"c"),
        ("deny.d/d.TOML", b""),
    ]);
    assert_eq!(
        denials_of(&folder),
        "DIR/deny.d/a.toml\n\
         error: `DIR/deny.d/b.toml`: octet 1 is not UTF-8\n\
         DIR/deny.d/c.toml\n\
         error: `DIR/deny.d/d.TOML`: its name does not say what it is"
    );
}

#[test]
fn o8_revoked_toml_that_cannot_be_read_hides_no_other_file() {
    let folder = directory(&[("a.toml", b""), ("revoked.toml", b"")]);
    mode(&folder.path().join("revoked.toml"), 0o602);
    let files = policy_files(folder.path()).unwrap();
    assert_eq!(files.revoked.unwrap().unwrap_err(), "anybody may write it (mode 0602)");
    assert_eq!(files.rules.len(), 1);
    fs::remove_file(folder.path().join("revoked.toml")).unwrap();
    symlink("nowhere", folder.path().join("revoked.toml")).unwrap();
    let files = policy_files(folder.path()).unwrap();
    assert_eq!(files.revoked.unwrap().unwrap_err(), "No such file or directory (os error 2)");
}

/// Read as a policy: whatever cannot be read closes it.
#[test]
fn what_cannot_be_read_of_emergencies_closes_the_policy() {
    let now = Now::from("2027-03-12T10:00:00Z".parse::<Timestamp>().unwrap());
    for broken in ["revoked.toml", "deny.d/x.toml"] {
        let folder = directory(&[("a.toml", b"version = 1\n"), (broken, b"\xff")]);
        let files = policy_files(folder.path()).unwrap();
        let said = match crate::policy::Policy::compile(&files, now) {
            Ok((_, faults)) | Err(faults) if faults.fatal() => faults.plain(),
            Ok(_) | Err(_) => panic!("{broken} is read"),
        };
        assert!(said.contains("cannot be read"), "{broken}: {said}");
    }
}

#[test]
fn f10_a_configuration_is_read_as_a_policy_is() {
    let folder = directory(&[("config.toml", b"[log]\n"), ("other.toml", b"\xff")]);
    let path = folder.path().join("config.toml");
    assert_eq!(&*configuration(&path).unwrap().text, "[log]\n");
    mode(&path, 0o666);
    for (name, why) in [
        ("config.toml", "anybody may write it (mode 0666)"),
        ("other.toml", "octet 1 is not UTF-8"),
        (".", "it is not a regular file"),
        ("nowhere.toml", "No such file or directory"),
        ("nowhere/config.toml", "No such file or directory"),
    ] {
        let said = configuration(&folder.path().join(name)).unwrap_err().plain();
        assert!(said.contains(why), "{name}: {said}");
    }
    assert!(configuration(Path::new("Cargo.toml")).is_ok(), "a path without a directory");
}
