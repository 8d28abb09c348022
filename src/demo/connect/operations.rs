//! What Connect does for an operation: the ones that matter here as documented, every other one by saying 200 and `{}`.

use serde_json::{Map, Value};

use crate::{
    operation::{InstanceIn, Route},
    wire::QueryPair,
};

use super::{
    Taken,
    answer::Answer,
    instances, profiles, users,
    world::{Moment, Site, World},
};

/// An operation, asked for by somebody who may.
pub(super) struct Asked<'a> {
    pub(super) route: &'static Route,
    pub(super) labels: &'a [String],
    pub(super) query: &'a [QueryPair],
    pub(super) body: Map<String, Value>,
    pub(super) moment: Moment,
}

/// Does it. An error is an answer as well, and then nothing was done.
pub(super) fn perform(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Answer> {
    let instance = match asked.route.instance {
        InstanceIn::Path => Some(asked.instance(world)?),
        InstanceIn::Body => Some(world.instance(asked.text("InstanceId")?)?),
        InstanceIn::Query => {
            let named = asked.member("InstanceId").or_else(|| asked.member("instanceId"));
            named.map(|text| world.instance(text)).transpose()?
        }
        InstanceIn::BodyArn | InstanceIn::ResourceArn | InstanceIn::None => None,
    };
    let instance = instance.unwrap_or_default();
    match asked.route.operation {
        "DescribeUser" => users::describe(world, asked, &instance),
        "UpdateUserIdentityInfo" => users::update_identity(world, asked, &instance),
        "UpdateUserSecurityProfiles" => users::update_profiles(world, asked, &instance),
        "CreateUser" => users::create(world, asked, &instance),
        "DeleteUser" => users::delete(world, asked, &instance),
        "ListUsers" => users::list(world, asked, &instance),
        "SearchUsers" => users::search(world, asked, &instance),
        "DescribeSecurityProfile" => profiles::describe(world, asked, &instance),
        "ListSecurityProfiles" => profiles::list(world, asked, &instance),
        "ListSecurityProfilePermissions" => profiles::permissions(world, asked, &instance),
        "CreateSecurityProfile" => profiles::create(world, asked, &instance),
        "UpdateSecurityProfile" => profiles::update(world, asked, &instance),
        "DescribeInstance" => instances::describe(world, &instance),
        "ListInstances" => Ok(instances::list(world, asked)),
        "SearchEmailAddresses" => instances::search_addresses(world, asked, &instance),
        _ => Ok(Answer::json(&Value::Object(Map::new()))),
    }
}

impl World {
    /// The id of an instance named by its id or, when those are taken, its ARN.
    pub(super) fn instance(&self, named: &str) -> Result<String, Answer> {
        let prefix = self.arn("");
        let id = self.bare(named, &prefix)?;
        if self.sites.contains_key(id) { Ok(id.to_owned()) } else { Err(Answer::not_found("Instance")) }
    }

    /// The id of something named by its id or, when those are taken, its ARN beginning so.
    pub(super) fn bare<'a>(&self, named: &'a str, prefix: &str) -> Result<&'a str, Answer> {
        match (named.starts_with("arn:"), self.switches.arns) {
            (false, _) => Ok(named),
            (true, Taken::Refuse) => Err(Answer::invalid_parameter("an id is required")),
            (true, Taken::Accept) => named.strip_prefix(prefix).ok_or_else(|| Answer::not_found("Resource")),
        }
    }

    /// An instance that [`World::instance`] has found.
    pub(super) fn site(&self, instance: &str) -> Result<&Site, Answer> {
        self.sites.get(instance).ok_or_else(|| Answer::not_found("Instance"))
    }
}

