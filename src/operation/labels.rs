//! Values that name resources: bare ids or full ARNs, in the path, the query and the body. One value has one spelling
//! from here on.

use crate::wire::{ErrorType, Malformed};

use super::{
    Class, InstanceId, Site,
    arn::{ConnectArn, Named, is_id},
};

/// Where a request is at home: what every ARN in it must agree with.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) site: &'a Site,
    pub(super) instance: Option<&'a InstanceId>,
}

/// A value of the right form that is not one of those Connect or the guard takes: 400 `InvalidParameterException`.
pub(super) fn invalid(why: impl Into<String>) -> Malformed {
    Malformed::with(ErrorType::InvalidParameter, why)
}

/// A member that must be there is not: 400 `InvalidRequestException`.
pub(super) fn missing(name: &str) -> Malformed {
    Malformed::form(format!("`{name}` is required"))
}

/// An instance as named in a request, before it is known which site has it.
pub(super) struct NamedInstance<'a> {
    pub(super) id: InstanceId,
    arn: Option<ConnectArn<'a>>,
}

impl<'a> NamedInstance<'a> {
    /// Reads a bare id, or the ARN of exactly an instance.
    pub(super) fn read(text: &'a str) -> Result<Self, Malformed> {
        if let Some(id) = InstanceId::read(text) {
            return Ok(Self { id, arn: None });
        }
        let found = ConnectArn::read(text).and_then(|arn| Some((arn.instance()?, arn)));
        let (id, arn) =
            found.ok_or_else(|| invalid("`InstanceId` is neither an id nor the ARN of an instance"))?;
        Ok(Self { id, arn: Some(arn) })
    }

    /// The instance in the ARN of what is tagged; none when that lies outside every instance.
    pub(super) fn of_resource(text: &'a str) -> Result<Option<Self>, Malformed> {
        let arn = ConnectArn::read(text);
        match arn.and_then(|arn| arn.named()) {
            Some(Named::User(id, _) | Named::SecurityProfile(id, _) | Named::In(id)) => {
                Ok(Some(Self { id, arn }))
            }
            Some(Named::TrafficDistributionGroup(_) | Named::Elsewhere) => Ok(None),
            None => Err(invalid("`resourceArn` is not the ARN of a resource of Connect")),
        }
    }

