//! What a notice says, how grave and how urgent that is, by which channel and to whom in which role: the closed words of
//! the contract.

use std::{error::Error, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The primary address was changed, perhaps together with the secondary one.
    AddressChanged,
    /// The secondary address was set or changed: notifications other than password resets go there.
    SecondaryChanged,
    /// An address was removed.
    AddressRemoved,
    /// A user was created.
    UserCreated,
    /// A sensitive operation was done.
    SensitiveDone,
    /// It was sent and nobody knows yet: it may have been changed.
    MayHaveChanged,
    /// After an unknown outcome or an announcement: it was not changed.
    NotChangedAfterAll,
    /// After an unknown outcome: details other than the addresses were changed as asked, and nothing else.
    ChangedAfterAll,
    /// After an unknown outcome: no read can tell.
    Undetermined,
    /// Something changed that was not asked for.
    SideEffect,
    /// Connect said yes, and no later read shows it.
    NotShown,
    /// A change of an address was refused.
    AddressChangeRefused,
    /// Several such refusals in one message.
    RepeatedRefusals,
    /// A change is about to be made: said before it is sent.
    Announced,
    /// Another policy is in force.
    PolicyChanged,
    /// The policy could not be loaded.
    PolicyFailed,
    /// The policy can be loaded again.
    PolicyMended,
    /// A rule is about to end.
    RuleExpiring,
    /// Changes are stopped.
    Frozen,
    /// Changes are possible again.
    Unfrozen,
    /// Notices cannot be delivered by a channel.
    DeliveryFailing,
    /// They can again.
    DeliveryMended,
    /// The ledger's chain does not verify.
    ChainBroken,
    /// The weekly proof that notices arrive.
    Heartbeat,
    /// A test of a channel.
    Test,
}

/// How grave a kind is: what a route chooses by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    #[default]
    Info,
    /// Somebody should look the same day.
    Warning,
    /// Somebody has to look now.
    Critical,
}

/// How urgent a notice is: queues of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Urgency {
    /// Applied changes, unknown outcomes, side effects, alarms: never folded, delayed or overtaken.
    Now,
    /// Refusals, digests, the heartbeat.
    Later,
}

/// Why somebody is told: decides the words and what is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Audience {
    /// The security team: everything in full.
    Security,
    /// A hook of the security team that is declared masked: its words, no values.
    Masked,
    /// The primary address that was there before.
    OldPrimary,
    /// The secondary address that was there before.
    OldSecondary,
    /// The new address.
    New,
}

/// By what a notice is brought: `mail`, or `hook:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Channel {
    /// SMTP.
    Mail,
    /// The webhook of this name in the configuration.
    Hook(String),
}

/// No word of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordFault {
    /// No kind is called this.
    Kind(String),
    /// No severity is called this.
    Severity(String),
    /// Neither `mail` nor `hook:NAME`.
    Channel(String),
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 25] = [
        Self::AddressChanged,
        Self::SecondaryChanged,
        Self::AddressRemoved,
        Self::UserCreated,
        Self::SensitiveDone,
        Self::MayHaveChanged,
        Self::NotChangedAfterAll,
        Self::ChangedAfterAll,
        Self::Undetermined,
        Self::SideEffect,
        Self::NotShown,
        Self::AddressChangeRefused,
        Self::RepeatedRefusals,
        Self::Announced,
        Self::PolicyChanged,
        Self::PolicyFailed,
        Self::PolicyMended,
        Self::RuleExpiring,
        Self::Frozen,
        Self::Unfrozen,
        Self::DeliveryFailing,
        Self::DeliveryMended,
        Self::ChainBroken,
        Self::Heartbeat,
        Self::Test,
    ];

    /// The word for it, in `Message-ID`, `X-Connect-Guard-Event`, payloads and routes: contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddressChanged => "address-changed",
            Self::SecondaryChanged => "secondary-changed",
            Self::AddressRemoved => "address-removed",
            Self::UserCreated => "user-created",
            Self::SensitiveDone => "sensitive-done",
            Self::MayHaveChanged => "may-have-changed",
            Self::NotChangedAfterAll => "not-changed-after-all",
            Self::ChangedAfterAll => "changed-after-all",
            Self::Undetermined => "undetermined",
            Self::SideEffect => "side-effect",
            Self::NotShown => "not-shown",
            Self::AddressChangeRefused => "address-change-refused",
            Self::RepeatedRefusals => "repeated-refusals",
            Self::Announced => "announced",
            Self::PolicyChanged => "policy-changed",
            Self::PolicyFailed => "policy-failed",
            Self::PolicyMended => "policy-mended",
            Self::RuleExpiring => "rule-expiring",
            Self::Frozen => "frozen",
            Self::Unfrozen => "unfrozen",
            Self::DeliveryFailing => "delivery-failing",
            Self::DeliveryMended => "delivery-mended",
            Self::ChainBroken => "chain-broken",
            Self::Heartbeat => "heartbeat",
            Self::Test => "test",
        }
    }

    /// How grave it is: one severity for each kind.
    pub fn severity(self) -> Severity {
        match self {
            Self::MayHaveChanged
            | Self::Undetermined
            | Self::SideEffect
            | Self::PolicyFailed
            | Self::DeliveryFailing
            | Self::ChainBroken => Severity::Critical,
            Self::AddressChanged
            | Self::SecondaryChanged
            | Self::AddressRemoved
            | Self::SensitiveDone
            | Self::ChangedAfterAll
            | Self::NotShown
            | Self::AddressChangeRefused
            | Self::RepeatedRefusals
            | Self::PolicyChanged
            | Self::RuleExpiring
            | Self::Frozen
            | Self::Unfrozen => Severity::Warning,
            Self::UserCreated
            | Self::NotChangedAfterAll
            | Self::Announced
            | Self::PolicyMended
            | Self::DeliveryMended
            | Self::Heartbeat
            | Self::Test => Severity::Info,
        }
    }

    /// How urgent it is.
    pub fn urgency(self) -> Urgency {
        match self {
            Self::AddressChangeRefused | Self::RepeatedRefusals | Self::RuleExpiring | Self::Heartbeat => {
                Urgency::Later
            }
            Self::AddressChanged
            | Self::SecondaryChanged
            | Self::AddressRemoved
            | Self::UserCreated
            | Self::SensitiveDone
            | Self::MayHaveChanged
            | Self::NotChangedAfterAll
            | Self::ChangedAfterAll
            | Self::Undetermined
            | Self::SideEffect
            | Self::NotShown
            | Self::Announced
            | Self::PolicyChanged
            | Self::PolicyFailed
            | Self::PolicyMended
            | Self::Frozen
            | Self::Unfrozen
            | Self::DeliveryFailing
            | Self::DeliveryMended
            | Self::ChainBroken
            | Self::Test => Urgency::Now,
        }
    }
}

