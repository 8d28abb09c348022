//! `audit show`: records, what became of them, and the rules that decided. What is sealed only by `--reveal`, and that is
//! recorded first.

use std::{fmt::Write as _, fs, path::PathBuf, time::Duration};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    Exit,
    args::Format,
    notify::{at_desk, instant},
    output::{Output, on_one_line},
    policy::record,
};
use crate::{
    caller::Arn,
    ledger::{Audited, Desk, Kind, LedgerFault, Operator, RecordFilter, Unsealed, part},
};

/// How long between two looks for what is new.
const LOOK: Duration = Duration::from_secs(1);
/// Records shown at once while following.
const PAGE: u32 = 1_000;

/// Which records are shown.
#[derive(clap::Args)]
pub(super) struct ShowArgs {
    /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// About this user, or other target: its id.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// By this caller: a role with all its sessions, one session, or a user.
    #[arg(long, value_name = "ARN", value_parser = arn)]
    caller: Option<Arn>,
    /// Of this kind, such as intent, refusal, freeze; may be repeated.
    #[arg(long, value_name = "KIND")]
    kind: Vec<Kind>,
    /// Of this operation of Connect, by its name.
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Of this request: `x-amzn-RequestId`, as the caller's AWS client shows it. No index has it: `--since` and `--until` say how
    /// much is read.
    #[arg(long, value_name = "ID", value_parser = request)]
    request: Option<String>,
    /// From then on: 2027-03-12, or 2027-03-12T10:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Before then.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
    /// This one alone, as notices name it, or CHAIN-SEQ as CloudTrail does.
    #[arg(long, value_name = "CHAIN/SEQ", value_parser = record)]
    record: Option<(String, u64)>,
    /// So many at most: the latest.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Go on with what is written from now on.
    #[arg(long, conflicts_with_all = ["record", "until"])]
    follow: bool,
    /// Show what is sealed. Who looks at which records is recorded first.
    #[arg(long)]
    reveal: bool,
}

/// Shows records.
pub(super) fn show(args: &ShowArgs, output: Output) -> Exit {
    at_desk(args.config.as_deref(), output, async |desk, _| {
        let mut filter = RecordFilter {
            kinds: args.kind.clone(),
            operation: args.operation.clone(),
            user: args.user.clone(),
            caller: args.caller.clone(),
            since: args.since,
            until: args.until,
            request: args.request.clone(),
            record: args.record.clone(),
            after: None,
            most: args.limit,
        };
        let asked = asked(args);
        let reveal = args.reveal.then_some(&*asked);
        // Looked at before the records: none that is written meanwhile is left out.
        let last = desk.last_record().await?;
        let found = desk.records(&filter).await?;
        let mut after = found.iter().map(|audited| audited.order).fold(last, i64::max);
        say(desk, &found, reveal, output).await?;
        if found.is_empty() && !args.follow {
            if let Some((chain, seq)) = &args.record {
                output.error(&format!("there is no record {chain}/{seq}"));
                return Ok(Exit::Failed);
            }
            output.say("none");
        }
        filter.most = PAGE;
        if !args.follow {
            return Ok(Exit::Done);
        }
        loop {
            tokio::time::sleep(LOOK).await;
            filter.after = Some(after);
            let found = desk.records(&filter).await?;
            after = found.iter().map(|audited| audited.order).fold(after, i64::max);
            say(desk, &found, reveal, output).await?;
        }
    })
}

async fn say(
    desk: &Desk,
    found: &[Audited],
    reveal: Option<&str>,
    output: Output,
) -> Result<(), LedgerFault> {
    let unsealed =
        if let Some(asked) = reveal { revealed(desk, found, asked).await? } else { vec![None; found.len()] };
    for (audited, unsealed) in found.iter().zip(unsealed) {
        match output.format() {
            Format::Json => output.data(&as_json(audited, unsealed.as_ref()).to_string()),
            Format::Plain => output.data(&line(audited, unsealed.as_ref())),
            Format::Human => output.text(&block(audited, unsealed.as_ref())),
        }
    }
    Ok(())
}

/// What is sealed in records, once it is on record who looks.
pub(super) async fn revealed(
    desk: &Desk,
    found: &[Audited],
    asked: &str,
) -> Result<Vec<Option<Unsealed>>, LedgerFault> {
    Ok(desk.reveal(found, asked, &operator()).await?.into_iter().map(Some).collect())
}

