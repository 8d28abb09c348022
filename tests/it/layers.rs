//! The law of the modules: each uses only those above it in `src/lib.rs`, and names only the outside crates of its
//! family. Read from the sources themselves, token by token, so that macros and full paths count as well as imports.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a syntax tree has many kinds of nodes, and few matter here"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// Where outside crates may be named. A crate that is not listed may be named anywhere.
const FAMILIES: &[(&[&str], &[&str])] = &[
    (&["hyper", "hyper_util", "http_body_util"], &["client", "server", "demo"]),
    (&["rustls", "tokio_rustls", "rustls_platform_verifier"], &["client", "server", "notify", "demo", "app"]),
    (&["socket2"], &["client"]),
    (&["x509_parser"], &["server"]),
    (&["aws_sigv4"], &["sigv4"]),
    (&["aws_credential_types"], &["sigv4", "upstream", "relay"]),
    (&["aws_config", "aws_runtime", "aws_smithy_runtime_api", "aws_types"], &["upstream", "relay"]),
    (&["fail"], &["crash"]),
    (&["sqlx"], &["store"]),
    (&["lettre"], &["notify"]),
    (&["roxmltree"], &["session"]),
    (&["governor"], &["limit"]),
    (&["minijinja"], &["notice", "cli"]),
    (&["flate2"], &["cli", "ledger"]),
    (&["clap", "anstream", "anstyle"], &["cli", "demo"]),
    (&["clap_complete", "clap_mangen"], &["cli"]),
    (&["annotate_snippets"], &["diagnostic"]),
    (&["httparse"], &["wire", "client"]),
    (&["toml", "serde_spanned"], &["policy", "config"]),
    (&["toml_edit", "regex_lite"], &["policy"]),
    (&["rcgen"], &["demo"]),
    (&["sd_notify"], &["server"]),
    (&["prometheus_client"], &["server"]),
    (&["tracing_subscriber"], &["cli"]),
];

/// Where the process may be ended by a test: on the path of a change, and nowhere else. (In `store` a test makes it a later
/// version of the program.)
const CRASHES: &[&str] = &["store", "client", "ledger", "notify", "guard"];

/// Modules that are pure: no I/O and no time of their own.
const PURE: &[&str] = &["wire", "sigv4", "caller", "operation", "policy", "notice", "aws"];