impl Severity {
    /// The word for it: contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Audience {
    /// Whether it is the security team, by mail or by a hook.
    pub fn is_security(self) -> bool {
        match self {
            Self::Security | Self::Masked => true,
            Self::OldPrimary | Self::OldSecondary | Self::New => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| WordFault::Kind(text.to_owned()))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        let all = [Self::Info, Self::Warning, Self::Critical];
        let found = all.into_iter().find(|severity| severity.as_str() == text);
        found.ok_or_else(|| WordFault::Severity(text.to_owned()))
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail => f.write_str("mail"),
            Self::Hook(name) => write!(f, "hook:{name}"),
        }
    }
}

impl FromStr for Channel {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        match text.split_once(':') {
            None if text == "mail" => Ok(Self::Mail),
            Some(("hook", name)) if !name.is_empty() => Ok(Self::Hook(name.to_owned())),
            _ => Err(WordFault::Channel(text.to_owned())),
        }
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.to_string()
    }
}

impl TryFrom<String> for Channel {
    type Error = WordFault;

    fn try_from(text: String) -> Result<Self, WordFault> {
        text.parse()
    }
}

impl fmt::Display for WordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(word) => write!(f, "no kind of notice is called `{word}`"),
            Self::Severity(word) => write!(f, "`{word}` is no severity: `info`, `warning` or `critical`"),
            Self::Channel(word) => write!(f, "`{word}` is no channel: `mail`, or `hook:` and its name"),
        }
    }
}

impl Error for WordFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(Kind::ALL.iter().filter(|other| other.as_str() == kind.as_str()).count(), 1);
        }
        for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
            assert_eq!(severity.to_string().parse(), Ok(severity));
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.as_str());
        }
        for channel in [Channel::Mail, Channel::Hook("siem".to_owned())] {
            assert_eq!(channel.to_string().parse(), Ok(channel.clone()));
            assert_eq!(serde_json::to_value(&channel).unwrap(), channel.to_string());
        }
    }

    #[test]
    fn other_words_are_faults_that_say_which() {
        assert_eq!(
            "hook:".parse::<Channel>().unwrap_err().to_string(),
            "`hook:` is no channel: `mail`, or `hook:` and its name"
        );
        assert_eq!("mail:x".parse::<Channel>(), Err(WordFault::Channel("mail:x".to_owned())));
        assert_eq!("AddressChanged".parse::<Kind>(), Err(WordFault::Kind("AddressChanged".to_owned())));
        assert_eq!("fatal".parse::<Severity>(), Err(WordFault::Severity("fatal".to_owned())));
    }

    #[test]
    fn what_is_critical_never_waits() {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.severity() == Severity::Critical) {
            assert_eq!(kind.urgency(), Urgency::Now, "{kind}");
        }
    }
}
