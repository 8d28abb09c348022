//! One byte of what was signed, changed: refused, at every place.

use super::{
    super::{Claimed, Mismatch},
    captures::{ENDS_IN_DOTS, SECRET},
    recorded::Recorded,
};

/// Every capture that verifies as sent.
fn signed() -> impl Iterator<Item = (Recorded, Claimed<'static>)> {
    Recorded::captures().into_iter().filter_map(|capture| {
        let claimed = capture.claimed()?;
        ENDS_IN_DOTS.iter().all(|(file, _)| *file != capture.file).then_some((capture, claimed))
    })
}

/// `text` with the lowest bit of one byte turned; none when that is no text.
fn turned(text: &str, place: usize) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    bytes[place] ^= 1;
    String::from_utf8(bytes).ok()
}

/// The path's normal form by itself: what the signer takes for the same target. (No capture has a query.)
fn normal(target: &str) -> String {
    let mut segments = Vec::new();
    for segment in target.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let folder = if ["/", "/.", "/.."].iter().any(|end| target.ends_with(end)) { "/" } else { "" };
    format!("/{}{folder}", segments.join("/"))
}

#[test]
fn a_byte_of_the_method_changed_is_refused() {
    for (capture, claimed) in signed() {
        for place in 0..capture.method.len() {
            let mut changed = capture.clone();
            changed.method = turned(&capture.method, place).unwrap();
            assert_eq!(
                changed.verify(&claimed, SECRET),
                Err(Mismatch),
                "{} {}",
                capture.file,
                changed.method
            );
        }
        for method in ["", "PUT", "post", "POST ", "POST\n/"] {
            let changed = Recorded { method: method.to_owned(), ..capture.clone() };
            assert_eq!(changed.verify(&claimed, SECRET), Err(Mismatch), "{} `{method}`", capture.file);
        }
    }
}

#[test]
fn a_byte_of_the_target_changed_is_refused_unless_its_normal_form_is_the_same() {
    let (mut refused, mut equal) = (0, 0);
    for (capture, claimed) in signed() {
        for place in 0..capture.target.len() {
            let Some(target) = turned(&capture.target, place) else { continue };
            let same = normal(&target) == normal(&capture.target);
            let changed = Recorded { target, ..capture.clone() };
            let verdict = changed.verify(&claimed, SECRET);
            assert!(verdict.is_err() || same, "{}: {}", capture.file, changed.target);
            if same { equal += 1 } else { refused += 1 }
        }
    }
    assert!(refused > 5_000 && equal > 0, "{refused} refused, {equal} the same");
}

#[test]
fn v6_targets_with_the_same_normal_form_have_the_same_signature() {
    let capture = Recorded::read("captures/boto3-update-normal.raw");
    let claimed = capture.claimed().unwrap();
    let target = capture.target.clone();
    let rest = target.strip_prefix("/users/").unwrap();
    // `wire` refuses every one of these but the first, before a signature is looked at.
    for same in [
        target.clone(),
        format!("//users/{rest}"),
        format!("/users//{rest}"),
        format!("/./users/{rest}"),
        format!("/users/./{rest}"),
        format!("/../users/{rest}"),
        format!("/users/x/../{rest}"),
        format!("/x/y/../../users/{rest}"),
        format!("{target}?"),
        format!("{target}?&"),
    ] {
        let changed = Recorded { target: same, ..capture.clone() };
        assert_eq!(changed.verify(&claimed, SECRET), Ok(()), "{}", changed.target);
    }
    for other in [
        format!("{target}/"),
        format!("{target}/."),
        format!("{target}?x=1"),
        format!("{target}#x"),
        format!("{target};x"),
        format!("/users/%2e/{rest}"),
        format!("/users/x/%2e%2e/{rest}"),
        format!("/%75sers/{rest}"),
        format!("/Users/{rest}"),
        format!("http://127.0.0.1{target}"),
        target.replacen('/', "", 1),
        "*".to_owned(),
        String::new(),
    ] {
        let changed = Recorded { target: other, ..capture.clone() };
        assert_eq!(changed.verify(&claimed, SECRET), Err(Mismatch), "{}", changed.target);
    }
}

