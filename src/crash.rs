//! Named points between the first byte of a request and the last notice, at which a test ends the process as the end of a
//! machine would. Without the feature `failpoints`, which nothing that is shipped has, a point is nothing.
//!
//! With it, `FAILPOINTS=NAME=ACTION;...` says what a point does (see the crate `fail`): `return(end)` ends the process,
//! `3*off->return(end)` at the fourth time, `return(stop)` stops it until SIGCONT comes, `return(pass)` says on standard
//! error that it was passed.

macro_rules! points {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// A point at which the process may end.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $name,)*
        }

        impl Point {
            /// All of them, in the order of the path.
            #[cfg(feature = "failpoints")]
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name by which `FAILPOINTS` knows it.
            #[cfg(feature = "failpoints")]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

points! {
    /// Before the text of a policy is kept.
    KeepPolicy = "keep-policy",
    /// After that.
    PolicyKept = "policy-kept",
    /// Before it is recorded that a policy came into force, at a start too.
    RecordPolicy = "record-policy",
    /// After that.
    PolicyRecorded = "policy-recorded",
    /// A request was received whole.
    Received = "received",
    /// It is known who signed it, and no rule was asked.
    Verified = "verified",
    /// A rule could allow it.
    Screened = "screened",
    /// It is within its caller's rate.
    Admitted = "admitted",
    /// No earlier attempt was answered.
    New = "new",
    /// It is known what the ledger knows of it.
    Recalled = "recalled",
    /// It is known what Connect shows.
    Observed = "observed",
    /// It is permitted.
    Decided = "decided",
    /// Before its refusal is given to the ledger.
    Refuse = "refuse",
    /// The refusal is on record.
    Refused = "refused",
    /// Before an ordinary operation is passed on.
    Pass = "pass",
    /// Connect's answer to it began.
    Passed = "passed",
    /// Before the intent is given to the ledger.
    Intend = "intend",
    /// Before the transaction that holds an intent.
    IntentCommit = "intent-commit",
    /// That is on disk, and nobody was told.
    IntentCommitted = "intent-committed",
    /// The intent is on record.
    Intended = "intended",
    /// Before somebody is told who has to acknowledge it.
    Announce = "announce",
    /// They have been told, and that is not on record.
    Announced = "announced",
    /// There is leave to send.
    Cleared = "cleared",
    /// Before the first byte of a change goes to Connect.
    Send = "send",
    /// A request to Connect, a read too, or to a hook has left this process.
    Sent = "sent",
    /// What became of sending is known to this process alone.
    Answered = "answered",
    /// It was read what became true.
    Confirmed = "confirmed",
    /// Before it is recorded that nobody knows.
    Doubt = "doubt",
    /// After that.
    Doubted = "doubted",
    /// Before the outcome is given to the ledger.
    Close = "close",
    /// Before the transaction that holds an outcome.
    OutcomeCommit = "outcome-commit",
    /// That is on disk, and nobody was told.
    OutcomeCommitted = "outcome-committed",
    /// The outcome is on record.
    Closed = "closed",
    /// Before the answer is given to the caller.
    Reply = "reply",
    /// Before the transaction that holds notices beside no outcome: of a refusal, a freeze, a doubt, the guard itself.
    NoticesCommit = "notices-commit",
    /// That is on disk.
    NoticesCommitted = "notices-committed",
    /// Before a transaction of anything else that somebody waits for.
    PlainCommit = "plain-commit",
    /// That is on disk.
    PlainCommitted = "plain-committed",
    /// Before deliveries are claimed.
    Claim = "claim",
    /// Something was claimed.
    Claimed = "claimed",
    /// Before a letter's sender is given to the mail server.
    MailBegin = "mail-begin",
    /// Before a letter's content is given to the mail server.
    MailContent = "mail-content",
    /// The mail server has it.
    MailTaken = "mail-taken",
    /// Before a hook is called.
    HookPost = "hook-post",
    /// The hook has answered.
    HookPosted = "hook-posted",
    /// Before it is recorded what became of a delivery.
    Report = "report",
    /// After that.
    Reported = "reported",
    /// Before open changes of guards that are gone are looked for.
    TakeOver = "take-over",
    /// Some were found, and are this guard's.
    TakenOver = "taken-over",
    /// Before a look at what became of a change that nobody knows.
    SettleLook = "settle-look",
    /// After that look.
    SettleLooked = "settle-looked",
    /// Before what was found is recorded.
    Settle = "settle",
    /// It is settled.
    Settled = "settled",
    /// Before a look at a change that Connect accepted and does not show.
    WatchLook = "watch-look",
    /// Before it is recorded what came of it.
    Confirm = "confirm",
    /// After that.
    Watched = "watched",
    /// Before a freeze is given to the ledger.
    Freeze = "freeze",
    /// It is on record.
    Frozen = "frozen",
    /// Before the lifting of a freeze is given to the ledger.
    Lift = "lift",
    /// It is on record.
    Lifted = "lifted",
}

#[cfg(feature = "failpoints")]
pub(crate) use with::{hastened, is_later, point};
#[cfg(not(feature = "failpoints"))]
pub(crate) use without::{hastened, is_later, point};

#[cfg(not(feature = "failpoints"))]
mod without {
    use std::time::Duration;

    use super::Point;

    /// Nothing.
    #[inline]
    pub(crate) const fn point(_: Point) {}

    /// As long as it is.
    #[inline]
    pub(crate) const fn hastened(wait: Duration) -> Duration {
        wait
    }

    /// It is what it is.
    #[inline]
    pub(crate) const fn is_later() -> bool {
        false
    }
}

#[cfg(feature = "failpoints")]
mod with {
    use std::{sync::Once, time::Duration};

    use rustix::process::{Signal, getpid, kill_process};

    use super::Point;

    /// How many times faster the guard waits for what Connect may show late.
    const HASTE: &str = "haste";

    /// Whether this program is as the one after it could be.
    const LATER: &str = "later";

    static READY: Once = Once::new();

    /// Reads `FAILPOINTS` the first time.
    fn ready() {
        // Dropped, it would forget them all.
        READY.call_once(|| std::mem::forget(fail::FailScenario::setup()));
    }

    /// Here the process ends, if a test says so.
    pub(crate) fn point(point: Point) {
        ready();
        fail::eval(point.name(), |action| {
            match action.as_deref() {
                Some("end") => end(),
                Some("stop") => stop(),
                Some(_) | None => {}
            }
            tracing::info!(point = point.name(), "passed");
        });
    }

    /// A wait, shortened as a test says.
    pub(crate) fn hastened(wait: Duration) -> Duration {
        ready();
        let times = fail::eval(HASTE, |times| times.and_then(|times| times.parse().ok())).flatten();
        wait / times.unwrap_or(1)
    }

    /// Whether this is to be a later version of the program: one that adds to the tables.
    pub(crate) fn is_later() -> bool {
        ready();
        fail::eval(LATER, |_| ()).is_some()
    }

    /// All of the process, until it is told to go on.
    fn stop() {
        let _ = kill_process(getpid(), Signal::STOP);
        // Nothing happens before it even if another processor has yet to hear of the signal.
        std::thread::sleep(Duration::from_secs(1));
    }

    /// Not by exiting, which would still close files and connections one by one: at once.
    fn end() {
        let _ = kill_process(getpid(), Signal::KILL);
        // Nothing happens after it even if another processor has yet to hear of the signal.
        loop {
            std::thread::park();
        }
    }
}