/// What is looked for, as a record says it. A word that could hold an address is not said.
fn asked(args: &ShowArgs) -> String {
    let record = args.record.as_ref().map(|(chain, seq)| format!("{chain}/{seq}"));
    let caller = args.caller.as_ref().map(ToString::to_string);
    let at = |at: Option<i64>| at.map(instant);
    let words = [
        ("user", args.user.clone()),
        ("caller", caller),
        ("operation", args.operation.clone()),
        ("request", args.request.clone()),
        ("since", at(args.since)),
        ("until", at(args.until)),
        ("record", record),
        ("limit", Some(args.limit.to_string())),
    ];
    let kinds = args.kind.iter().map(|kind| ("kind", Some(kind.as_str().to_owned())));
    let words = words.into_iter().chain(kinds).filter_map(|(name, value)| {
        let value = value?;
        Some(format!("{name}={}", if value.contains('@') { "~" } else { &value }))
    });
    let follow = args.follow.then(|| "follow".to_owned());
    words.chain(follow).collect::<Vec<_>>().join(" ")
}

/// Who runs this, as the operating system knows it.
pub(super) fn operator() -> Operator {
    let uid = rustix::process::getuid().as_raw();
    let login = fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
    // All bits set: nobody logged in.
    let login_uid = login.filter(|uid| *uid != u32::MAX);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    Operator { uid, user: name_of(uid), login_uid, login: login_uid.and_then(name_of), host }
}

