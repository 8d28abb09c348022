//! `notify list|show|retry`: the outbox for operators, beside a running guard or without one.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Exit,
    args::{Format, ListArgs},
    audit_show::operator,
    check,
    output::Output,
    serve::runtime,
};
use crate::{
    app::Correspondence,
    clock::Clock,
    config::Config,
    ledger::{Again, DeliveryState, Desk, Filter, LedgerFault, Listed, Reveal},
    notice::{Channel, Recipient, Templates},
    operation::Address,
};

/// What every one of these commands works with.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) correspondence: Correspondence,
    pub(super) clock: Clock,
}

/// `notify list`
pub(super) fn list(config: Option<&Path>, list: &ListArgs, output: Output) -> Exit {
    at_desk(config, output, async |desk, _| {
        let reveal = if list.reveal { Reveal::Recipients } else { Reveal::Nothing };
        let filter = Filter {
            state: list.state.map(Into::into),
            channel: list.channel.clone(),
            // What cannot be opened has no kind, so the kind is asked of what was listed.
            most: list.kind.is_none().then_some(list.limit),
            reveal,
            ..Filter::default()
        };
        let mut found = desk.list(&filter).await?;
        found.retain(|listed| list.kind.is_none_or(|kind| listed.kind == Some(kind)));
        found.truncate(usize::try_from(list.limit).unwrap_or(usize::MAX));
        if list.reveal {
            desk.looks_at(&found, &asked(list), &operator()).await?;
        }
        listed(&found, output);
        Ok(Exit::Done)
    })
}

/// What is listed, as a record says it.
fn asked(list: &ListArgs) -> String {
    let words = [
        ("state", list.state.map(|state| DeliveryState::from(state).as_str().to_owned())),
        ("channel", list.channel.as_ref().map(Channel::to_string)),
        ("kind", list.kind.map(|kind| kind.as_str().to_owned())),
        ("limit", Some(list.limit.to_string())),
    ];
    let words = words.into_iter().filter_map(|(name, value)| Some(format!(" {name}={}", value?)));
    format!("notify list{}", words.collect::<String>())
}

/// `notify show`
pub(super) fn show(config: Option<&Path>, id: i64, reveal: bool, output: Output) -> Exit {
    at_desk(config, output, async |desk, templates| {
        let Some(mut shown) = desk.show(id).await? else {
            output.error(&format!("there is no delivery {id}"));
            output.hint("connect-guard notify list");
            return Ok(Exit::Failed);
        };
        if reveal {
            desk.looks_at(&shown.folded, &format!("notify show {id}"), &operator()).await?;
        } else {
            shown.listed.recipient = None;
        }
        let rendered = match templates.render(&shown.delivery) {
            Ok(rendered) => rendered,
            Err(fault) => {
                output.error(&format!("the message cannot be put into words: {fault}"));
                return Ok(Exit::Failed);
            }
        };
        let words = reveal.then(|| (rendered.subject.as_str(), rendered.text.as_str()));
        if output.format() == Format::Json {
            let mut all = as_json(&shown.listed);
            if let Value::Object(fields) = &mut all {
                fields.insert("together".into(), json!(shown.together));
                fields.insert("subject".into(), json!(words.map(|(subject, _)| subject)));
                fields.insert("text".into(), json!(words.map(|(_, text)| text)));
            }
            output.data(&all.to_string());
            return Ok(Exit::Done);
        }
        output.data(&line(&shown.listed));
        if shown.together.len() > 1 {
            let others: Vec<String> = shown.together.iter().map(ToString::to_string).collect();
            output.data(&format!("goes in one message: {}", others.join(" ")));
        }
        match words {
            Some((subject, text)) => {
                output.text(&format!("\nSubject: {subject}\n\n{}", text.trim_end()));
            }
            None => output.say("its words hold names and addresses: --reveal shows them"),
        }
        Ok(Exit::Done)
    })
}

/// `notify retry`
pub(super) fn retry(config: Option<&Path>, ids: Vec<i64>, dead: bool, output: Output) -> Exit {
    at_desk(config, output, async |desk, _| {
        let asked = ids.len();
        let which = if dead { Again::AllDead } else { Again::These(ids) };
        let changed = desk.retry(&which).await?;
        if output.format() == Format::Json {
            output.data(&json!({ "due": changed }).to_string());
        } else {
            output.data(&format!("{changed} due now"));
        }
        if changed == 0 && !dead {
            output.error("none of these waits or was given up");
            output.hint("connect-guard notify list --state dead");
            return Ok(Exit::Failed);
        }
        if !dead && changed < asked as u64 {
            output.say("the others were delivered, are under way, or do not exist");
        }
        output.say("a running guard hands them in within seconds; without one they wait for its start");
        Ok(Exit::Done)
    })
}

