//! Callers who are slow, many, long or in a hurry: what they cost, and whether somebody honest is served meanwhile.
//!
//! `BURDEN_CONNECTIONS` and `BURDEN_SECONDS` say how many and for how long, `BURDEN_MEBIBYTES` how much memory the guard has;
//! `tests/long burdens` has 300 for 20 s each, and then again with little memory.

use std::{
    env, fs, io,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::{Caller, Connection, Request},
    stage::{INSTANCE, Stage},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout, timeout_at},
};

use crate::{
    confined::Confined,
    honest,
    rates::resident,
    running::{Running, identity_path, program, user},
};

/// Where nothing else is said.
const FEW: u32 = 40;
const SECONDS: u32 = 2;
/// Between two octets of whoever is slow.
const TRICKLE: Duration = Duration::from_millis(200);
/// Between two times of whoever is in a hurry: what he does himself is done by the same processors.
const PAUSE: Duration = Duration::from_secs(1);
/// Requests that are sent at once.
const AT_ONCE: usize = 5;
/// Octets of a head that is larger than may be, and of one that just is not.
const HEADS: [usize; 2] = [48 * 1024, 30 * 1024];

/// Ways to be a burden.
#[derive(Debug, Clone, Copy)]
enum Burden {
    /// An octet at a time of the first message of TLS.
    SlowHandshakes,
    /// An octet at a time of a head.
    SlowHeads,
    /// An octet at a time of a body.
    SlowBodies,
    /// Asks again and again, and never reads.
    SlowReaders,
    /// A connection for each request.
    Churn,
    /// Many requests at once on each connection.
    Pipelining,
    /// Heads of nearly the octets that they may have, and of more.
    HugeHeads,
    /// Bodies of more than they may have: said beforehand, or sent.
    LongBodies,
}

/// One who is a burden.
struct Burdensome {
    caller: Caller,
    /// A request with a good signature.
    request: Vec<u8>,
    end: Instant,
}

impl Burdensome {
    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Is one again and again. Whatever the guard does to him is right: he is no one to be served.
    async fn go_on(&self, burden: Burden) {
        while !self.is_over() {
            // What was refused or cut off is begun anew.
            let _ = match burden {
                Burden::SlowHandshakes => self.slow_handshake().await,
                Burden::SlowHeads => self.slow(0).await,
                Burden::SlowBodies => self.slow(self.request.len() - 60).await,
                Burden::SlowReaders => self.slow_reader().await,
                Burden::Churn => self.hurried().await,
                Burden::Pipelining => self.pipelined().await,
                Burden::HugeHeads => self.huge_heads().await,
                Burden::LongBodies => self.long_bodies().await,
            };
            sleep(PAUSE).await;
        }
    }