#[test]
fn a_byte_of_a_signed_header_changed_is_refused_and_of_another_is_not() {
    let (mut refused, mut free) = (0, 0);
    for (capture, claimed) in signed() {
        for (index, (name, value)) in capture.headers.iter().enumerate() {
            if name == "authorization" {
                continue;
            }
            for place in 0..value.len() {
                let mut changed = capture.clone();
                let Some(value) = turned(value, place) else { continue };
                changed.headers[index].1 = value;
                let verdict = changed.verify(&claimed, SECRET);
                if claimed.signed_headers.contains(&name.as_str()) {
                    assert_eq!(
                        verdict,
                        Err(Mismatch),
                        "{}: {name}: {}",
                        capture.file,
                        changed.headers[index].1
                    );
                    refused += 1;
                } else {
                    assert_eq!(verdict, Ok(()), "{}: {name}", capture.file);
                    free += 1;
                }
            }
        }
    }
    assert!(refused > 5_000 && free > 5_000, "{refused} refused, {free} free");
}

#[test]
fn s6_a_signed_header_that_is_absent_doubled_or_empty_is_refused() {
    for (capture, claimed) in signed() {
        for name in &claimed.signed_headers {
            let index = capture.headers.iter().position(|(field, _)| field == name).unwrap();
            let mut absent = capture.clone();
            let field = absent.headers.remove(index);
            assert_eq!(absent.verify(&claimed, SECRET), Err(Mismatch), "{}: no {name}", capture.file);

            let mut doubled = capture.clone();
            doubled.headers.push(field);
            assert_eq!(doubled.verify(&claimed, SECRET), Err(Mismatch), "{}: two {name}", capture.file);

            let mut capitals = capture.clone();
            capitals.headers.push((name.to_uppercase(), "x".to_owned()));
            assert_eq!(
                capitals.verify(&claimed, SECRET),
                Err(Mismatch),
                "{}: {name} in capitals",
                capture.file
            );

            let mut empty = capture.clone();
            empty.headers[index].1.clear();
            assert_eq!(empty.verify(&claimed, SECRET), Err(Mismatch), "{}: empty {name}", capture.file);
        }
    }
}

#[test]
fn s9_another_list_of_signed_headers_is_refused() {
    for (capture, claimed) in signed() {
        for left_out in 0..claimed.signed_headers.len() {
            let mut fewer = claimed.clone();
            fewer.signed_headers.remove(left_out);
            assert_eq!(capture.verify(&fewer, SECRET), Err(Mismatch), "{}", capture.file);
        }
        for (name, _) in &capture.headers {
            if !claimed.signed_headers.contains(&name.as_str()) {
                let mut more = claimed.clone();
                more.signed_headers.push(name);
                more.signed_headers.sort_unstable();
                assert_eq!(capture.verify(&more, SECRET), Err(Mismatch), "{}: {name}", capture.file);
            }
        }
        let mut unsorted = claimed.clone();
        unsorted.signed_headers.reverse();
        assert_eq!(capture.verify(&unsorted, SECRET), Err(Mismatch), "{}", capture.file);
        let mut nothing = claimed.clone();
        nothing.signed_headers.clear();
        assert_eq!(capture.verify(&nothing, SECRET), Err(Mismatch), "{}", capture.file);
    }
}

#[test]
fn a_byte_of_the_body_changed_added_or_left_out_is_refused() {
    for (capture, claimed) in signed() {
        for place in 0..capture.body.len() {
            let mut changed = capture.clone();
            changed.body[place] ^= 1;
            assert_eq!(changed.verify(&claimed, SECRET), Err(Mismatch), "{} at {place}", capture.file);
        }
        let mut longer = capture.clone();
        longer.body.push(b' ');
        assert_eq!(longer.verify(&claimed, SECRET), Err(Mismatch), "{}", capture.file);
        let mut shorter = capture.clone();
        if shorter.body.pop().is_some() {
            assert_eq!(shorter.verify(&claimed, SECRET), Err(Mismatch), "{}", capture.file);
        }
    }
}

#[test]
fn a_byte_of_the_signature_or_of_the_scope_changed_is_refused() {
    for (capture, claimed) in signed() {
        for place in 0..claimed.signature.len() {
            let mut changed = claimed.clone();
            changed.signature[place] ^= 1;
            assert_eq!(capture.verify(&changed, SECRET), Err(Mismatch), "{} at {place}", capture.file);
        }
        for (date, region, service) in [
            ("20261122", "us-east-1", "connect"),
            ("20261120", "us-east-1", "connect"),
            ("", "us-east-1", "connect"),
            (claimed.date, "us-east-2", "connect"),
            (claimed.date, "", "connect"),
            (claimed.date, "us-east-1", "sts"),
            (claimed.date, "us-east-1", ""),
        ] {
            let mut changed = claimed.clone();
            changed.date = date;
            changed.region = region;
            changed.service = service;
            let scope = format!("{date}/{region}/{service}");
            assert_eq!(capture.verify(&changed, SECRET), Err(Mismatch), "{} in {scope}", capture.file);
        }
    }
}