/// `mail:ADDRESS` or `hook:NAME`, from an argument.
pub(super) fn recipient(text: &str) -> Result<Recipient, String> {
    match text.split_once(':') {
        Some(("mail", address)) => {
            Address::read(address).map(Recipient::Mail).map_err(|fault| fault.to_string())
        }
        Some(("hook", name)) if !name.is_empty() => Ok(Recipient::Hook(name.to_owned())),
        Some(_) | None => Err("write mail:ADDRESS or hook:NAME".to_owned()),
    }
}

/// What notices are looked at and sent with; the policy may be at fault.
pub(super) fn parts(config: Option<&Path>, output: Output) -> Result<Parts, Exit> {
    let clock = Clock::system();
    let (config, _) = check::read(config).map_err(|unread| unread.told(output))?;
    let correspondence = Correspondence::of(&config, &clock).map_err(|faults| {
        output.tell(&faults);
        Exit::Invalid
    })?;
    Ok(Parts { config, correspondence, clock })
}

/// Opens the outbox of the configuration's store, does something at it, and closes it.
pub(super) fn at_desk(
    config: Option<&Path>,
    output: Output,
    work: impl AsyncFnOnce(&Desk, &Templates) -> Result<Exit, LedgerFault>,
) -> Exit {
    let Parts { config, correspondence, clock } = match parts(config, output) {
        Ok(parts) => parts,
        Err(exit) => return exit,
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Failed;
        }
    };
    let done = runtime.block_on(async {
        let desk = Desk::open(&config.store.url, correspondence.seal, clock).await?;
        let done = work(&desk, &correspondence.templates).await;
        desk.close().await;
        done
    });
    done.unwrap_or_else(|fault| {
        output.error(&format!("the store `{}` cannot be used: {fault}", config.store.url));
        Exit::Failed
    })
}

fn listed(found: &[Listed], output: Output) {
    if output.format() == Format::Json {
        output.data(&Value::from(found.iter().map(as_json).collect::<Vec<_>>()).to_string());
        return;
    }
    if output.format() == Format::Human && !found.is_empty() {
        output.data(&format!(
            "{:>6}  {:<9}  {:<22}  {:<16}  {:>5}  {:<20}  {:<16}",
            "id", "state", "kind", "channel", "tries", "due", "record"
        ));
    }
    for listed in found {
        match output.format() {
            Format::Human => output.data(&columns(listed)),
            Format::Plain | Format::Json => output.data(&line(listed)),
        }
    }
    if found.is_empty() {
        output.say("none");
    }
}

fn columns(listed: &Listed) -> String {
    let Listed { id, attempts, record: (chain, seq), .. } = listed;
    let line = format!(
        "{id:>6}  {:<9}  {:<22}  {:<16}  {attempts:>5}  {:<20}  {chain}/{seq}  {}",
        listed.state.as_str(),
        kind(listed),
        listed.channel,
        instant(listed.due_at),
        listed.recipient.as_deref().unwrap_or_default(),
    );
    line.trim_end().to_owned()
}

/// One delivery on one line.
fn line(listed: &Listed) -> String {
    let Listed { id, attempts, record: (chain, seq), .. } = listed;
    let line = format!(
        "{id} {} {} {} attempts={attempts} due={} record={chain}/{seq}",
        listed.state.as_str(),
        kind(listed),
        listed.channel,
        instant(listed.due_at),
    );
    match &listed.recipient {
        Some(recipient) => format!("{line} to={recipient}"),
        None => line,
    }
}

fn as_json(listed: &Listed) -> Value {
    json!({
        "id": listed.id,
        "state": listed.state.as_str(),
        "kind": listed.kind.map(crate::notice::Kind::as_str),
        "channel": listed.channel,
        "attempts": listed.attempts,
        "created": instant(listed.created_at),
        "due": instant(listed.due_at),
        "settled": listed.settled_at.map(instant),
        "record": { "chain": listed.record.0, "seq": listed.record.1 },
        "recipient": listed.recipient,
    })
}

/// What it says; sealed when it cannot be opened with the keys of this configuration.
fn kind(listed: &Listed) -> &'static str {
    listed.kind.map_or("sealed", crate::notice::Kind::as_str)
}

/// RFC 3339, to the second.
pub(super) fn instant(millis: i64) -> String {
    Timestamp::from_millisecond(millis)
        .map_or_else(|_| millis.to_string(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_goes_to_an_address_or_a_hook() {
        assert_eq!(recipient("mail:kim@example.com").unwrap().to_string(), "kim@example.com");
        assert_eq!(recipient("hook:siem").unwrap(), Recipient::Hook("siem".into()));
        for text in ["", "mail", "mail:", "mail:kim", "hook:", "kim@example.com", "sms:1"] {
            assert!(recipient(text).is_err(), "{text}");
        }
    }

    #[test]
    fn instants_are_read_by_people() {
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(1_800_000_000_999), "2027-01-15T08:00:00Z");
    }
}
