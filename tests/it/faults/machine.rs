//! The machine under the guard: it ends in the middle, peers are without end, memory and processor are taken away.

use std::{env, fs, path::PathBuf, time::Duration};

use connect_guard::demo::{caller::Request, connect::Fault, process::Signal, stage::INSTANCE};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet, time::timeout};

use super::{
    UPDATE, change,
    settled::{changed, is_consistent},
};
use crate::{
    rates::resident,
    records::of_kind,
    running::{LIMIT, Running, program, rewrite, roomy, until, user},
};

/// The end of the process at the steps of a change: when the user is read, when the change is sent, and when it was made.
#[tokio::test(flavor = "multi_thread")]
async fn fault_07_killed_at_named_steps() {
    for (step, operation, fault) in [
        ("describe", "DescribeUser", Fault::Hang),
        ("send", UPDATE, Fault::Hang),
        ("made", UPDATE, Fault::HangAfter),
    ] {
        let mut guard = Running::with(roomy((1..=2).map(user))).await;
        guard.stage.connect.fail_next(operation, fault);
        let desk = guard.caller("IdentityDesk");
        let request = change(&user(1));
        let asking = tokio::spawn(async move { desk.send(&request).await });
        timeout(LIMIT, guard.stage.connect.wait_for(1, operation)).await.unwrap();
        guard.process.kill().await.unwrap();
        assert!(timeout(LIMIT, asking).await.unwrap().unwrap().is_err(), "{step}: somebody answered");
        guard.process.restart(&guard.stage).await.unwrap();
        is_consistent(&guard).await;
        let records = guard.records().await;
        let intents = of_kind(&records, "intent").len();
        assert_eq!(intents, usize::from(step != "describe"), "{step}");
        assert_eq!(changed(&guard, 2).await, 200, "{step} {}", guard.log());
        assert!(guard.stage.connect.updates().len() <= 2, "{step}: sent again");
    }
}

/// Three hundred callers who are slow in every way; one who is not is served at once.
#[tokio::test(flavor = "multi_thread")]
async fn fault_10_slow_callers() {
    let guard = Running::with(roomy([user(1)])).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let octets = desk.sign(&change(&user(1)), desk.now()).unwrap();
    let mut open = Vec::new();
    for number in 0..100 {
        let mut connection = desk.connect().await.unwrap();
        let cut = [octets.len() - 1, 40, 0][number % 3];
        connection.write(&octets[..cut]).await.unwrap();
        open.push(connection);
    }
    let mut plain = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(guard.address).await.unwrap();
        stream.write_all(&[0x16, 3, 1]).await.unwrap();
        plain.push(stream);
    }
    for _ in 0..20 {
        let read = Request::describe_user(INSTANCE, &user(1).id);
        let answer = timeout(LIMIT, help.send(&read)).await.expect("an answer").unwrap();
        assert_eq!(answer.status, 200, "{}", guard.log());
    }
    assert!(guard.stage.connect.updates().is_empty());
}

/// Idle connections, where nothing else is said: `tests/long idle` has ten thousand.
const IDLE: usize = 1_000;

#[expect(clippy::disallowed_methods, reason = "how many connections there are is the caller's choice")]
fn idle() -> usize {
    let value = env::var("IDLE_CONNECTIONS").ok();
    value.map_or(IDLE, |value| {
        value.parse().unwrap_or_else(|_| panic!("IDLE_CONNECTIONS is no number: `{value}`"))
    })
}

