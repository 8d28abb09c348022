//! What an embedded Connect starts with, and the switches for what nobody outside AWS knows about the real one.

use std::{net::SocketAddr, time::Duration};

use crate::operation::{Directory, Field};

use super::super::certificates::Authority;

/// What an embedded Connect starts with. [`Default`] is a small world of AWS's documentation examples.
#[derive(Clone)]
pub struct ConnectOptions {
    /// Where to listen. Default `127.0.0.1:0`: any free port.
    pub listen: SocketAddr,
    /// The account, twelve digits.
    pub account: String,
    /// The Region, in ARNs and in the scope of signatures.
    pub region: String,
    /// Who issues the server's certificate; a new authority when none is given.
    pub authority: Option<Authority>,
    /// Who may call: each of them everything.
    pub credentials: Vec<Credential>,
    /// The instances and what is in them.
    pub instances: Vec<Instance>,
    /// The quota of each operation; none when there is no limit. Default 2 per second, burst 5.
    pub rate: Option<Rate>,
    /// How far a signature's time may be from the system's; none when any time will do. Default 5 min.
    pub skew: Option<Duration>,
    /// The most entries on one page of a list or search, whatever is asked for. Default 100.
    pub page: usize,
    /// The switches to begin with.
    pub switches: Switches,
}

/// An access key. Has no `Debug`: it holds a secret.
#[derive(Clone)]
pub struct Credential {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token that must come with it; none of a long-term key, with which no token may come.
    pub session_token: Option<String>,
}

/// An instance.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its alias.
    pub name: String,
    /// How it keeps its users.
    pub directory: Directory,
    /// Its users.
    pub users: Vec<User>,
    /// Its security profiles.
    pub profiles: Vec<Profile>,
    /// The addresses of its e-mail channel.
    pub addresses: Vec<String>,
}

/// A user. An empty text is no value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The id.
    pub id: String,
    /// The login name.
    pub username: String,
    /// `FirstName`
    pub first_name: String,
    /// `LastName`
    pub last_name: String,
    /// `Email`
    pub email: String,
    /// `SecondaryEmail`
    pub secondary_email: String,
    /// `Mobile`
    pub mobile: String,
    /// The ids of its security profiles.
    pub profiles: Vec<String>,
}

/// A security profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// What it permits.
    pub permissions: Vec<String>,
}

/// A token bucket for each operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// What is not documented of the real Connect, and can be one way or another here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// What becomes of the fields that `UpdateUserIdentityInfo` leaves out.
    pub omitted: Omitted,
    /// How long after its 200 a change takes effect.
    pub effect_delay: Duration,
    /// How long after it took effect reads still show what was before.
    pub read_lag: Duration,
    /// What the edge does with `%2F` in a path. The tag operations, which cannot do without, are always let through.
    pub encoded_slashes: Taken,
    /// What becomes of an ARN where an id is meant.
    pub arns: Taken,
    /// What is made of a key that a body has twice.
    pub doubled_keys: DoubledKeys,
    /// Which error Email gives on a SAML instance.
    pub saml_email: SamlEmail,
}

/// What becomes of omitted fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omitted {
    /// They keep their values.
    Keep,
    /// They are cleared, as far as the instance's directory lets them be set.
    Clear,
}

/// Whether a spelling is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// As what it stands for.
    Accept,
    /// Not at all.
    Refuse,
}

/// Which of two members of one name counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubledKeys {
    /// The first.
    First,
    /// The last.
    Last,
    /// None: 400 `SerializationException`.
    Refuse,
}

