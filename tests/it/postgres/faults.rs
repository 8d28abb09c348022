//! A server that stops, hangs, and is full.

use connect_guard::demo::stage::Setting;

use crate::{Place, until};

#[tokio::test(flavor = "multi_thread")]
async fn fault_13_a_server_that_is_gone_or_hangs_takes_no_change_and_comes_back() {
    let mut place = Place::with(3, Setting::default()).await;
    let guard = place.guard().await;
    assert_eq!(place.status(&guard, 1).await, Some(200), "{}", guard.log());
    place.server.down();
    assert_eq!(place.status(&guard, 2).await, Some(503), "{}", guard.log());
    assert_eq!(place.looks(&guard).await, 200);
    assert_eq!(place.made(2), 0);
    place.server.up();
    until("a change", || async { (place.status(&guard, 2).await == Some(200)).then_some(()) }).await;
    place.server.pause();
    assert_eq!(place.status(&guard, 3).await, Some(503), "{}", guard.log());
    assert_eq!(place.looks(&guard).await, 200);
    assert_eq!(place.made(3), 0);
    place.server.resume();
    until("a change", || async { (place.status(&guard, 3).await == Some(200)).then_some(()) }).await;
    assert_eq!((place.made(2), place.made(3)), (1, 1));
    place.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_13_a_server_that_is_full_takes_no_change_until_there_is_room() {
    const USERS: usize = 40;
    let place = Place::with(USERS, Setting::default()).await;
    let guard = place.guard().await;
    assert_eq!(place.status(&guard, 1).await, Some(200), "{}", guard.log());
    // The table is as long as any file may be, with no room left by the last time it grew. What is deleted leaves room only
    // once it is vacuumed.
    place
        .server
        .run(
            "ALTER TABLE records SET (autovacuum_enabled = off); ALTER TABLE records DISABLE TRIGGER USER; \
             INSERT INTO records (chain, seq, bytes) \
             SELECT 'filler', n, decode(repeat(md5(n::TEXT), 90), 'hex') FROM generate_series(1, 14000) n; \
             DO $$ DECLARE n INT := 14000; was BIGINT := pg_relation_size('records'); BEGIN \
             WHILE pg_relation_size('records') = was LOOP n := n + 1; INSERT INTO records (chain, seq, bytes) \
             VALUES ('filler', n, decode(repeat(md5(n::TEXT), 90), 'hex')); END LOOP; END $$; \
             DELETE FROM records WHERE chain = 'filler'; ALTER TABLE records ENABLE TRIGGER USER",
        )
        .await;
    assert!(place.server.count("SELECT pg_relation_size('records')").await > 16 * 1024 * 1024);
    place.server.limit_files("16777216");
    // Refused is what no intent can be written of. What is made and cannot be recorded is 500: its outcome comes later.
    let (mut refused, mut unrecorded, mut made) = (None, 0, 1);
    for number in 2..=USERS {
        let status = place.status(&guard, number).await;
        match status {
            Some(200) => {}
            Some(500) => unrecorded += 1,
            Some(503) => refused = Some(number),
            other => panic!("{other:?} {}", guard.log()),
        }
        assert_eq!(place.made(number), usize::from(status != Some(503)), "{status:?} {}", guard.log());
        made += place.made(number);
        if refused.is_some() || unrecorded == 3 {
            break;
        }
    }
    assert!(refused.is_some() || unrecorded > 0, "it was never full");
    assert!(place.server.log().contains("could not extend file"), "{}", place.server.log());
    assert_eq!(place.looks(&guard).await, 200);
    place.server.limit_files("unlimited");
    let next = refused.unwrap_or(USERS);
    until("a change", || async { (place.status(&guard, next).await == Some(200)).then_some(()) }).await;
    assert_eq!(place.made(next), 1);
    let open = "SELECT count(*) FROM intents WHERE state <> 'closed'";
    until("every outcome", || async { (place.server.count(open).await == 0).then_some(()) }).await;
    let applied = "SELECT count(*) FROM records WHERE kind = 'outcome' \
        AND record_says(bytes, 'effect') IN ('applied', 'inferred_applied')";
    assert_eq!(place.server.count(applied).await, i64::try_from(made + 1).unwrap());
    place.sound();
}

/// Says that the disk is full for whatever makes a table longer, but for what is written once the ballast was given back.
const FULL: &str = "CREATE FUNCTION full_now() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN \
    RAISE EXCEPTION 'could not extend file: no space left on device' USING ERRCODE = 'disk_full'; END $$; \
    CREATE FUNCTION full_at_last() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN \
    IF NEW.kind = 'outcome' AND EXISTS (SELECT 1 FROM ballast) THEN \
    RAISE EXCEPTION 'could not extend file: no space left on device' USING ERRCODE = 'disk_full'; END IF; \
    RETURN NULL; END $$; \
    CREATE TRIGGER full_now BEFORE INSERT ON ballast FOR EACH ROW EXECUTE FUNCTION full_now(); \
    CREATE TRIGGER full_at_last AFTER INSERT ON records FOR EACH ROW EXECUTE FUNCTION full_at_last()";

#[tokio::test(flavor = "multi_thread")]
async fn fault_13_a_server_that_is_full_gives_back_what_the_outcome_of_a_change_needs() {
    let place = Place::with(4, Setting::default()).await;
    let (one, other) = (place.guard().await, place.guard().await);
    assert_eq!(place.status(&one, 1).await, Some(200), "{}", one.log());
    place.server.run(FULL).await;
    // Its intent has room, its outcome has none but that.
    assert_eq!(place.status(&one, 2).await, Some(200), "{}", one.log());
    assert_eq!(place.server.count("SELECT count(*) FROM ballast").await, 0);
    for guard in [&one, &other] {
        assert_eq!(place.status(guard, 3).await, Some(503), "{}", guard.log());
        assert_eq!(place.looks(guard).await, 200);
    }
    assert_eq!((place.made(2), place.made(3)), (1, 0));
    place.server.run("DROP TRIGGER full_at_last ON records; DROP TRIGGER full_now ON ballast").await;
    until("a change", || async { (place.status(&other, 3).await == Some(200)).then_some(()) }).await;
    assert_eq!(place.status(&one, 4).await, Some(200), "{}", one.log());
    assert_eq!(place.server.count("SELECT pg_relation_size('ballast')").await, 8 * 1024 * 1024);
    place.sound();
}
