//! Requests at a fixed rate to several servers in turns: how long each answer took, counted from when its request was
//! *due*. A server that stalls is charged for every request it kept waiting (no coordinated omission).
//!
//! `load [--rate N] [--seconds N] [--rounds N] [--connections N] [--ca FILE] [--key ID:FILE] NAME=tls|plain:HOST:PORT[:PID] ...`
//!
//! Every target is sent the same request on connections that stay open: a search as an SDK sends it, signed by `--key` at the
//! beginning of a round (a guard's key; without one, nobody's). The first target is the floor that the others are compared
//! with. A PID names a server whose CPU time is read.
//!
//! `load --idle N ...` opens N connections to each target in place of that, sends a request on each, and tells the memory
//! of each process without and with them.

use std::{
    env,
    error::Error,
    fs, hint,
    io::{self, BufWriter, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::{Caller, Request},
    stage::REGION,
};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};

type Fault = Box<dyn Error + Send + Sync>;

/// A search as an SDK sends it.
const BODY: &str = r#"{"InstanceId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111","MaxResults":100,"SearchCriteria":{"StringCondition":{"FieldName":"Username","Value":"mary.major@example.com","ComparisonType":"STARTS_WITH"}}}"#;
/// The last stretch before a request is due is spent awake: a sleep ends late.
const AWAKE: Duration = Duration::from_micros(150);
/// Requests on each connection before anything is counted.
const WARM: u32 = 20;
/// For the beginning of a round.
const LEAD: Duration = Duration::from_millis(20);

/// How much is sent.
#[derive(Clone)]
struct Load {
    /// Requests a second, over all connections.
    rate: u32,
    /// Seconds of one round of one target.
    seconds: u32,
    rounds: u32,
    connections: u32,
    /// Connections that are only held.
    idle: Option<u32>,
    key: Key,
    trust: Arc<RootCertStore>,
}

/// What requests are signed with.
#[derive(Clone)]
struct Key {
    id: String,
    secret: String,
}