/// What a pure module does not name.
const IMPURE: &[&[&str]] = &[
    &["tokio"],
    &["tokio_util"],
    &["std", "fs"],
    &["std", "net", "TcpStream"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "env"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime", "now"],
];

#[test]
fn each_module_uses_only_modules_above_it() {
    let order = modules();
    let place: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let mut faults = Vec::new();
    for (module, file) in sources(&order) {
        for used in paths_from(&tokens(&file), "crate") {
            let Some(used) = used.first() else { continue };
            match place.get(used.as_str()) {
                Some(at) if *at > place[module.as_str()] => {
                    faults
                        .push(format!("{}: `{module}` uses `{used}`, which stands below it", file.display()));
                }
                Some(_) => {}
                None => faults.push(format!("{}: no module is called `{used}`", file.display())),
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn outside_crates_are_named_by_their_family_only() {
    let order = modules();
    let mut faults = Vec::new();
    for (module, file) in sources(&order) {
        let tokens = tokens(&file);
        for (crates, allowed) in FAMILIES {
            for name in *crates {
                if !allowed.contains(&module.as_str()) && names(&tokens, name) {
                    faults.push(format!("{}: `{module}` names `{name}`", file.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_test_ends_the_process_on_the_path_of_a_change_only() {
    let order = modules();
    let mut faults = Vec::new();
    for (module, file) in sources(&order) {
        let paths = paths_from(&tokens(&file), "crate");
        if paths.iter().any(|path| path[0] == "crash") && !CRASHES.contains(&module.as_str()) {
            faults.push(format!("{}: `{module}` names `crash`", file.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The crate `fail` comes with a feature that nothing has unless it is asked for, so it is in nothing that is shipped.
#[test]
fn what_is_shipped_cannot_be_ended_by_a_test() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let fail = &manifest["dependencies"]["fail"];
    assert_eq!(fail["optional"].as_bool(), Some(true), "{fail:?}");
    let features = manifest["features"].as_table().unwrap();
    for (feature, parts) in features {
        let parts: Vec<_> = parts.as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
        let brings = |part: &&str| part.trim_start_matches("dep:").split(['/', '?']).next() == Some("fail");
        let named = parts.contains(&"failpoints") || parts.iter().any(brings);
        assert_eq!(named, feature == "failpoints", "the feature `{feature}` has {parts:?}");
        assert!(!parts.contains(&"fuzzing"), "the feature `{feature}` opens the door for `fuzz`");
    }
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--no-default-features",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    let crates = String::from_utf8(tree.stdout).unwrap();
    assert!(
        crates.lines().any(|line| line.starts_with("sqlx ")),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    assert!(!crates.lines().any(|line| line.starts_with("fail ")), "{crates}");
}

#[test]
fn pure_modules_do_nothing() {
    let order = modules();
    let mut faults = Vec::new();
    for (module, file) in sources(&order) {
        if !PURE.contains(&module.as_str()) {
            continue;
        }
        let tokens = tokens(&file);
        for path in IMPURE {
            let Some((root, rest)) = path.split_first() else { continue };
            let named = if rest.is_empty() {
                names(&tokens, root)
            } else {
                paths_from(&tokens, root)
                    .iter()
                    .any(|used| used.iter().zip(rest.iter()).filter(|(a, b)| a == b).count() == rest.len())
            };
            if named {
                faults.push(format!(
                    "{}: `{module}` is pure and names `{}`",
                    file.display(),
                    path.join("::")
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let order = modules();
    let mut faults = Vec::new();
    for (_, file) in sources(&order) {
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("//!") {
            faults.push(format!("{}: does not begin with `//!`", file.display()));
        }
        // A table is data: it is as long as what it lists.
        let lines = text.lines().count();
        if lines > 400 && file.file_name().is_none_or(|name| name != "routes.rs") {
            faults.push(format!("{}: {lines} lines, look for the second idea in it", file.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The modules in the order of `src/lib.rs`.
fn modules() -> Vec<String> {
    let text = fs::read_to_string(root().join("lib.rs")).unwrap();
    let file = syn::parse_file(&text).unwrap();
    let found: Vec<String> = file
        .items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Mod(module) => Some(module.ident.to_string()),
            _ => None,
        })
        .collect();
    assert!(found.len() > 20, "too few modules found: {found:?}");
    found
}

/// Every source file of each module, but for `lib.rs`, `main.rs` and tests.
fn sources(order: &[String]) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for module in order {
        let file = root().join(format!("{module}.rs"));
        let folder = root().join(module);
        assert!(file.is_file() != folder.is_dir(), "`{module}` is a file or a folder");
        if file.is_file() {
            found.push((module.clone(), file));
        } else {
            walk(&folder, &mut |path| found.push((module.clone(), path)));
        }
    }
    found
}

/// Every source file below `folder` that is not compiled for tests only.
fn walk(folder: &Path, found: &mut dyn FnMut(PathBuf)) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let tests = declared_for_tests(&folder.join("mod.rs"));
    for path in entries {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if tests.contains(&name) {
            continue;
        }
        if path.is_dir() {
            // The folder of `x.rs` holds what `x.rs` declares.
            let parent = path.with_extension("rs");
            let tests = if parent.is_file() { declared_for_tests(&parent) } else { Vec::new() };
            walk(&path, &mut |inner: PathBuf| {
                if !tests.contains(&inner.file_stem().unwrap().to_string_lossy().into_owned()) {
                    found(inner);
                }
            });
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found(path);
        }
    }
}

/// The modules that a file declares for tests only.
fn declared_for_tests(file: &Path) -> Vec<String> {
    let Ok(text) = fs::read_to_string(file) else { return Vec::new() };
    let items = syn::parse_file(&text).unwrap().items;
    let tests = items.iter().filter(|item| for_tests(item));
    tests
        .filter_map(|item| match item {
            syn::Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
            _ => None,
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The tokens of a file without what is compiled for tests only.
fn tokens(file: &Path) -> TokenStream {
    let text = fs::read_to_string(file).unwrap();
    let mut parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    parsed.attrs.clear();
    parsed.items.retain(|item| !for_tests(item));
    parsed.to_token_stream()
}

fn for_tests(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        _ => return false,
    };
    attributes
        .iter()
        .any(|attribute| attribute.to_token_stream().to_string().replace(' ', "").contains("cfg(test)"))
}

/// Every path that begins with `root::`, without it: `crate::a::b` gives `[a, b]`, `crate::{a, b::c}` gives both.
fn paths_from(tokens: &TokenStream, root: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    collect(tokens.clone(), root, &mut found);
    found
}

fn collect(stream: TokenStream, root: &str, found: &mut Vec<Vec<String>>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    for (at, tree) in trees.iter().enumerate() {
        if let TokenTree::Group(group) = tree {
            collect(group.stream(), root, found);
        }
        let begins = at < 2 || !(is_colon(&trees[at - 1]) && is_colon(&trees[at - 2]));
        if matches!(tree, TokenTree::Ident(ident) if ident == root) && begins {
            follow(&trees[at + 1..], Vec::new(), found);
        }
    }
}

/// Follows `::name::name` or `::{...}` from here.
fn follow(rest: &[TokenTree], path: Vec<String>, found: &mut Vec<Vec<String>>) {
    match rest {
        [first, second, TokenTree::Ident(name), more @ ..] if is_colon(first) && is_colon(second) => {
            let mut path = path;
            path.push(name.to_string());
            follow(more, path, found);
        }
        [first, second, TokenTree::Group(group), ..]
            if is_colon(first) && is_colon(second) && group.delimiter() == Delimiter::Brace =>
        {
            let trees: Vec<TokenTree> = group.stream().into_iter().collect();
            for branch in
                trees.split(|tree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ','))
            {
                if let [TokenTree::Ident(name), more @ ..] = branch {
                    let mut path = path.clone();
                    path.push(name.to_string());
                    follow(more, path, found);
                }
            }
        }
        _ if !path.is_empty() => found.push(path),
        _ => {}
    }
}

fn is_colon(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ':' && matches!(punct.spacing(), Spacing::Joint | Spacing::Alone))
}

/// Whether a file names an outside crate: `name::...` at the beginning of a path, or `use name`.
fn names(tokens: &TokenStream, name: &str) -> bool {
    fn search(stream: TokenStream, name: &str) -> bool {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        trees.iter().enumerate().any(|(at, tree)| match tree {
            TokenTree::Group(group) => search(group.stream(), name),
            TokenTree::Ident(ident) if ident == name => {
                let inside = at >= 2 && is_colon(&trees[at - 1]) && is_colon(&trees[at - 2]);
                let opens =
                    trees.get(at + 1).is_some_and(is_colon) && trees.get(at + 2).is_some_and(is_colon);
                let imported =
                    at >= 1 && matches!(&trees[at - 1], TokenTree::Ident(before) if before == "use");
                !inside && (opens || imported)
            }
            _ => false,
        })
    }
    search(tokens.clone(), name)
}
