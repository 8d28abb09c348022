//! One open change of each target, one effect of each attempt, quotas; many at once.

use super::*;

#[tokio::test]
async fn an_intent_is_on_disk_before_it_is_given() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let rows = rows(&bench.url()).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(intent.record().hash, Digest::of(&rows[0].bytes).hex());
    assert_eq!((intent.record().chain.as_str(), intent.record().seq), ("gw-1", 1));
    let record = &bench.records().await[0];
    assert_eq!(record["operation"], "UpdateUserIdentityInfo");
    assert_eq!(record["target"]["id"][0], user(1));
    assert_eq!(record["notices"]["count"], 4);
    assert_eq!(record["basis"]["grounds"][1]["of"], "Email");
    assert!(
        matches!(intent.sent(Sent::Recovered).before(), Some(before) if before.value(Field::Email) == Some(OLD))
    );
    assert_eq!(bench.sound().await, 1);
}

#[tokio::test]
async fn e12_of_64_at_once_on_one_target_one_is_made() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let all = (0..64).map(|n| {
        let (ledger, permit) = (ledger.clone(), permit(&bench, 1, &format!("s{n}")));
        tokio::spawn(async move { intend(&ledger, permit).await })
    });
    let mut made = Vec::new();
    let mut busy = 0;
    for task in all.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(intent) => made.push(intent),
            Err(Unintended::Busy) => busy += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((made.len(), busy), (1, 63));
    assert_eq!(bench.kinds().await.iter().filter(|kind| *kind == "intent").count(), 1);
    assert_eq!(bench.kinds().await.iter().filter(|kind| *kind == "refusal").count(), 63);
    assert_eq!(bench.sound().await, 1);
}

#[tokio::test]
async fn many_at_once_share_commits() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let all = (0..64).map(|n| {
        let (ledger, permit) = (ledger.clone(), permit(&bench, n, "s"));
        tokio::spawn(async move { intend(&ledger, permit).await })
    });
    let mut made = Vec::new();
    for task in all.collect::<Vec<_>>() {
        made.push(task.await.unwrap().map_err(|why| format!("{why:?}")).unwrap());
    }
    let seqs: std::collections::BTreeSet<u64> = made.iter().map(|intent| intent.record().seq).collect();
    assert_eq!(seqs, (1..=64).collect());
    assert!(ledger.stats().commits <= 8, "{}", ledger.stats().commits);
    assert_eq!(bench.sound().await, 64);
}

#[tokio::test]
async fn the_way_is_free_after_the_outcome() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    assert_eq!(not_intended(&ledger, permit(&bench, 1, "b")).await, Unintended::Busy);
    // Another target is not concerned.
    let other = intend(&ledger, permit(&bench, 2, "c")).await;
    assert!(other.is_ok());
    let refusal = &bench.records().await[1];
    assert_eq!(
        (refusal["kind"].as_str(), refusal["refusal"]["code"].as_str()),
        (Some("refusal"), Some("busy"))
    );
    close(&ledger, intent.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    let back = permit_from(&bench, 1, NEW, OLD, "d", Vec::new());
    assert!(intend(&ledger, back).await.is_ok());
    assert_eq!(bench.sound().await, 2);
}

#[tokio::test]
async fn e10_a_read_that_shows_an_address_from_before_is_not_built_on() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    assert_eq!(not_intended(&ledger, permit(&bench, 1, "b")).await, Unintended::Busy);
    bench.pass(5 * 60);
    assert_eq!(not_intended(&ledger, permit(&bench, 1, "c")).await, Unintended::Busy);
    // Somebody else may have changed it back by then.
    bench.pass(1);
    assert!(intend(&ledger, permit(&bench, 1, "d")).await.is_ok());
}

#[tokio::test]
async fn e10_an_address_that_came_back_is_what_is_true() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    applied(&bench, &ledger, permit_from(&bench, 1, NEW, OLD, "b", Vec::new())).await;
    assert!(intend(&ledger, permit(&bench, 1, "c")).await.is_ok());
}

