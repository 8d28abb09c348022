//! `notify test`: a message through one channel, as the guard would send it.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{Exit, args::Format, notify::parts, output::Output, serve::runtime};
use crate::{
    app::Correspondence,
    clock::Clock,
    config::Config,
    notice::{Channel, Event, Recipient, RecordRef, Route, Routing, Templates},
    notify::{Announcer, Channels},
};

/// How long a test waits for the other side.
const PATIENCE: Duration = Duration::from_mins(1);

/// `notify test`: through the channel as the guard would use it, past the outbox; nothing is recorded.
pub(super) fn test(config: Option<&Path>, recipient: &Recipient, output: Output) -> Exit {
    let parts = match parts(config, output) {
        Ok(parts) => parts,
        Err(exit) => return exit,
    };
    if let Recipient::Hook(name) = recipient
        && !parts.config.notify.hooks.iter().any(|hook| hook.name == *name)
    {
        output.error(&format!("no webhook is called `{name}`"));
        output.hint(&format!("[[notify.hook]] name = \"{name}\""));
        return Exit::Usage;
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Failed;
        }
    };
    let Correspondence { channels, templates, .. } = parts.correspondence;
    let exit = runtime.block_on(hand_in(&parts.config, channels, templates, &parts.clock, recipient, output));
    runtime.shutdown_background();
    exit
}

async fn hand_in(
    config: &Config,
    channels: Arc<Channels>,
    templates: Arc<Templates>,
    clock: &Clock,
    recipient: &Recipient,
    output: Output,
) -> Exit {
    let channel = recipient.channel();
    let mut steps = Steps { output, all: Vec::new() };
    let reached = channels.check(&channel).await;
    if !steps.step("reached, with TLS and credentials", reached.map(|()| String::new())) {
        return steps.end(what_to_do(&channel));
    }
    // A route of its own: whoever is tested need not be named by one.
    let own = match recipient {
        Recipient::Mail(address) => Route { mail: vec![address.clone()], ..Route::default() },
        Recipient::Hook(name) => Route { hooks: vec![name.clone()], ..Route::default() },
    };
    let routing = Routing { routes: vec![own], ..config.notify.routing.clone() };
    let record = RecordRef { chain: "test".to_owned(), seq: 0, hash: String::new() };
    let event = Event::Test { channel: channel.to_string() };
    let deliveries = event.deliveries(&routing, &record, clock.now());
    let words = deliveries.first().map(|delivery| templates.render(delivery));
    let words = match words {
        Some(Ok(rendered)) => Ok(rendered.subject.as_str().to_owned()),
        Some(Err(fault)) => Err(fault.to_string()),
        None => Err("nobody would be told".to_owned()),
    };
    if !steps.step("put into words", words) {
        return steps.end("mend the templates: connect-guard config check says where");
    }
    let taken = Announcer::new(channels, templates).announce(deliveries, PATIENCE).await;
    let taken = taken
        .map(|taken| taken.into_iter().map(|(_, reply)| reply).collect::<Vec<_>>().join("; "))
        .map_err(|unannounced| {
            unannounced.untaken.iter().map(|(_, why)| why.to_string()).collect::<Vec<_>>().join("; ")
        });
    steps.step("taken", taken);
    steps.end(what_to_do(&channel))
}

/// The steps of a test, said as they are made, or together as JSON.
struct Steps {
    output: Output,
    all: Vec<(&'static str, bool, String)>,
}

impl Steps {
    /// Whether it went well.
    fn step<E: ToString>(&mut self, what: &'static str, result: Result<String, E>) -> bool {
        let (ok, said) = match result {
            Ok(said) => (true, said),
            Err(fault) => (false, fault.to_string()),
        };
        if self.output.format() != Format::Json {
            let word = if ok { "ok" } else { "FAILED" };
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            self.output.data(&format!("{word:<6} {what}{said}"));
        }
        self.all.push((what, ok, said));
        ok
    }

    fn end(self, what_to_do: &str) -> Exit {
        let ok = self.all.iter().all(|(_, ok, _)| *ok);
        if self.output.format() == Format::Json {
            let steps: Vec<Value> = self
                .all
                .iter()
                .map(|(step, ok, said)| json!({ "step": step, "ok": ok, "said": said }))
                .collect();
            self.output.data(&json!({ "ok": ok, "steps": steps }).to_string());
        }
        if ok {
            self.output.say("taken is not read: look whether it arrived");
            return Exit::Done;
        }
        self.output.hint(what_to_do);
        Exit::Failed
    }
}

pub(super) fn what_to_do(channel: &Channel) -> &'static str {
    match channel {
        Channel::Mail => {
            "look at [mail]: host, port, tls, ca_file, username and password, from; and at the server's log"
        }
        Channel::Hook(_) => {
            "look at its [[notify.hook]]: url, secret, ca_file, private; and at the receiver's log"
        }
    }
}
