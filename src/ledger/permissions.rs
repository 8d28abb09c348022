//! Which permissions users and security profiles were seen to have: whoever had one counts as having it for a while, and so
//! does whoever has a profile that had one.

use std::collections::BTreeSet;

use crate::{
    operation::{Profile, Seen, Subject, Target, User},
    secret::Digest,
    store::Op,
};

use super::{Ledger, Unwritten, core::Core};

/// How long a permission that was seen counts as held, milliseconds: 30 days.
const HELD: i64 = 30 * 24 * 60 * 60 * 1000;

/// The permissions that were seen of a user, who is known under this name, and of every profile that was read.
pub(super) fn seen(
    core: &Core,
    target: &Target,
    user: Option<(&User, &str)>,
    seen: &Seen,
    now: i64,
) -> Vec<Op> {
    let of_user = user.and_then(|(user, name)| {
        let own = seen.profiles.iter().filter(|profile| user.security_profiles.contains(&profile.id));
        had(name.to_owned(), own, now)
    });
    // In one order, so that two writers never wait for each other's rows.
    let mut profiles: Vec<&Profile> = seen.profiles.iter().collect();
    profiles.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    let of_profiles =
        profiles.into_iter().filter_map(|profile| had(name_of(core, target, profile), [profile], now));
    of_user.into_iter().chain(of_profiles).collect()
}

fn had<'a>(target: String, profiles: impl IntoIterator<Item = &'a Profile>, now: i64) -> Option<Op> {
    let names: BTreeSet<&str> =
        profiles.into_iter().flat_map(|profile| profile.permissions.iter().map(String::as_str)).collect();
    if names.is_empty() {
        return None;
    }
    let names = names.into_iter().collect::<Vec<_>>().join("\n");
    let digest = Digest::of(names.as_bytes()).hex();
    Some(Op::Permissions { target, digest, names, at: now })
}

/// The name of a profile of the same instance.
fn name_of(core: &Core, target: &Target, profile: &Profile) -> String {
    core.target(&Target { subject: Subject::SecurityProfile(profile.id.clone()), ..target.clone() })
}

impl Ledger {
    /// The permissions that any of these profiles of the target's instance had within 30 days, as far as this guard read them.
    /// Asked after Connect was read: whatever took one away through a guard was on record before it was sent.
    pub async fn held_by(
        &self,
        target: &Target,
        profiles: &[Profile],
    ) -> Result<BTreeSet<String>, Unwritten> {
        let mut held = BTreeSet::new();
        for profile in profiles {
            held.extend(self.held(&name_of(&self.inner.core, target, profile)).await?);
        }
        Ok(held)
    }

    /// The permissions of what is known under a name.
    pub(super) async fn held(&self, name: &str) -> Result<BTreeSet<String>, Unwritten> {
        let since = self.inner.core.now().saturating_sub(HELD);
        let sets = self.read(self.inner.reader.permissions(name, since)).await?;
        Ok(sets.iter().flat_map(|names| names.lines().map(str::to_owned)).collect())
    }
}
