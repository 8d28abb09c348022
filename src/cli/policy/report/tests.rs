//! The page: what it says, that it stands alone, and that no rule can write into it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{filled, page};
use crate::{
    clock::Now,
    policy::{Policy, PolicyFiles, advice, trials},
    secret::Digest,
};

const GOLDEN: &str = include_str!("../../../../tests/data/policy-report.html");

const RULES: &str = r#"version = 1

[[allow]]
id = "desk"
reason = "The identity desk corrects addresses (SEC-1042)"
callers = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions = ["connect:UpdateUserIdentityInfo"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields = ["Email"]
email_any_in = { domains = ["example.com"], because = "a pilot until the HR file is there" }
expires = 2027-06-30

[[allow]]
id = "desktop"
reason = "The agents' desktop reads"
callers = ["arn:aws:iam::111122223333:role/AgentDesktop"]
actions = ["connect:*"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]

[[deny]]
id = "freeze"
reason = "Audit week (CHG-77)"
fields = ["Email"]
expires = 2027-01-31

[protected]
permissions = ["Users.Edit"]

[shared]
mailboxes = ["support@example.com"]

[[test]]
name = "the desk corrects an address"
caller = "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim"
action = "connect:UpdateUserIdentityInfo"
instance = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
user = { username = "mary", Email = "mary@example.org" }
at = 2027-03-12T10:00:00Z
change = { Email = "mary@example.com" }
expect = "allow"
"#;

fn made(rules: &str) -> String {
    let now: Now = "2027-01-12T10:00:00Z".parse::<jiff::Timestamp>().unwrap().into();
    let files = PolicyFiles::of_rules([("rules.toml", rules)]);
    let (policy, mut faults) =
        Policy::compile(&files, now).unwrap_or_else(|faults| panic!("{}", faults.plain()));
    faults.extend(advice(&files, now));
    let trials = trials(&files, &[], now).unwrap();
    let filled = filled::filled("policies", &policy, &policy.overview(&files, now), &faults, &trials, now);
    page(&filled).unwrap()
}

/// Names of elements in the order in which they open and close; panics where they do not fit.
fn elements(page: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        rest = after;
        if tag.starts_with('!') {
            continue;
        }
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap().to_owned();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "<{tag}>");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "</{name}>");
        } else {
            seen.push(name.clone());
            if name != "meta" && name != "wbr" {
                open.push(name.clone());
            }
            if name == "style" {
                rest = rest.split_once("</style>").expect("the style ends").1;
                open.pop();
            }
        }
    }
    assert!(open.is_empty(), "{open:?} do not end");
    seen
}

#[test]
fn it_says_what_it_is_to_say() {
    let page = made(RULES);
    let written = concat!(env!("CARGO_MANIFEST_DIR"), "/target/policy-report.html");
    std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/target")).unwrap();
    std::fs::write(written, &page).unwrap();
    assert!(page == GOLDEN, "the page is another: compare {written} with tests/data/policy-report.html");
}

#[test]
fn it_stands_alone() {
    let page = made(RULES);
    let found = elements(&page);
    for name in ["script", "link", "img", "iframe", "object", "form", "base", "svg"] {
        assert!(!found.iter().any(|one| one == name), "{name}");
    }
    for part in ["http:", "https:", "//", "src=", "url(", "@import", " style=", " onclick"] {
        assert!(!page.replace("default-src", "").replace("style-src", "").contains(part), "{part}");
    }
    let (_, style) = page.split_once("<style>").unwrap();
    let style = style.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Digest::of(style.as_bytes()).bytes());
    assert!(
        page.contains(&format!("content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri")),
        "{hash}"
    );
    for link in page.split("href=\"").skip(1) {
        let target = link.strip_prefix('#').unwrap().split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
    }
}

#[test]
fn it_can_be_heard_and_walked_through() {
    let page = made(RULES);
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    let found = elements(&page);
    assert_eq!(found.iter().filter(|name| *name == "h1").count(), 1);
    assert_eq!(found.iter().filter(|name| *name == "main").count(), 1);
    let headings: Vec<&String> =
        found.iter().filter(|name| name.len() == 2 && name.starts_with('h')).collect();
    assert!(
        headings.windows(2).all(|pair| pair[1].as_bytes()[1] <= pair[0].as_bytes()[1] + 1),
        "{headings:?}"
    );
    for header in page.split("<th").skip(1).filter(|rest| !rest.starts_with("ead")) {
        assert!(header.split('>').next().unwrap().contains("scope="), "{header}");
    }
    assert_eq!(page.matches("<table").count(), page.matches("<caption>").count());
}

#[test]
fn no_rule_writes_into_it() {
    let hostile = [
        "<script>alert(1)</script> is why",
        "\"><img src=x onerror=alert(1)> is why",
        "</style><style>*{display:none}</style> is why",
        "{{ 7 * 7 }} {% raw %} why",
        "&lt;b&gt; ' why",
    ];
    let plain = elements(&made(RULES));
    for text in hostile {
        let quoted = serde_json::Value::from(text).to_string();
        let mut rules = RULES.to_owned();
        for written in [
            "\"The identity desk corrects addresses (SEC-1042)\"",
            "\"Audit week (CHG-77)\"",
            "\"a pilot until the HR file is there\"",
            "\"Users.Edit\"",
            "\"the desk corrects an address\"",
        ] {
            assert!(rules.contains(written), "{written}");
            rules = rules.replace(written, &quoted);
        }
        let page = made(&rules);
        assert_eq!(elements(&page), plain, "{text}");
        // What the page's own templates would take for theirs stands as it is; what HTML would, does not.
        assert_eq!(page.contains(text), text.starts_with("{{"), "{text}");
    }
}