/// A server.
struct Target {
    name: String,
    host: String,
    port: u16,
    tls: bool,
    /// The process whose CPU time is read.
    process: Option<u32>,
    /// What each answer took.
    took: Vec<Duration>,
    /// CPU time while it was asked.
    busy: Duration,
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn main() -> Result<(), Fault> {
    let key = Key { id: "AKIAIOSFODNN7EXAMPLE".into(), secret: "nobody's".into() };
    let trust = Arc::new(RootCertStore::empty());
    let mut load = Load { rate: 200, seconds: 5, rounds: 10, connections: 8, idle: None, key, trust };
    let mut targets = Vec::new();
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` has no value"));
        match word.as_str() {
            "--rate" => load.rate = value()?.parse()?,
            "--seconds" => load.seconds = value()?.parse()?,
            "--rounds" => load.rounds = value()?.parse()?,
            "--connections" => load.connections = value()?.parse()?,
            "--idle" => load.idle = Some(value()?.parse()?),
            "--key" => load.key = Key::read(&value()?)?,
            "--ca" => load.trust = Arc::new(roots(Path::new(&value()?))?),
            _ => targets.push(Target::read(&word)?),
        }
    }
    if let Some(count) = load.idle {
        return held(&targets, &load, count);
    }
    for round in 0..load.rounds {
        // Nobody is always the first: what else the machine does is spread over all.
        let count = targets.len();
        for place in 0..count {
            let turn = (place + round as usize) % count;
            if let Some(target) = targets.get_mut(turn) {
                target.round(&load)?;
            }
        }
    }
    report(&mut targets)
}

impl Key {
    fn read(word: &str) -> Result<Self, Fault> {
        let (id, file) = word.split_once(':').ok_or("a key is ID:FILE")?;
        Ok(Self { id: id.to_owned(), secret: fs::read_to_string(file)?.trim().to_owned() })
    }
}

impl Target {
    fn read(word: &str) -> Result<Self, Fault> {
        let none = || format!("`{word}` is no target");
        let (name, place) = word.split_once('=').ok_or_else(none)?;
        let parts: Vec<&str> = place.split(':').collect();
        let (kind, host, port, process) = match parts[..] {
            [kind, host, port] => (kind, host, port, None),
            [kind, host, port, process] => (kind, host, port, Some(process.parse()?)),
            _ => return Err(none().into()),
        };
        Ok(Self {
            name: name.to_owned(),
            host: host.to_owned(),
            port: port.parse()?,
            tls: kind == "tls",
            process,
            took: Vec::new(),
            busy: Duration::ZERO,
        })
    }

    fn round(&mut self, load: &Load) -> Result<(), Fault> {
        let request = self.request(&load.key)?;
        let mut streams = Vec::new();
        for _ in 0..load.connections {
            let mut stream = self.connect(&load.trust)?;
            for _ in 0..WARM {
                exchange(stream.as_mut(), &request)?;
            }
            streams.push(stream);
        }
        let before = self.cpu()?;
        let start = Instant::now() + LEAD;
        let each = load.rate * load.seconds / load.connections;
        let took: Result<Vec<Vec<Duration>>, Fault> = thread::scope(|scope| {
            let mut working = Vec::new();
            for (first, stream) in (0_u32..).zip(streams) {
                let request = &request;
                let due = move |turn: u32| {
                    start + Duration::from_secs(1) / load.rate * (turn * load.connections + first)
                };
                working.push(scope.spawn(move || paced(stream, request, each, due)));
            }
            working.into_iter().map(|one| one.join().map_err(|_| "a connection's thread ended")?).collect()
        });
        self.took.extend(took?.into_iter().flatten());
        self.busy += self.cpu()?.saturating_sub(before);
        Ok(())
    }

    fn request(&self, key: &Key) -> Result<Vec<u8>, Fault> {
        let caller = Caller {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)),
            name: self.host.clone(),
            ca: String::new(),
            key_id: key.id.clone(),
            secret: key.secret.clone(),
            token: None,
            region: REGION.into(),
            certificate: None,
            source: None,
        };
        let search = Request::new("POST", "/search-users", BODY.as_bytes());
        Ok(caller.sign(&search, caller.now())?)
    }

    fn connect(&self, trust: &Arc<RootCertStore>) -> Result<Box<dyn Stream>, Fault> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
        if !self.tls {
            return Ok(Box::new(tcp));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(trust))
            .with_no_client_auth();
        let name = ServerName::try_from(self.host.clone())?;
        Ok(Box::new(StreamOwned::new(ClientConnection::new(Arc::new(config), name)?, tcp)))
    }

    /// The resident memory of the process, in KiB.
    fn memory(&self) -> Result<u64, Fault> {
        let Some(process) = self.process else { return Ok(0) };
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// CPU time of the process so far, of all its threads.
    fn cpu(&self) -> Result<Duration, Fault> {
        let Some(process) = self.process else { return Ok(Duration::ZERO) };
        let mut nanos = 0;
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            // One that ended meanwhile has done next to nothing.
            let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            nanos += text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }
}

/// One connection's share: a request whenever one is due, or at once when that is over already.
fn paced(
    mut stream: Box<dyn Stream>,
    request: &[u8],
    count: u32,
    due: impl Fn(u32) -> Instant,
) -> Result<Vec<Duration>, Fault> {
    let mut took = Vec::new();
    for turn in 0..count {
        let due = due(turn);
        thread::sleep(due.saturating_duration_since(Instant::now()).saturating_sub(AWAKE));
        while Instant::now() < due {
            hint::spin_loop();
        }
        exchange(stream.as_mut(), request)?;
        took.push(due.elapsed());
    }
    Ok(took)
}

/// Sends the request, and reads one answer to its end: 200, with its length.
fn exchange(stream: &mut dyn Stream, request: &[u8]) -> Result<(), Fault> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Err("a connection was closed".into());
        }
        answer.extend(part.get(..read).unwrap_or_default());
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        if lines.next().is_none_or(|first| !first.starts_with("HTTP/1.1 200")) {
            return Err(format!("not 200: {text}").into());
        }
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        if body.len() >= length.ok_or("an answer without a length")?? {
            return Ok(());
        }
    }
}

fn roots(file: &Path) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    Ok(roots)
}

/// The memory of each target without connections, and with so many that have been used once.
fn held(targets: &[Target], load: &Load, count: u32) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    writeln!(out, "| | KiB before | KiB with {count} connections | KiB each |\n|---|---|---|---|")?;
    for target in targets {
        let request = target.request(&load.key)?;
        let before = target.memory()?;
        let mut streams = Vec::new();
        for _ in 0..count {
            let mut stream = target.connect(&load.trust)?;
            exchange(stream.as_mut(), &request)?;
            streams.push(stream);
        }
        let after = target.memory()?;
        // Tenths, without a float.
        let tenths = after.saturating_sub(before) * 10 / u64::from(count.max(1));
        writeln!(out, "| {} | {before} | {after} | {}.{} |", target.name, tenths / 10, tenths % 10)?;
    }
    Ok(())
}

fn report(targets: &mut [Target]) -> Result<(), Fault> {
    let mut out = BufWriter::new(io::stdout().lock());
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    writeln!(out, "| | samples | p50 µs | p99 µs | added p50 | added p99 | CPU µs per request |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let mut floor = None;
    let mut added = Vec::new();
    for target in targets {
        target.took.sort_unstable();
        let count = target.took.len();
        let at = |share: usize| target.took.get(count * share / 100).copied().map_or(0.0, micros);
        let (p50, p99) = (at(50), at(99));
        let (floor50, floor99) = *floor.get_or_insert((p50, p99));
        let each = micros(target.busy) / f64::from(u32::try_from(count)?);
        let name = &target.name;
        let (more50, more99) = (p50 - floor50, p99 - floor99);
        writeln!(out, "| {name} | {count} | {p50:.0} | {p99:.0} | {more50:.0} | {more99:.0} | {each:.0} |")?;
        added.push((target.name.clone(), more50, more99, each));
    }
    // The last against each of those between the floor and it.
    if let Some(((last, more50, more99, each), [_, peers @ ..])) = added.split_last() {
        for (peer, peer50, peer99, peer_each) in peers {
            let (p50, p99, cpu) = (more50 / peer50, more99 / peer99, each / peer_each);
            writeln!(out, "\n{last} / {peer}: added p50 {p50:.2}, added p99 {p99:.2}, CPU {cpu:.2}")?;
        }
    }
    Ok(out.flush()?)
}
