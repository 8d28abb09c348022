//! Floods of proofs that fail, from one address and from many: what they cost, and whether somebody honest is served meanwhile.
//!
//! `FLOOD_REQUESTS` says how many; `tests/long floods` has a million of each.

use std::{
    env,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use connect_guard::demo::{
    caller::{Caller, Connection, Request},
    stage::INSTANCE,
};
use tokio::task::JoinSet;

use crate::{
    honest,
    rates::resident,
    records::of_kind,
    running::{Running, user},
};

/// Where nothing else is said.
const FEW: usize = 1_500;
/// Connections that the flood comes on.
const WIDE: usize = 8;
/// Where a flood comes from.
#[derive(Clone, Copy)]
enum From {
    OneAddress,
    ManyAddresses,
}

/// So many requests with a signature that is none of the key's, a connection after the other; gives how many were answered.
async fn flood(liar: &Caller, from: From, requests: usize) -> usize {
    let left = Arc::new(AtomicUsize::new(requests));
    let mut floods = JoinSet::new();
    for part in 0..WIDE {
        let (mut liar, left) = (liar.clone(), Arc::clone(&left));
        floods.spawn(async move {
            let octets = liar.sign(&Request::describe_user(INSTANCE, &user(1).id), liar.now()).unwrap();
            let (mut connection, mut number, mut answered) = (None, part, 0);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                number += WIDE;
                let again = match from {
                    From::OneAddress => connection.take(),
                    From::ManyAddresses => {
                        let [.., high, low] = u32::try_from(number).unwrap().to_be_bytes();
                        liar.source = Some(Ipv4Addr::new(127, 1, high, low));
                        None
                    }
                };
                let (open, was) = refused(&liar, &octets, again).await;
                connection = open;
                answered += usize::from(was);
            }
            answered
        });
    }
    floods.join_all().await.into_iter().sum()
}

/// One of them; gives the connection where it stays open, and whether it was answered by whoever knows nobody. (503 is what
/// a listener with no room says.)
async fn refused(liar: &Caller, octets: &[u8], open: Option<Connection>) -> (Option<Connection>, bool) {
    let mut connection = match open {
        Some(open) => open,
        None => match liar.connect().await {
            Ok(connection) => connection,
            Err(_) => return (None, false),
        },
    };
    if connection.write(octets).await.is_err() {
        return (None, false);
    }
    let Ok(answer) = connection.read().await else { return (None, false) };
    assert!([403, 429, 503].contains(&answer.status), "{} {}", answer.status, answer.text());
    let stays = answer.header("connection") != Some("close");
    (stays.then_some(connection), answer.status != 503)
}

/// Octets on record, but for the operations of somebody honest. (The files are no measure: its log grows to its size and
/// is used again.)
async fn on_record(guard: &Running) -> usize {
    let records = guard.records().await;
    records.iter().filter(|record| record.kind() != "ordinary").map(|record| record.to_string().len()).sum()
}

/// How many requests without a proof are on record.
async fn strangers(guard: &Running) -> usize {
    let records = guard.records().await;
    let counts = of_kind(&records, "strangers").into_iter().flat_map(|record| {
        let sources = record["strangers"]["sources"].as_array().into_iter().flatten();
        let sources = sources.map(|source| source["count"].as_u64().unwrap());
        sources.chain(record["strangers"]["others"].as_u64()).collect::<Vec<_>>()
    });
    usize::try_from(counts.sum::<u64>()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "how large a flood is is its caller's choice")]
fn asked_for() -> Option<usize> {
    let value = env::var("FLOOD_REQUESTS").ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("FLOOD_REQUESTS is no number: `{value}`")))
}

#[expect(clippy::print_stdout, reason = "what it cost is read from there")]
async fn met(from: From, name: &str) {
    let requests = asked_for().unwrap_or(FEW);
    let mut guard = honest::guard().await;
    let help = guard.caller("HelpDesk");
    let liar = Caller { secret: "x".repeat(40), ..guard.caller("IdentityDesk") };
    let before = honest::alone(&help).await;
    let (memory, size) = (resident(&guard), on_record(&guard).await);
    let began = Instant::now();
    let (answered, meanwhile) = honest::beside(&help, flood(&liar, from, requests)).await;
    let lasted = began.elapsed().as_secs();
    let memory = resident(&guard).saturating_sub(memory);
    // What was counted goes onto the record at the end.
    guard.process.stop().await.unwrap();
    let size = on_record(&guard).await - size;
    let counted = strangers(&guard).await;
    println!(
        "flood: {requests} from {name} in {lasted} s: {memory} KiB and {size} octets and {counted} strangers on record more; {}",
        meanwhile.said(&before)
    );
    assert!(memory <= 64 * 1024, "{memory} KiB more");
    assert!(meanwhile.is_served(), "{}: {}", meanwhile.said(&before), guard.log());
    assert_eq!(counted, answered, "strangers on record, and answered");
    assert!(size <= 1024 * 1024, "{size} octets on record more");
    assert_eq!(guard.stage.connect.updates().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_that_fail_from_one_address() {
    met(From::OneAddress, "one address").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_that_fail_from_many_addresses() {
    met(From::ManyAddresses, "many addresses").await;
}
