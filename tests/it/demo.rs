//! The story that `demo` tells comes out as it is told, and ends.

use std::{process::Command, time::Duration};

use tokio::time::timeout;

use crate::running::program;

#[tokio::test(flavor = "multi_thread")]
async fn the_story_goes_as_it_is_told() {
    let mut demo = Command::new(program());
    demo.args(["demo", "--once", "--format", "json"]);
    let told = tokio::task::spawn_blocking(move || demo.output().unwrap());
    let told = timeout(Duration::from_mins(3), told).await.expect("it ends").unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success(), "{text}{}", String::from_utf8_lossy(&told.stderr));
    let steps: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    let decisions: Vec<&str> = steps.iter().map(|step| step["decision"].as_str().unwrap()).collect();
    let expected =
        ["allowed", "REFUSED", "allowed", "once", "REFUSED", "REFUSED", "REFUSED", "limited", "whole"];
    assert_eq!(decisions, expected, "{text}");
    assert_eq!(steps[2]["mail"], "security, mary@example.com, mary@example.org");
    assert_eq!((&steps[4]["connect"], &steps[4]["ground"]), (&"nothing".into(), &"no-rule".into()));
}