    async fn plain(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.caller.source.unwrap(), 0).into())?;
        socket.connect(self.caller.address).await
    }

    async fn slow_handshake(&self) -> io::Result<()> {
        let mut stream = self.plain().await?;
        // A record of 512 octets, so it says.
        stream.write_all(&[0x16, 3, 1, 2, 0]).await?;
        while !self.is_over() {
            stream.write_all(&[1]).await?;
            let ended = timeout(TRICKLE, stream.read_u8()).await;
            if ended.is_ok() {
                break;
            }
        }
        Ok(())
    }

    /// All at once but for what is behind `at`.
    async fn slow(&self, at: usize) -> io::Result<()> {
        let mut connection = self.caller.connect().await?;
        connection.write(&self.request[..at]).await?;
        for octet in &self.request[at..] {
            if self.is_over() {
                break;
            }
            connection.write(&[*octet]).await?;
            if timeout(TRICKLE, connection.ended()).await.is_ok() {
                break;
            }
        }
        Ok(())
    }

    async fn slow_reader(&self) -> io::Result<()> {
        let mut connection = self.caller.connect().await?;
        while !self.is_over() {
            timeout_at(self.end.into(), connection.write(&self.request.repeat(AT_ONCE))).await??;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn hurried(&self) -> io::Result<()> {
        let mut connection = self.caller.connect().await?;
        connection.write(&self.request).await?;
        connection.read().await.map(drop)
    }

    async fn pipelined(&self) -> io::Result<()> {
        let mut connection = self.caller.connect().await?;
        while !self.is_over() {
            connection.write(&self.request.repeat(AT_ONCE)).await?;
            self.answers(&mut connection, AT_ONCE).await?;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn huge_heads(&self) -> io::Result<()> {
        for octets in HEADS {
            let padding = format!("\r\nx-padding: {}\r\n\r\n", "a".repeat(octets));
            let head = self.request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            let mut connection = self.caller.connect().await?;
            connection.write(&[&self.request[..head], padding.as_bytes()].concat()).await?;
            self.answers(&mut connection, 1).await?;
        }
        Ok(())
    }

    async fn long_bodies(&self) -> io::Result<()> {
        let path = identity_path(&user(1).id);
        for declared in [1 << 29, 4 * 1024 * 1024] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {declared}\r\n\r\n",
                self.caller.host()
            );
            let mut connection = self.caller.connect().await?;
            connection.write(head.as_bytes()).await?;
            for _ in 0..16 {
                connection.write(&[b' '; 16 * 1024]).await?;
            }
            self.answers(&mut connection, 1).await?;
        }
        Ok(())
    }

    async fn answers(&self, connection: &mut Connection, count: usize) -> io::Result<()> {
        for _ in 0..count {
            timeout_at(self.end.into(), connection.read()).await??;
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "how large a burden is is its caller's choice")]
fn asked_for(name: &str) -> Option<u32> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is no number: `{value}`")))
}

#[expect(clippy::print_stdout, reason = "what it cost is read from there")]
async fn borne(burden: Burden) {
    let connections = asked_for("BURDEN_CONNECTIONS").unwrap_or(FEW);
    let seconds = asked_for("BURDEN_SECONDS");
    let confined = asked_for("BURDEN_MEBIBYTES").map(Confined::new);
    let program = |stage: &Stage| confined.as_ref().map_or_else(|| program().into(), |it| it.program(stage));
    let guard = honest::guard_by(program).await;
    let help = guard.caller("HelpDesk");
    let before = honest::alone(&help).await;
    let memory = resident(&guard);
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(SECONDS).into());
    let mut others = JoinSet::new();
    for number in 0..connections {
        let mut caller = guard.caller("IdentityDesk");
        // Of four addresses, none of which is that of somebody honest.
        caller.source = Some(Ipv4Addr::new(127, 1, 0, 1 + u8::try_from(number % 4).unwrap()));
        let request =
            Request::update_identity(INSTANCE, &user(1).id, &[("Email", "mallory@attacker.example")]);
        let request = caller.sign(&request, caller.now()).unwrap();
        // One behind the other.
        let late = PAUSE * number / connections;
        others.spawn(async move {
            sleep(late).await;
            Burdensome { caller, request, end }.go_on(burden).await;
        });
    }
    let most = async {
        let mut most = memory;
        while Instant::now() < end {
            most = most.max(resident(&guard));
            sleep(Duration::from_millis(100)).await;
        }
        most
    };
    let (most, meanwhile) = honest::beside(&help, most).await;
    timeout(Duration::from_secs(30), others.join_all()).await.expect("an end");
    let memory = most.saturating_sub(memory);
    let said = meanwhile.said(&before);
    println!("burden: {burden:?}, {connections} connections: {memory} KiB more; {said}");
    assert!(memory <= 64 * 1024, "{memory} KiB more");
    assert!(meanwhile.is_served(), "{said}: {}", guard.log());
    // In a hurry through all tests the processor is others' too: times are judged where somebody asked for them.
    assert!(seconds.is_none() || meanwhile.quantile(990) <= 5 * before.quantile(990), "{said}");
    assert_eq!(guard.stage.connect.updates().len(), 0);
    assert_eq!(confined.as_ref().map_or(0, Confined::kills), 0, "killed for want of memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_handshakes() {
    borne(Burden::SlowHandshakes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads() {
    borne(Burden::SlowHeads).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies() {
    borne(Burden::SlowBodies).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers() {
    borne(Burden::SlowReaders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn churn() {
    borne(Burden::Churn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelining() {
    borne(Burden::Pipelining).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_heads() {
    borne(Burden::HugeHeads).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_bodies() {
    borne(Burden::LongBodies).await;
}

/// Octets of heads and bodies that are as full of small parts as they may be.
fn crowded() -> Vec<(&'static str, Request)> {
    let body = |path: &str, unit: &str, octets: usize, end: &str| {
        let text = format!("{{\"A\":[{}{end}]}}", unit.repeat(octets / unit.len()));
        Request::new("POST", path, text.as_bytes())
    };
    let change = identity_path(&user(1).id);
    let many =
        |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<Vec<_>>().concat();
    let members = many(2_000, &|number| format!("{number}&"));
    let keys = many(4_000, &|number| format!("\"{number}\":0,"));
    let mut fields = Request::new("GET", "/a", b"");
    fields.unsigned.extend((0..80).map(|number| (format!("x{number}"), "1".to_owned())));
    vec![
        ("empty lists", body("/search-users", "[],", 60_000, "[]")),
        ("empty objects", body("/search-users", "{},", 60_000, "{}")),
        ("small objects", body("/search-users", "{\"a\":0},", 60_000, "{}")),
        ("small numbers", body(&change, "0,", 60_000, "0")),
        ("escapes", body(&change, "\"\\u0041\",", 60_000, "0")),
        ("deep lists", Request::new("POST", &change, &[b"{\"A\":".to_vec(), b"[".repeat(60_000)].concat())),
        ("keys", Request::new("POST", &change, format!("{{{keys}\"\":0}}").as_bytes())),
        ("members of a query", Request::new("GET", &format!("/a?{members}"), b"")),
        ("segments of a path", Request::new("GET", &"/a".repeat(4_000), b"")),
        ("fields", fields),
    ]
}

/// The most memory since it was asked last, in KiB.
fn peak(guard: &Running) -> usize {
    let process = format!("/proc/{}", guard.id().unwrap());
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    // 5 sets it to what there is now (proc(5)).
    fs::write(format!("{process}/clear_refs"), "5").unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// A hundred octets of memory for each that was sent, at most; and room for what a connection has at rest.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "how much it is is read from there")]
async fn memory_is_a_small_multiple_of_what_was_sent() {
    const AT_REST: usize = 64 * 1024;
    for (name, request) in crowded() {
        let guard = honest::guard().await;
        let desk = guard.caller("IdentityDesk");
        let few = Request::new("GET", "/nothing", b"");
        for _ in 0..8 {
            assert_eq!(desk.send(&few).await.unwrap().status, 403);
        }
        let octets = desk.sign(&request, desk.now()).unwrap();
        peak(&guard);
        let before = resident(&guard);
        let status = desk.exchange(&octets).await.unwrap().status;
        assert!((400..500).contains(&status), "{name}: {status}");
        let grown = peak(&guard).saturating_sub(before) * 1024;
        println!("memory: {name}: {grown} octets for a request of {}", octets.len());
        assert!(grown <= 100 * octets.len() + AT_REST, "{name}: {grown} octets for {}", octets.len());
    }
}
