//! Ways into a terminal: what somebody wrote in a policy is read by those who review it, and by what builds it.

use std::{fs, process::Command};

use crate::running::program;

const POLICY: &str = r#"version = 1
[[allow]]
id        = "desk"
reason    = "a test"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:UpdateUserIdentityInfo"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields    = ["FirstName"]
[[test]]
name     = "NAME"
caller   = "arn:aws:sts::111122223333:assumed-role/HelpDesk/kim"
action   = "connect:UpdateUserIdentityInfo"
instance = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
user     = { username = "mary", Email = "mary.major@example.com" }
at       = 2027-03-12T10:00:00Z
change   = { FirstName = "Mary" }
expect   = "refuse"
because  = "no-rule"
"#;

/// The name of a test hides what came before it, renames the window, and says that other tests passed.
#[test]
fn i7_the_name_of_a_test_acts_on_nobodys_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let name = r"a\u001b[2K\u001b[1A\u001b]0;b\u0007\u009b31m\u202e\r\nother.toml:1: ok: everything";
    fs::write(folder.path().join("a.toml"), POLICY.replace("NAME", name)).unwrap();
    for format in ["human", "plain", "json"] {
        let output = Command::new(program())
            .args(["--format", format, "policy", "test"])
            .arg(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{said}");
        let acts = |letter: char| letter != '\n' && (letter.is_control() || letter == '\u{202e}');
        assert!(!said.contains(acts), "{format}: {said:?}");
        assert_eq!(said.lines().count(), 2, "{format}: {said:?}");
        if format == "json" {
            let read: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
            assert!(read["tests"][0]["name"].as_str().unwrap().starts_with("a\u{1b}[2K"), "{said}");
        }
    }
}
