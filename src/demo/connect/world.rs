//! What an embedded Connect has in it: instances, users and security profiles, each with its past, because a change may take
//! effect late and a read may show what was before.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::operation::Directory;

use super::{ConnectOptions, Instance, Profile, Switches, User};

/// One instant on both clocks: one that only runs forward, and the wall's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Instant,
    pub(super) wall: Timestamp,
}

/// Everything in it.
pub(super) struct World {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) page: usize,
    pub(super) switches: Switches,
    pub(super) sites: BTreeMap<String, Site>,
    history: Vec<(Instant, Change)>,
}

/// One instance.
pub(super) struct Site {
    pub(super) name: String,
    pub(super) directory: Directory,
    pub(super) users: BTreeMap<String, Track<User>>,
    pub(super) profiles: BTreeMap<String, Track<Profile>>,
    pub(super) addresses: Vec<String>,
}

/// One thing through time.
pub(super) struct Track<T>(Vec<Version<T>>);

/// What it was from a moment on; nothing once it is deleted.
pub(super) struct Version<T> {
    from: Instant,
    /// When it took effect on the wall clock.
    pub(super) modified: Timestamp,
    pub(super) value: Option<T>,
}

/// A change to a user that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When it took effect.
    pub at: Timestamp,
    /// The operation, or `website` for one made outside of this API.
    pub operation: &'static str,
    /// The instance's id.
    pub instance: String,
    /// What the user was; nothing before it was created.
    pub before: Option<User>,
    /// What the user is since; nothing after it was deleted.
    pub after: Option<User>,
}

impl World {
    pub(super) fn new(options: &ConnectOptions, moment: Moment) -> Self {
        let sites = options.instances.iter().map(|one| (one.id.clone(), Site::new(one, moment))).collect();
        Self {
            account: options.account.clone(),
            region: options.region.clone(),
            page: options.page.max(1),
            switches: options.switches,
            sites,
            history: Vec::new(),
        }
    }

    /// The ARN of an instance.
    pub(super) fn arn(&self, instance: &str) -> String {
        format!("arn:aws:connect:{}:{}:instance/{instance}", self.region, self.account)
    }

    /// Makes a change to a user: at once, or when the delay is over, in the order they were asked for.
    pub(super) fn put_user(
        &mut self,
        operation: &'static str,
        instance: &str,
        id: &str,
        after: Option<User>,
        moment: Moment,
        delay: Duration,
    ) {
        let Some(site) = self.sites.get_mut(instance) else { return };
        let track = site.users.entry(id.to_owned()).or_default();
        let before = track.latest().cloned();
        let (from, at) = track.put(after.clone(), moment, delay);
        let change = Change { at, operation, instance: instance.to_owned(), before, after };
        self.history.push((from, change));
    }

    /// The changes that have taken effect, oldest first.
    pub(super) fn history(&self, now: Instant) -> Vec<Change> {
        let mut past: Vec<_> = self.history.iter().filter(|(from, _)| *from <= now).collect();
        past.sort_by_key(|(from, _)| *from);
        past.into_iter().map(|(_, change)| change.clone()).collect()
    }
}

impl Site {
    fn new(instance: &Instance, moment: Moment) -> Self {
        let users = instance.users.iter().map(|user| (user.id.clone(), Track::new(user.clone(), moment)));
        let profiles = instance.profiles.iter().map(|one| (one.id.clone(), Track::new(one.clone(), moment)));
        Self {
            name: instance.name.clone(),
            directory: instance.directory,
            users: users.collect(),
            profiles: profiles.collect(),
            addresses: instance.addresses.clone(),
        }
    }
}

impl<T> Default for Track<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Track<T> {
    fn new(value: T, moment: Moment) -> Self {
        // It was there long before, so that no lag hides it.
        Self(vec![Version { from: moment.now, modified: moment.wall, value: Some(value) }])
    }

    /// What it was at an instant, and since when. What was there at the start was always there.
    pub(super) fn at(&self, when: Instant) -> Option<(&T, Timestamp)> {
        let version = self.0.iter().rev().find(|version| version.from <= when).or_else(|| self.0.first())?;
        Some((version.value.as_ref()?, version.modified))
    }

    /// What it will be when every change asked for has taken effect.
    pub(super) fn latest(&self) -> Option<&T> {
        self.0.last()?.value.as_ref()
    }

    /// A new version, after all that were asked for before it; says from when.
    pub(super) fn put(&mut self, value: Option<T>, moment: Moment, delay: Duration) -> (Instant, Timestamp) {
        let asked = (moment.now + delay, moment.wall.saturating_add(delay).unwrap_or(moment.wall));
        let (from, modified) = match self.0.last() {
            Some(last) if last.from > asked.0 => (last.from, last.modified),
            Some(_) | None => asked,
        };
        if self.0.is_empty() {
            // Before it is created there is nothing.
            self.0.push(Version { from: moment.now, modified, value: None });
        }
        self.0.push(Version { from, modified, value });
        (from, modified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn moment() -> Moment {
        Moment { now: Instant::now(), wall: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_track_shows_what_was_at_each_instant() {
        let start = moment();
        let later = |seconds: u64| start.now + SECOND * u32::try_from(seconds).unwrap();
        let mut track = Track::new("a", start);
        track.put(Some("b"), start, SECOND * 10);
        track.put(Some("c"), start, SECOND);
        assert_eq!(track.latest(), Some(&"c"));
        let at = |when| track.at(when).map(|(value, _)| *value);
        assert_eq!(at(later(9)), Some("a"));
        assert_eq!(at(later(10)), Some("c"), "changes take effect in their order");
        assert_eq!(start.now.checked_sub(SECOND).and_then(at), Some("a"), "it was always there");
    }

    #[test]
    fn what_is_created_was_not_there_before() {
        let start = moment();
        let mut track = Track::default();
        track.put(Some("a"), start, SECOND);
        assert_eq!(track.at(start.now), None);
        assert_eq!(track.at(start.now + SECOND).map(|(value, _)| *value), Some("a"));
        assert_eq!(start.now.checked_sub(SECOND).and_then(|when| track.at(when)), None);
        track.put(None, start, SECOND * 2);
        assert_eq!(track.at(start.now + SECOND * 2), None);
        assert_eq!(track.latest(), None);
    }
}