/// Thousands of idle connections, half of which were used: each costs little, and whoever comes next is served.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what each cost is read from there")]
async fn fault_11_idle_connections() {
    let idle = idle();
    let guard = Running::amended(roomy([user(1)]), |stage| {
        let caps = format!(
            "key_file    = \"tls/guard.key\"\n\n[listen.caps]\nconnections = {most}\nconnections_per_source = {most}\n\n\
             [listen.timeouts]\nidle = \"10m\"\n",
            most = idle + 100
        );
        rewrite(stage, "key_file    = \"tls/guard.key\"\n", &caps);
        PathBuf::from(program())
    })
    .await;
    let help = guard.caller("HelpDesk");
    let read = Request::describe_user(INSTANCE, &user(1).id);
    assert_eq!(help.send(&read).await.unwrap().status, 200);
    let before = resident(&guard);
    let mut opening = JoinSet::new();
    for part in 0..8 {
        let (help, read) = (help.clone(), read.clone());
        opening.spawn(async move {
            let octets = help.sign(&read, help.now()).unwrap();
            let mut open = Vec::new();
            for number in (part..idle).step_by(8) {
                let mut connection = help.connect().await.unwrap();
                if number % 16 < 8 {
                    connection.write(&octets).await.unwrap();
                    assert_eq!(connection.read().await.unwrap().status, 200);
                }
                open.push(connection);
            }
            open
        });
    }
    let open: Vec<_> = opening.join_all().await.into_iter().flatten().collect();
    let each = || resident(&guard).saturating_sub(before) * 1024 / idle;
    // Those that were used rest two seconds later, and the next ones have what they gave back: few show the most of it.
    let most = if idle >= 4_000 { 20 } else { 32 };
    until("little memory", || async { (each() <= most * 1024).then_some(()) }).await;
    println!("idle: {} connections, {} octets each", open.len(), each());
    assert_eq!(help.send(&read).await.unwrap().status, 200, "{}", guard.log());
}

/// Little memory: bodies that are deep, long or never end make the guard ask for no more of it.
#[tokio::test(flavor = "multi_thread")]
async fn fault_18_little_memory() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    assert_eq!(desk.send(&Request::describe_user(INSTANCE, &user(1).id)).await.unwrap().status, 200);
    let status = fs::read_to_string(format!("/proc/{}/status", guard.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    // So much more than it has by now, and no more.
    let limit = Rlimit { current: Some((size + 128 * 1024) * 1024), maximum: None };
    prlimit(Pid::from_raw(guard.id().unwrap()), Resource::As, limit).unwrap();
    let before = resident(&guard);
    let of = |body: Vec<u8>| Request { body, ..change(&user(1)) };
    let deep = [b"{\"IdentityInfo\":".to_vec(), b"[".repeat(60_000)].concat();
    let digits = [b"{\"IdentityInfo\":{\"Email\":".to_vec(), b"9".repeat(60_000)].concat();
    let mut tasks = Vec::new();
    for number in 0..8 {
        let (desk, request) = (desk.clone(), of(if number % 2 == 0 { deep.clone() } else { digits.clone() }));
        tasks.push(tokio::spawn(async move {
            for _ in 0..20 {
                assert_eq!(desk.send(&request).await.unwrap().status, 400);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let huge = of(vec![b' '; 4 * 1024 * 1024]);
    let answer = desk.send(&huge).await;
    assert!(answer.is_err() || answer.unwrap().status == 413);
    let grown = resident(&guard).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    assert_eq!(desk.send(&change(&user(1))).await.unwrap().status, 200, "{}", guard.log());
    assert!(!guard.log().contains("panicked") && !guard.log().contains("memory allocation"));
}

/// The processor is taken away again and again: it takes longer, and each is answered rightly.
#[tokio::test(flavor = "multi_thread")]
async fn fault_19_the_processor_is_taken_away() {
    let guard = Running::with(roomy((1..=12).map(user))).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let asking = tokio::spawn(async move {
        let mut statuses = Vec::new();
        for number in 1..=12 {
            statuses.push((
                help.send(&change(&user(number))).await.unwrap().status,
                desk.send(&change(&user(number))).await.unwrap().status,
            ));
        }
        statuses
    });
    while !asking.is_finished() {
        guard.signal(Signal::STOP).unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        guard.signal(Signal::CONT).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(asking.await.unwrap(), [(403, 200); 12], "{}", guard.log());
    assert_eq!(guard.stage.connect.updates().len(), 12);
    is_consistent(&guard).await;
}
