//! Logs: to standard error, for people or one JSON object a line. A panic is one line as well, and says where, not what:
//! what a panic says may quote what was being worked on.

use std::{io::IsTerminal, panic};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::LogFormat;

/// Starts logging. Own lines from `info`, others' from `warn`: libraries that log what they sign do so below that.
pub(super) fn start(format: LogFormat) {
    let filter = EnvFilter::new("warn,connect_guard=info");
    let builder =
        fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // A second start (two guards in one process, in tests) keeps the first.
    let _ = match format {
        LogFormat::Human => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_target(false).try_init(),
    };
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: the work it happened in was given up");
    }));
}