/// The name of a user in `/etc/passwd`.
fn name_of(uid: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

fn as_json(audited: &Audited, unsealed: Option<&Unsealed>) -> Value {
    let rules = audited
        .rules
        .iter()
        .map(|rule| json!({ "rule": rule.rule, "place": rule.place, "of": rule.of, "text": rule.text }));
    let mut all = json!({
        "record": audited.record,
        "hash": audited.hash,
        "became": audited.became,
        "rules": rules.collect::<Vec<_>>(),
    });
    if let (Value::Object(all), Some(unsealed)) = (&mut all, unsealed) {
        let (state, inputs) = sealed(unsealed);
        all.insert("sealed".to_owned(), json!({ "state": state, "inputs": inputs }));
    }
    all
}

fn sealed(unsealed: &Unsealed) -> (&'static str, Option<&Value>) {
    match unsealed {
        Unsealed::Nothing => ("nothing", None),
        Unsealed::Opened(inputs) => ("opened", Some(inputs)),
        Unsealed::Erased => ("erased", None),
        Unsealed::Locked => ("locked", None),
    }
}

/// One record on one line.
fn line(audited: &Audited, unsealed: Option<&Unsealed>) -> String {
    let Audited { chain, seq, .. } = audited;
    let words = rows(audited, unsealed).into_iter().filter(|(name, _)| *name != TEXT);
    let words = words.map(|(name, value)| format!(" {}={value}", name.replace(' ', "-")));
    format!("{}/{seq} {}{}", on_one_line(chain), title(&audited.record), words.collect::<String>())
}

/// One record for people.
fn block(audited: &Audited, unsealed: Option<&Unsealed>) -> String {
    let Audited { chain, seq, record, .. } = audited;
    let mut said = format!("{}/{seq}  {}", on_one_line(chain), title(record));
    for (name, value) in rows(audited, unsealed) {
        // Only the text of a rule has lines of its own.
        let value = value.replace('\n', &format!("\n{:16}", ""));
        // Writing to a text cannot fail.
        let _ = write!(said, "\n  {name:<12}  {value}");
    }
    said.push('\n');
    said
}

/// When, of what kind, which operation.
fn title(record: &Value) -> String {
    let words = ["at", "kind", "operation"].into_iter().filter_map(|name| record.get(name)?.as_str());
    on_one_line(&words.collect::<Vec<_>>().join(" ")).into_owned()
}

/// The name of a row that is the text of a rule.
const TEXT: &str = "";

/// What a record says, by name. A rule's text has several lines; nothing else has.
fn rows(audited: &Audited, unsealed: Option<&Unsealed>) -> Vec<(&'static str, String)> {
    let record = &audited.record;
    let mut rows = Vec::new();
    let mut row = |name: &'static str, value: Option<String>| {
        rows.extend(value.map(|value| {
            let value = if name == TEXT { value } else { on_one_line(&value).into_owned() };
            (name, value)
        }));
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    row("target", target(part(record, "/target")));
    row("caller", text(part(record, "/caller/principal")));
    row("unique id", text(part(record, "/caller/unique_id")));
    row("proven by", text(part(record, "/caller/proof")));
    row("from", text(part(record, "/request/source")));
    row("request", text(part(record, "/request/id")));
    row("session", text(part(record, "/session/id")));
    row("label", text(part(record, "/session/label")).map(|label| format!("{label} (unverified)")));
    row("expires", text(part(record, "/session/expires")));
    row("freeze", text(part(record, "/freeze/id")));
    row("scope", text(part(record, "/freeze/scope")));
    row("refused", text(part(record, "/refusal/code")));
    row("ticket", text(part(record, "/basis/ticket")));
    row("protected", text(part(record, "/basis/protected")));
    row("policy", text(part(record, "/policy")));
    row("event", text(part(record, "/event/event")));
    row("revealed", revealing(part(record, "/reveal")));
    row("of intent", reference(part(record, "/intent")));
    for became in std::iter::once(record).chain(&audited.became) {
        row("became", outcome(became, audited));
        row("Connect", connect(part(became, "/connect")));
    }
    for rule in &audited.rules {
        let of = rule.of.join(", ");
        row("rule", Some(format!("{} ({}) for {of}", rule.rule, rule.place)));
        match &rule.text {
            Some(text) => row(TEXT, Some(text.clone())),
            None => row("text", Some("not kept".to_owned())),
        }
    }
    match unsealed {
        None if !part(record, "/inputs").is_null() => row("sealed", Some("--reveal shows it".to_owned())),
        None | Some(Unsealed::Nothing) => {}
        Some(Unsealed::Erased) => row("sealed", Some("erased".to_owned())),
        Some(Unsealed::Locked) => row("sealed", Some("does not open with these keys".to_owned())),
        Some(Unsealed::Opened(inputs)) => {
            for (name, value) in inputs.as_object().into_iter().flatten() {
                row("sealed", Some(format!("{name} {value}")));
            }
        }
    }
    rows
}

fn target(target: &Value) -> Option<String> {
    let ids = part(target, "/id").as_array()?.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("/");
    let place = ["instance", "account", "region"].into_iter().filter_map(|name| target.get(name)?.as_str());
    Some(format!("{} {ids} in {}", part(target, "/kind").as_str()?, place.collect::<Vec<_>>().join(", ")))
}

fn reference(named: &Value) -> Option<String> {
    Some(format!("{}/{}", part(named, "/chain").as_str()?, part(named, "/seq").as_u64()?))
}

/// What became of an intent, and which record says so when it is another one.
fn outcome(record: &Value, of: &Audited) -> Option<String> {
    let words = ["sent", "effect", "shows"].into_iter().filter_map(|name| record.get(name)?.as_str());
    let words = words.collect::<Vec<_>>().join(", ");
    let own = part(record, "/seq").as_u64() == Some(of.seq)
        && part(record, "/chain").as_str() == Some(of.chain.as_str());
    let by = reference(record).filter(|_| !own).map(|by| format!(" ({by})")).unwrap_or_default();
    (!words.is_empty()).then(|| format!("{words}{by}"))
}

fn connect(answer: &Value) -> Option<String> {
    let words = [
        part(answer, "/error").as_str(),
        part(answer, "/request_id").as_str().map(|_| "request"),
        part(answer, "/request_id").as_str(),
    ];
    let words = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Some(format!("{} {words}", part(answer, "/status").as_u64()?).trim_end().to_owned())
}

fn revealing(reveal: &Value) -> Option<String> {
    let records =
        part(reveal, "/records").as_array()?.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    let user = part(reveal, "/user").as_str().map(|name| format!(" ({name})")).unwrap_or_default();
    let login = part(reveal, "/login_uid").as_u64().map(|uid| {
        let name = part(reveal, "/login").as_str().map(|name| format!(" ({name})")).unwrap_or_default();
        format!(", logged in as user {uid}{name}")
    });
    Some(format!("{records} to user {}{user}{}", part(reveal, "/uid").as_u64()?, login.unwrap_or_default()))
}

/// The ARN of a role, a session or a user, from an argument.
pub(super) fn arn(text: &str) -> Result<Arn, String> {
    Arn::read(text).map_err(|fault| fault.to_string())
}

/// An id of the guard's or of Connect's.
fn request(text: &str) -> Result<String, String> {
    let is_id = (8..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_id.then(|| text.to_owned()).ok_or_else(|| "write it as the AWS client shows it".to_owned())
}

fn time(text: &str) -> Result<i64, String> {
    let at = text.parse::<Timestamp>().ok().or_else(|| {
        text.parse::<Date>()
            .ok()
            .filter(|_| text.len() == 10)?
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|at| at.timestamp())
    });
    at.map(Timestamp::as_millisecond).ok_or_else(|| "write 2027-03-12, or 2027-03-12T10:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_records_are_read() {
        assert_eq!(time("1970-01-02"), Ok(86_400_000));
        assert_eq!(time("1970-01-01T00:00:01Z"), Ok(1_000));
        assert_eq!(time("1970-01-01T01:00:01+01:00"), Ok(1_000));
        assert_eq!(record("gw-1/17"), Ok(("gw-1".to_owned(), 17)));
        assert_eq!(record("~desk/1"), Ok(("~desk".to_owned(), 1)));
        for text in ["", "yesterday", "1970-01-32", "10:00", "1970-01-01T10:00:00"] {
            assert!(time(text).is_err(), "{text}");
        }
        for text in ["", "17", "gw-1/", "gw-1/x", "gw-1/-1"] {
            assert!(record(text).is_err(), "{text}");
        }
    }
}