#[tokio::test]
async fn s15_the_same_attempt_has_one_intent() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    assert_eq!(not_intended(&ledger, permit(&bench, 1, "a")).await, Unintended::Repeated);
    close(&ledger, intent.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    // Also when it is closed, for 15 minutes.
    bench.pass(14 * 60);
    assert_eq!(not_intended(&ledger, permit(&bench, 1, "a")).await, Unintended::Repeated);
    bench.pass(2 * 60);
    assert!(intend(&ledger, permit(&bench, 1, "a")).await.is_ok());
}

#[tokio::test]
async fn s15_the_same_invocation_is_the_same_attempt_under_another_signature() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let with = |signature: &str, body: &str, n: u32| {
        let mut attempt = attempt(signature, body);
        attempt.invocation = Some(Digest::of(b"invocation"));
        let who = (caller(), attempt, update(n, NEW));
        Permit::for_tests(who, seen(n, OLD), Vec::new(), Vec::new(), bench.clock.now())
    };
    let first = intend(&ledger, with("a", "body", 1)).await;
    assert!(first.is_ok());
    assert_eq!(not_intended(&ledger, with("b", "body", 1)).await, Unintended::Repeated);
    // Another body, or another target, is another attempt whatever its ids are.
    assert_eq!(not_intended(&ledger, with("c", "another body", 1)).await, Unintended::Busy);
    assert!(intend(&ledger, with("a", "body", 2)).await.is_ok());
}

/// Path, query and header members are part of a request as its body is; the invocation is not signed.
#[tokio::test]
async fn s15_the_same_invocation_and_body_of_another_request_is_another_attempt() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let time = "x-amz-last-modified-time";
    let origin = |name: &str| {
        change("DELETE", &format!("/instance/{INSTANCE}/approved-origin?origin=https%3A%2F%2F{name}"), "")
    };
    let read = |notice: &str, at: &str| {
        let path = format!("/users/{INSTANCE}/{}/notifications/{notice}", user(1));
        change_with("POST", &path, &[(time, at)], r#"{"status":"READ"}"#)
    };
    let all = [
        origin("a.example.com"),
        origin("b.example.com"),
        read("n-1", "1"),
        read("n-2", "1"),
        read("n-1", "2"),
    ];
    let with = |signature: &str, change: &Change| {
        let attempt = Attempt { invocation: Some(Digest::of(b"invocation")), ..attempt(signature, "body") };
        let who = (caller(), attempt, change.clone());
        Permit::for_tests(who, Seen::default(), Vec::new(), Vec::new(), bench.clock.now())
    };
    for (index, change) in all.iter().enumerate() {
        let first = with(&format!("first {index}"), change);
        let earlier = ledger.earlier(&caller().principal, change, first.attempt(), Duration::ZERO).await;
        assert!(matches!(earlier, Ok(Earlier::None)), "{index}");
        let intent = intend(&ledger, first).await.ok().unwrap();
        close(&ledger, intent.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
        // Signed anew it is the same.
        let again = with(&format!("again {index}"), change);
        let earlier = ledger.earlier(&caller().principal, change, again.attempt(), Duration::ZERO).await;
        assert!(matches!(earlier, Ok(Earlier::Answered(_))), "{index}");
        assert_eq!(not_intended(&ledger, again).await, Unintended::Repeated, "{index}");
    }
}

#[tokio::test]
async fn g4_a_quota_is_counted_over_intents() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let with = |n, signature: &str, of| {
        permit_from(&bench, n, &old_of(n), &new_of(n), signature, vec![quota(2, of)])
    };
    applied(&bench, &ledger, with(1, "a", QuotaOf::User)).await;
    bench.pass(600);
    applied(&bench, &ledger, with(1, "b", QuotaOf::User)).await;
    bench.pass(600);
    let refused = not_intended(&ledger, with(1, "c", QuotaOf::User)).await;
    let Unintended::Quota { rule, wait } = refused else { panic!("{refused:?}") };
    assert_eq!((&*rule.id, wait), ("identity-desk-email", Duration::from_mins(40)));
    let last = bench.records().await.pop().unwrap();
    assert_eq!((last["kind"].as_str(), last["refusal"]["code"].as_str()), (Some("refusal"), Some("quota")));
    assert_eq!(last["refusal"]["place"], "desk.toml:3");
    assert_eq!(last["refusal"]["rule"], "identity-desk-email");
    // A refused request costs nothing, and another user's count is another.
    applied(&bench, &ledger, with(2, "d", QuotaOf::User)).await;
    bench.pass(40 * 60);
    applied(&bench, &ledger, with(1, "e", QuotaOf::User)).await;
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn g4_a_quota_of_a_caller_or_an_instance_spans_users() {
    for of in [QuotaOf::Caller, QuotaOf::Instance] {
        let bench = Bench::new();
        let ledger = bench.ledger().await;
        let with =
            |n, signature: &str| permit_from(&bench, n, OLD, &new_of(n), signature, vec![quota(1, of)]);
        applied(&bench, &ledger, with(1, "a")).await;
        assert!(matches!(not_intended(&ledger, with(2, "b")).await, Unintended::Quota { .. }), "{of:?}");
    }
}

#[tokio::test]
async fn g6_a_quota_outlives_a_restart() {
    let bench = Bench::new();
    let with = |from: &str, to: &str| permit_from(&bench, 1, from, to, to, vec![quota(1, QuotaOf::User)]);
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, with(OLD, NEW)).await;
    ledger.stop().await.unwrap();
    let ledger = bench.ledger().await;
    assert!(matches!(not_intended(&ledger, with(NEW, OLD)).await, Unintended::Quota { .. }));
}

