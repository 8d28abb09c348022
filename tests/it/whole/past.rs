//! What another policy would have answered, and which rules would be needed, by the ledger of a running guard.

use std::{fs, path::Path, process::Command};

use connect_guard::demo::connect::User;
use serde_json::Value;

use super::{change, look, run, text};
use crate::{
    records::of_kind,
    running::{Running, own_address, program, roomy, user},
};

const PROTECTED: &str = "[protected]\npermissions = [\"Users.Edit\", \"Users.EditPermission\"]\n";

/// A security profile with protected permissions.
const ADMIN: &str = "22222222-aaaa-bbbb-cccc-EXAMPLE22222";

/// A guard with two changes and one refusal, two reads, one of them refused.
async fn lived() -> Running {
    let mut setting = roomy((1..=2).map(user));
    // Where no permission is protected, nobody reads which ones a user has.
    setting.policy[0].1 = setting.policy[0].1.replace(PROTECTED, "");
    let guard = Running::with(setting).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    assert_eq!(change(&desk, 1, &[("Email", &own_address(&user(1)))]).await.status, 200, "{}", guard.log());
    assert_eq!(change(&help, 2, &[("FirstName", "Maria")]).await.status, 200);
    assert_eq!(change(&help, 2, &[("Email", &own_address(&user(2)))]).await.status, 403);
    assert_eq!(look(&help, 1).await.status, 200);
    guard
        .recorded(|records| {
            of_kind(records, "outcome").len() == 2 && !of_kind(records, "ordinary").is_empty()
        })
        .await;
    guard
}

/// What this policy would have answered: the exit code, and what is counted.
async fn replayed(guard: &Running, directory: &Path) -> (Option<i32>, Value) {
    let words = ["--format", "json", "policy", "replay", "--policy", directory.to_str().unwrap()];
    let output = run(policy(guard, &words)).await;
    let counted = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&output.stdout), text(&output.stderr)));
    (output.status.code(), counted)
}

fn policy(guard: &Running, words: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .env_clear()
        .args(words)
        .args(["--ledger", &guard.stage.ledger(), "--config"])
        .arg(guard.stage.config());
    command
}