    /// Whether the ARN, when there is one, says the same as the site that has the instance.
    pub(super) fn agree(&self, site: &Site) -> Result<(), Malformed> {
        match &self.arn {
            Some(arn) if !arn.is_of(site) => {
                Err(invalid("the ARN of the instance is of another partition, account or Region"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Place<'_> {
    /// The one spelling of a label's value.
    ///
    /// In a change, and wherever users, security profiles and hierarchy groups are named: the bare id, given as such or
    /// as the ARN of that kind of resource in this instance. In any other label of an ordinary operation: the text as it
    /// was decoded, when [`is_plain`] or an ARN that agrees; ids there come in more forms than are documented (`$LATEST`,
    /// `id:$SAVED`, names of attributes in any script, ARNs of other services).
    pub(super) fn label(&self, name: &str, text: &str, class: Class) -> Result<String, Malformed> {
        match name {
            "TrafficDistributionGroupId" | "Id" => self.group(name, text),
            "UserId" | "SecurityProfileId" | "HierarchyGroupId" => self.id(name, text),
            _ if class.is_guarded() => self.id(name, text),
            _ => self.ordinary(name, text),
        }
    }

    /// The bare id of what a name such as `SecurityProfileId` stands for, given as such or as its ARN in this instance.
    pub(super) fn id(&self, name: &str, text: &str) -> Result<String, Malformed> {
        let bare = if name == "UserId" { super::UserId::read(text).is_some() } else { is_id(text) };
        if bare {
            return Ok(text.to_owned());
        }
        let id = kind(name).zip(self.instance).and_then(|(kind, instance)| {
            ConnectArn::read(text).filter(|arn| arn.is_of(self.site))?.id_of(kind, instance)
        });
        match id {
            Some(id) if name != "UserId" || super::UserId::read(id).is_some() => Ok(id.to_owned()),
            Some(_) | None => Err(invalid(format!(
                "`{name}` is neither an id nor the ARN of such a resource in this instance"
            ))),
        }
    }

    /// The ARN of what is tagged: of this partition, account and Region.
    pub(super) fn resource(&self, text: &str) -> Result<String, Malformed> {
        match ConnectArn::read(text) {
            Some(arn) if self.has(&arn) => Ok(text.to_owned()),
            Some(_) | None => Err(invalid("`resourceArn` is an ARN of somewhere else")),
        }
    }

    /// Several ids, at least one and at most `most`, each once.
    pub(super) fn ids(&self, name: &str, texts: &[String], most: usize) -> Result<Vec<String>, Malformed> {
        if texts.is_empty() || texts.len() > most {
            return Err(invalid(format!("there must be 1 to {most} of `{name}`")));
        }
        let mut ids: Vec<String> = Vec::with_capacity(texts.len());
        for text in texts {
            let id = self.id(name, text)?;
            if ids.contains(&id) {
                return Err(invalid(format!("one `{name}` is named twice")));
            }
            ids.push(id);
        }
        Ok(ids)
    }

    /// A traffic distribution group: its bare id; of one of another Region, where only the ARN names it, the ARN.
    fn group(&self, name: &str, text: &str) -> Result<String, Malformed> {
        if is_id(text) {
            return Ok(text.to_owned());
        }
        let arn = ConnectArn::read(text).filter(|arn| arn.is_of_account(self.site));
        match arn.and_then(|arn| Some((arn, arn.named()?))) {
            Some((arn, Named::TrafficDistributionGroup(id))) => {
                Ok(if arn.is_of(self.site) { id } else { text }.to_owned())
            }
            Some(_) | None => {
                Err(invalid(format!("`{name}` is neither an id nor the ARN of a traffic distribution group")))
            }
        }
    }

    fn ordinary(&self, name: &str, text: &str) -> Result<String, Malformed> {
        let agrees = match ConnectArn::read(text) {
            Some(arn) => self.has(&arn),
            None => is_foreign_arn(text) || !text.starts_with("arn:") && is_plain(text),
        };
        if agrees {
            Ok(text.to_owned())
        } else {
            Err(invalid(format!("`{name}` has characters that no id has, or is an ARN of somewhere else")))
        }
    }

    /// Whether an ARN is of this place: of its instance, or of its account outside every instance.
    fn has(&self, arn: &ConnectArn<'_>) -> bool {
        match arn.named() {
            Some(Named::User(of, _) | Named::SecurityProfile(of, _) | Named::In(of)) => {
                arn.is_of(self.site) && Some(&of) == self.instance
            }
            Some(Named::TrafficDistributionGroup(_)) => arn.is_of_account(self.site),
            Some(Named::Elsewhere) => arn.is_of(self.site),
            None => false,
        }
    }
}

/// How ARNs call what a label names, for the labels of changes.
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonconnect.html>.
fn kind(name: &str) -> Option<&'static str> {
    Some(match name {
        "UserId" => "agent",
        "SecurityProfileId" => "security-profile",
        "HierarchyGroupId" => "agent-group",
        "RoutingProfileId" => "routing-profile",
        "QueueId" => "queue",
        "RuleId" => "rule",
        "EmailAddressId" => "email-address",
        "AuthenticationProfileId" => "authentication-profile",
        _ => return None,
    })
}

/// Whether a text can stand in one path segment of an ordinary operation and means the same to whoever decodes it again:
/// 1 to 500 letters and digits of any script, spaces and `-_.:$=@'|+`, not of dots only.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || " -_.:$=@'|+".contains(c);
    (1..=500).contains(&text.chars().count()) && text.chars().all(plain) && text.chars().any(|c| c != '.')
}

/// Whether a text is a plain ARN of another service, or of what Connect itself provides in every account
/// (`arn:aws:connect:us-east-1:aws:view/...`).
pub(super) fn is_foreign_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [prefix, _, service, _, account, _] = parts.as_slice() else { return false };
    *prefix == "arn"
        && (!service.eq_ignore_ascii_case("connect") || *account == "aws")
        && text.len() <= 1000
        && text.split('/').all(is_plain)
}
