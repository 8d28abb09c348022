//! `demo`: the story, told on a terminal.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::Duration,
};

use anstyle::{AnsiColor, Style};

use super::{
    Exit,
    args::Format,
    output::Output,
    serve::{runtime, told_to_stop},
};
use crate::demo::story::{Decision, Story, Told};

/// Between two steps, on a terminal: to read along.
const PAUSE: Duration = Duration::from_millis(700);

/// Tells the story, and stays up unless `once`.
pub(super) fn demo(once: bool, output: Output) -> Exit {
    let told = runtime().and_then(|runtime| runtime.block_on(tell(once, output)));
    match told {
        Ok(exit) => exit,
        Err(error) => {
            output.error(&error.to_string());
            Exit::Failed
        }
    }
}

async fn tell(once: bool, output: Output) -> io::Result<Exit> {
    let folder = Folder::make()?;
    let program = std::env::current_exe()?;
    if output.format() == Format::Human {
        output.data("Connect Guard stands between its callers and an embedded Amazon Connect; nothing leaves this machine.");
        output.data("The help desk may change names; the identity desk also addresses, but to USERNAME@example.com only.");
        output.data("Refusals after the first are folded: who was told of one hears of the others together, within a minute.");
        output.data("");
        output.data(&columns(
            "",
            "who",
            "asks for",
            "decision",
            "rule or reason",
            "Connect sees",
            "mail goes to",
        ));
    }
    let mut story = Story::begin(&program, &folder.0).await?;
    let terminal = io::stdout().is_terminal();
    let mut exit = Exit::Done;
    for number in 0..Story::STEPS {
        let Some(told) = story.step(number).await? else { break };
        if told.decision == Decision::Unexpected {
            exit = Exit::Failed;
        }
        output.coloured(&line(number + 1, &told, output.format(), terminal));
        if terminal && output.format() == Format::Human {
            tokio::time::sleep(PAUSE).await;
        }
    }
    if !once {
        output.say("");
        output.say("The guard stays up. Try it, with the address of your choice:");
        output.say("");
        for line in story.to_try()? {
            output.say(&format!("  {line}"));
        }
        output.say("");
        output.say(&format!(
            "Its configuration, policy and ledger are in {}. Ctrl-C ends it.",
            story.folder().display()
        ));
        told_to_stop().await;
    }
    story.end().await?;
    Ok(exit)
}

/// One line a step.
fn line(number: usize, told: &Told, format: Format, terminal: bool) -> String {
    let (word, colour) = match told.decision {
        Decision::Allowed => ("allowed", AnsiColor::Green),
        Decision::Refused => ("REFUSED", AnsiColor::Red),
        Decision::Limited => ("limited", AnsiColor::Yellow),
        Decision::Repeated => ("once", AnsiColor::Green),
        Decision::Verified => ("whole", AnsiColor::Green),
        Decision::Unexpected => ("UNEXPECTED", AnsiColor::Magenta),
    };
    match format {
        Format::Json => serde_json::json!({
            "step": number, "who": told.who, "asked": told.asked, "decision": word, "ground": told.ground,
            "connect": told.connect, "mail": told.mail,
        })
        .to_string(),
        Format::Plain => format!(
            "{number}. {} {}: {word} ({}); Connect saw {}; mail to {}",
            told.who, told.asked, told.ground, told.connect, told.mail
        ),
        Format::Human => {
            let style =
                if terminal { Style::new().fg_color(Some(colour.into())).bold() } else { Style::new() };
            let decision = format!("{style}{word:<9}{style:#}");
            let number = number.to_string();
            columns(&number, told.who, &told.asked, &decision, &told.ground, &told.connect, &told.mail)
        }
    }
}

fn columns(
    number: &str,
    who: &str,
    asked: &str,
    decision: &str,
    ground: &str,
    connect: &str,
    mail: &str,
) -> String {
    format!("{number:<2} {who:<13} {asked:<38} {decision:<9} {ground:<36} {connect:<28} {mail}")
}

/// The stage's folder, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        // `/tmp` is often in memory, and the ledger takes a place that a restart keeps; `/var/tmp` is one (FHS 5.15).
        let lasting = Path::new("/var/tmp");
        let given = std::env::temp_dir();
        let place = if given == Path::new("/tmp") && lasting.is_dir() { lasting } else { &given };
        let folder = place.join(format!("connect-guard-demo-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