/// Which error Email gives on a SAML instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamlEmail {
    /// `InvalidParameterException`
    InvalidParameter,
    /// `InvalidRequestException`
    InvalidRequest,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        let profile = |id: &str, name: &str, permissions: &[&str]| Profile {
            id: id.to_owned(),
            name: name.to_owned(),
            permissions: permissions.iter().map(|name| (*name).to_owned()).collect(),
        };
        let agent = profile("11111111-aaaa-bbbb-cccc-EXAMPLE11111", "Agent", &["BasicAgentAccess"]);
        let admin = profile(
            "22222222-aaaa-bbbb-cccc-EXAMPLE22222",
            "Admin",
            &["BasicAgentAccess", "Users.View", "Users.Edit", "Users.EditPermission"],
        );
        let mary = User {
            id: "87654321-2222-1234-1234-111234567891".to_owned(),
            username: "mary".to_owned(),
            first_name: "Mary".to_owned(),
            last_name: "Major".to_owned(),
            email: "mary.major@example.com".to_owned(),
            profiles: vec![agent.id.clone()],
            ..User::default()
        };
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            authority: None,
            credentials: vec![Credential {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret: "SECRETEXAMPLE".to_owned(),
                session_token: None,
            }],
            instances: vec![Instance {
                id: "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111".to_owned(),
                name: "example".to_owned(),
                directory: Directory::ConnectManaged,
                users: vec![mary],
                profiles: vec![agent, admin],
                addresses: Vec::new(),
            }],
            rate: Some(Rate { per_second: 2, burst: 5 }),
            skew: Some(Duration::from_mins(5)),
            page: 100,
            switches: Switches::default(),
        }
    }
}

impl Default for Switches {
    /// What seems likeliest of the real Connect.
    fn default() -> Self {
        Self {
            omitted: Omitted::Keep,
            effect_delay: Duration::ZERO,
            read_lag: Duration::ZERO,
            encoded_slashes: Taken::Accept,
            arns: Taken::Accept,
            doubled_keys: DoubledKeys::Last,
            saml_email: SamlEmail::InvalidParameter,
        }
    }
}

impl Switches {
    /// Every combination of them, with these times as the positions of the two that are durations.
    pub fn combinations(effect_delays: &[Duration], read_lags: &[Duration]) -> Vec<Self> {
        let taken = [Taken::Accept, Taken::Refuse];
        let doubled = [DoubledKeys::First, DoubledKeys::Last, DoubledKeys::Refuse];
        let errors = [SamlEmail::InvalidParameter, SamlEmail::InvalidRequest];
        let all = vec![Self::default()];
        let all = crossed(&all, &[Omitted::Keep, Omitted::Clear], |one, omitted| one.omitted = omitted);
        let all = crossed(&all, effect_delays, |one, delay| one.effect_delay = delay);
        let all = crossed(&all, read_lags, |one, lag| one.read_lag = lag);
        let all = crossed(&all, &taken, |one, slashes| one.encoded_slashes = slashes);
        let all = crossed(&all, &taken, |one, arns| one.arns = arns);
        let all = crossed(&all, &doubled, |one, doubled| one.doubled_keys = doubled);
        crossed(&all, &errors, |one, error| one.saml_email = error)
    }
}

impl User {
    /// The value of a field; empty when there is none.
    pub fn value(&self, field: Field) -> &str {
        match field {
            Field::FirstName => &self.first_name,
            Field::LastName => &self.last_name,
            Field::Email => &self.email,
            Field::SecondaryEmail => &self.secondary_email,
            Field::Mobile => &self.mobile,
        }
    }

    /// Sets a field; an empty text removes its value.
    pub fn set(&mut self, field: Field, value: String) {
        *match field {
            Field::FirstName => &mut self.first_name,
            Field::LastName => &mut self.last_name,
            Field::Email => &mut self.email,
            Field::SecondaryEmail => &mut self.secondary_email,
            Field::Mobile => &mut self.mobile,
        } = value;
    }
}

/// Each of `all` in each of these positions of one switch.
fn crossed<T: Copy>(all: &[Switches], positions: &[T], set: impl Fn(&mut Switches, T)) -> Vec<Switches> {
    let mut crossed = Vec::with_capacity(all.len().saturating_mul(positions.len()));
    for one in all {
        for position in positions {
            let mut one = *one;
            set(&mut one, *position);
            crossed.push(one);
        }
    }
    crossed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_there_once() {
        let times = [Duration::ZERO, Duration::from_secs(1)];
        let all = Switches::combinations(&times, &times);
        assert_eq!(all.len(), 2 * 2 * 2 * 3 * 2 * 2 * 2);
        assert!(all.iter().enumerate().all(|(at, one)| !all[at + 1..].contains(one)));
        assert_eq!(Switches::combinations(&times[..1], &times[..1]).len(), 48);
    }
}
