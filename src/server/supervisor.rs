//! Whoever started this process and wants to know how it is: the protocol of `sd_notify(3)`, over the socket that
//! `NOTIFY_SOCKET` names. Without one, nobody is told anything.
//!
//! The units are `Type=notify-reload`: READY when it listens, RELOADING and READY around every SIGHUP, STOPPING with the
//! first SIGTERM, and WATCHDOG twice in every `WatchdogSec=` for as long as no part is stuck.

use std::{future::Future, pin::pin, time::Duration};

use sd_notify::NotifyState;

/// Tells the supervisor that it listens.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Tells the supervisor that what it rests on is read again. [`ready`] ends it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the supervisor cannot be told of the reload"),
    }
}

/// Tells the supervisor that it is ending, and how long that may take at most.
pub(crate) fn stopping(within: Duration) {
    let within = u32::try_from(within.as_micros()).unwrap_or(u32::MAX);
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("ending what is under way"),
        NotifyState::ExtendTimeoutUsec(within),
    ]);
}

/// Tells the supervisor that it lives, for as long as `lives` says so and until `shutdown` resolves; at once when
/// nobody wants to know.
pub(crate) async fn watched(lives: impl Fn() -> bool, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return shutdown.await;
    };
    let mut beat = tokio::time::interval(limit / 2);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = beat.tick() => {}
        }
        if lives() {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!("a part is stuck: the supervisor is not told that it lives");
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the supervisor cannot be told");
    }
}