#[tokio::test]
async fn what_was_not_done_counts_for_no_quota() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let with = |signature: &str| permit_from(&bench, 1, OLD, NEW, signature, vec![quota(1, QuotaOf::User)]);
    let not_done = bench.finding(Effect::NotApplied);
    for sent in [Sent::NotSent("no route".into()), Sent::Refused(answered(429))] {
        let intent = intend(&ledger, with("a")).await.map_err(|why| format!("{why:?}")).unwrap();
        close(&ledger, intent.sent(sent), not_done.clone()).await;
    }
    let intent = intend(&ledger, with("a")).await.map_err(|why| format!("{why:?}")).unwrap();
    close(&ledger, intent.sent(Sent::Refused(answered(400))), not_done).await;
    assert!(matches!(not_intended(&ledger, with("b")).await, Unintended::Quota { .. }));
}

#[tokio::test]
async fn c1_a_username_is_one_target() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let with = |name: &str, signature: &str| {
        let body = format!(
            r#"{{"Username":"{name}","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["p1"],"RoutingProfileId":"r1","Password":"Secret-password-1","IdentityInfo":{{"Email":"{name}"}}}}"#
        );
        let change = change("PUT", &format!("/users/{INSTANCE}"), &body);
        let who = (caller(), attempt(signature, name), change);
        Permit::for_tests(who, Seen::default(), Vec::new(), Vec::new(), bench.clock.now())
    };
    let first = intend(&ledger, with("mary@example.org", "a")).await;
    assert!(first.is_ok());
    assert_eq!(not_intended(&ledger, with("mary@example.org", "b")).await, Unintended::Busy);
    assert!(intend(&ledger, with("other@example.org", "c")).await.is_ok());
    let record = &bench.records().await[0];
    assert_eq!(
        (record["target"]["kind"].as_str(), record["target"]["id"][0].as_str()),
        (Some("username"), Some("~"))
    );
}

#[tokio::test]
async fn e10_a_read_that_shows_addresses_in_the_fields_from_before_is_not_built_on() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let asked = |signature: &str, seen: Seen, email: &str, second: &str| {
        let body = format!(r#"{{"IdentityInfo":{{"Email":"{email}","SecondaryEmail":"{second}"}}}}"#);
        let change = change("POST", &format!("/users/{INSTANCE}/{}/identity-info", user(1)), &body);
        let who = (caller(), attempt(signature, &body), change);
        Permit::for_tests(who, seen, Vec::new(), Vec::new(), bench.clock.now())
    };
    // Both addresses stay the user's, each in the field of the other.
    applied(&bench, &ledger, asked("a", seen(1, OLD), OLD_SECOND, OLD)).await;
    assert_eq!(not_intended(&ledger, asked("b", seen(1, OLD), OLD, NEW)).await, Unintended::Busy);
    let mut now = seen(1, OLD_SECOND);
    now.user.as_mut().unwrap().identity =
        Identity::new([(Field::Email, OLD_SECOND.to_owned()), (Field::SecondaryEmail, OLD.to_owned())]);
    assert!(intend(&ledger, asked("c", now, OLD, NEW)).await.is_ok());
}