impl Asked<'_> {
    /// The value of a label of the template.
    pub(super) fn label(&self, name: &str) -> &str {
        let names =
            self.route.template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let found = names.zip(self.labels).find(|(label, _)| *label == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    fn instance(&self, world: &World) -> Result<String, Answer> {
        world.instance(self.label("InstanceId"))
    }

    /// The value of a member of the query.
    pub(super) fn member(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|pair| pair.name == name).map(|pair| pair.value.as_str())
    }

    /// A member of the body that must be a text and not be empty.
    pub(super) fn text(&self, name: &str) -> Result<&str, Answer> {
        let text = self.optional(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| Answer::invalid_request(&format!("{name} is required")))
    }

    /// A member of the body that must be a text if it is there; null is not there.
    pub(super) fn optional(&self, name: &str) -> Result<Option<&str>, Answer> {
        text(&self.body, name)
    }

    /// A member of the body that must be an array of texts if it is there.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Answer> {
        let wrong = || Answer::serialization(&format!("{name} is not an array of strings"));
        let Some(value) = self.body.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let values = value.as_array().ok_or_else(wrong)?;
        let texts: Option<_> = values.iter().map(|value| Some(value.as_str()?.to_owned())).collect();
        texts.map(Some).ok_or_else(wrong)
    }

    /// The page that is asked for, in the query or in the body, and how to ask for the next.
    pub(super) fn page<T>(&self, world: &World, entries: Vec<T>) -> (Vec<T>, Option<String>) {
        let in_query = self.member("maxResults").and_then(|text| text.parse().ok());
        let in_body = self.body.get("MaxResults").and_then(Value::as_u64);
        let asked = in_query.or(in_body).and_then(|most| usize::try_from(most).ok());
        let most = asked.unwrap_or(world.page).clamp(1, world.page);
        let token = self.member("nextToken").or_else(|| self.body.get("NextToken").and_then(Value::as_str));
        let from: usize = token.and_then(|token| token.strip_prefix("from-")?.parse().ok()).unwrap_or(0);
        let next = from.saturating_add(most);
        let more = (next < entries.len()).then(|| format!("from-{next}"));
        (entries.into_iter().skip(from).take(most).collect(), more)
    }
}

/// A list under its name, and `NextToken` when there is more.
pub(super) fn listed(name: &str, (entries, next): (Vec<Value>, Option<String>)) -> Answer {
    let mut members = Map::new();
    members.insert(name.to_owned(), entries.into());
    if let Some(next) = next {
        members.insert("NextToken".to_owned(), next.into());
    }
    Answer::json(&Value::Object(members))
}

/// A member that must be a text if it is there; null is not there.
pub(super) fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Answer> {
    let wrong = || Answer::serialization(&format!("{name} is not a string"));
    let value = members.get(name).filter(|value| !value.is_null());
    value.map(|value| value.as_str().ok_or_else(wrong)).transpose()
}

/// A member that must be an object if it is there; null is not there.
pub(super) fn object<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Map<String, Value>>, Answer> {
    let wrong = || Answer::serialization(&format!("{name} is not an object"));
    let value = members.get(name).filter(|value| !value.is_null());
    value.map(|value| value.as_object().ok_or_else(wrong)).transpose()
}

/// `SearchCriteria.StringCondition`, when there is one; other criteria are none that is known here.
pub(super) struct Condition<'a> {
    pub(super) field: &'a str,
    value: &'a str,
    comparison: &'a str,
}

impl<'a> Condition<'a> {
    pub(super) fn read(body: &'a Map<String, Value>) -> Result<Option<Self>, Answer> {
        let Some(criteria) = object(body, "SearchCriteria")?.filter(|criteria| !criteria.is_empty()) else {
            return Ok(None);
        };
        let Some(condition) = object(criteria, "StringCondition")? else {
            return Err(Answer::invalid_request("only a StringCondition is known here"));
        };
        Ok(Some(Self {
            field: text(condition, "FieldName")?.unwrap_or_default(),
            value: text(condition, "Value")?.unwrap_or_default(),
            comparison: text(condition, "ComparisonType")?.unwrap_or("STARTS_WITH"),
        }))
    }

    /// Whether a text fits; letter case makes no difference.
    pub(super) fn fits(&self, text: &str) -> Result<bool, Answer> {
        let (text, value) = (text.to_lowercase(), self.value.to_lowercase());
        match self.comparison {
            "EXACT" => Ok(text == value),
            "STARTS_WITH" => Ok(text.starts_with(&value)),
            "CONTAINS" => Ok(text.contains(&value)),
            _ => Err(Answer::invalid_request("unknown ComparisonType")),
        }
    }
}