/// How many of what was so would be so.
fn count(counted: &Value, was: &str, would_be: &str) -> u64 {
    let of = |one: &&Value| one["was"] == was && one["would_be"] == would_be;
    counted["counts"].as_array().unwrap().iter().filter(of).map(|one| one["count"].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_asked_what_was_asked_before() {
    let guard = lived().await;
    let policies = guard.stage.folder.join("policies");
    let replay = async |directory| replayed(&guard, directory).await;
    let (code, same) = replay(&policies).await;
    assert_eq!(
        (code, count(&same, "done", "allowed"), count(&same, "refused", "refused")),
        (Some(0), 3, 1),
        "{same}"
    );
    assert_eq!(same["counts"].as_array().unwrap().len(), 2, "{same}");
    assert_eq!(same["differences"], serde_json::json!([]));

    // Addresses of another form: that is known only to whoever opens what is sealed.
    let other = guard.stage.folder.join("other");
    fs::create_dir(&other).unwrap();
    let rules = fs::read_to_string(policies.join("policy.toml")).unwrap();
    let (rules, _) = rules.split_once("[[test]]").unwrap();
    let rules = rules.replace("{username}@example.com", "{username}.mail@example.com");
    fs::write(other.join("policy.toml"), &rules).unwrap();
    let (code, less) = replay(&other).await;
    assert_eq!(
        (code, count(&less, "done", "allowed"), count(&less, "done", "refused")),
        (Some(1), 2, 1),
        "{less}"
    );
    let difference = &less["differences"][0];
    assert_eq!(difference["caller"], "arn:aws:iam::111122223333:role/IdentityDesk", "{less}");
    assert_eq!(
        (&difference["action"], &difference["code"]),
        (&"connect:UpdateUserIdentityInfo".into(), &"no-rule".into())
    );
    // What the log does not say is not guessed.
    fs::write(other.join("policy.toml"), format!("{rules}{PROTECTED}")).unwrap();
    let (code, open) = replay(&other).await;
    assert_eq!((code, count(&open, "done", "open")), (Some(1), 1), "{open}");
    // And a rule more than there was.
    let rules = rules.replace(
        "\"LastName\", \"Mobile\"]",
        "\"LastName\", \"Mobile\", \"Email\"]\nemail_from = \"{username}@example.com\"",
    );
    fs::write(other.join("policy.toml"), rules.replace("{username}.mail", "{username}")).unwrap();
    let (code, more) = replay(&other).await;
    assert_eq!(
        (code, count(&more, "done", "allowed"), count(&more, "refused", "allowed")),
        (Some(0), 3, 1),
        "{more}"
    );
}

/// What a policy says to a record of the guard's ledger: the exit code, and the answer.
async fn explained(guard: &Running, directory: &Path, record: &str, open: bool) -> (Option<i32>, Value) {
    let mut command = Command::new(program());
    command.env_clear().args(["--format", "json", "policy", "explain"]).arg(directory);
    command.args(["--record", record]);
    if open {
        command.arg("--config").arg(guard.stage.config());
    } else {
        command.args(["--ledger", &guard.stage.ledger()]);
    }
    let output = run(command).await;
    let answer = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&output.stdout), text(&output.stderr)));
    (output.status.code(), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_explains_a_record() {
    let guard = lived().await;
    let policies = guard.stage.folder.join("policies");
    let records = guard.records().await;
    let name = |record: &Value| format!("{}/{}", record["chain"].as_str().unwrap(), record["seq"]);
    let desk =
        of_kind(&records, "intent").into_iter().find(|one| one["basis"]["grounds"][0]["of"] == "Email");
    let desk = name(desk.unwrap());
    let refusal = name(of_kind(&records, "refusal")[0]);

    // With the keys: as it was decided, rule by rule.
    let (code, answer) = explained(&guard, &policies, &desk, true).await;
    assert_eq!((code, &answer["decision"]), (Some(0), &"allow".into()), "{answer}");
    assert_eq!(answer["changing"], serde_json::json!(["Email"]), "{answer}");
    assert_eq!(answer["record"]["policy"], answer["policy"], "{answer}");
    let (code, answer) = explained(&guard, &policies, &refusal, true).await;
    assert_eq!((code, &answer["decision"]), (Some(4), &"refuse".into()), "{answer}");
    // Without them: what is sealed decides, and that is said.
    let (code, answer) = explained(&guard, &policies, &desk, false).await;
    assert_eq!((code, &answer["decision"]), (Some(1), &"open".into()), "{answer}");
    assert!(answer["unsaid"][0].as_str().unwrap().contains("to which address"), "{answer}");
    // What is shown holds no value.
    for secret in ["agent1", "@example"] {
        assert!(!answer.to_string().contains(secret), "{secret} is in {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_protected_is_asked_again() {
    let mut setting = roomy((1..=2).map(user));
    setting.connect.instances[0].users.push(User { profiles: vec![ADMIN.into()], ..user(3) });
    let guard = Running::with(setting).await;
    let desk = guard.caller("IdentityDesk");
    for (number, status) in [(1, 200), (2, 200), (3, 403)] {
        let answer = change(&desk, number, &[("Email", &own_address(&user(number)))]).await;
        assert_eq!(answer.status, status, "{}", guard.log());
    }
    guard.recorded(|records| of_kind(records, "outcome").len() == 2).await;

    // By the policy that decided: the same, and nothing is open.
    let policies = guard.stage.folder.join("policies");
    let (code, same) = replayed(&guard, &policies).await;
    let counts = |all: &Value| {
        let of = |was, would_be| count(all, was, would_be);
        [of("done", "allowed"), of("done", "refused"), of("refused", "allowed"), of("refused", "refused")]
    };
    assert_eq!((code, counts(&same)), (Some(0), [2, 0, 0, 1]), "{same}");
    assert_eq!(same["counts"].as_array().unwrap().len(), 2, "{same}");

    // By one that protects nobody, and by one that protects everybody.
    let other = guard.stage.folder.join("other");
    fs::create_dir(&other).unwrap();
    let rules = fs::read_to_string(policies.join("policy.toml")).unwrap();
    let (rules, _) = rules.split_once("[[test]]").unwrap();
    assert!(rules.contains(PROTECTED));
    fs::write(other.join("policy.toml"), rules.replace(PROTECTED, "")).unwrap();
    let (code, more) = replayed(&guard, &other).await;
    assert_eq!((code, counts(&more)), (Some(0), [2, 0, 1, 0]), "{more}");
    let everybody = "[protected]\npermissions = [\"BasicAgentAccess\"]\n";
    fs::write(other.join("policy.toml"), rules.replace(PROTECTED, everybody)).unwrap();
    let (code, less) = replayed(&guard, &other).await;
    assert_eq!((code, counts(&less)), (Some(1), [0, 2, 0, 1]), "{less}");
    assert_eq!(less["differences"][0]["code"], "protected", "{less}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_suggested_for_what_was_done() {
    let guard = lived().await;
    let output = run(policy(&guard, &["policy", "suggest"])).await;
    let (rules, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("suggested from 3 calls"), "{said}");
    assert!(rules.contains("role/IdentityDesk") && rules.contains("role/HelpDesk"), "{rules}");
    assert!(!rules.contains("connect:*"), "{rules}");
    for secret in ["agent1", "example.org", "Maria"] {
        assert!(!rules.contains(secret), "{secret} is in {rules}");
    }
}
