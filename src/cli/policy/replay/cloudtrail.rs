//! Calls from `CloudTrail`.
//!
//! A trail holds neither the user as it was nor the values that the model of Connect calls sensitive: those are `***` or
//! `HIDDEN_DUE_TO_SECURITY_REASONS`. Which member of which operation is masked is not documented, so every value of a
//! person counts as masked unless it is a plain text.

use std::path::Path;

use serde_json::{Map, Value};

use super::{
    Asked, Call, Left, Was,
    members::{UNSAID, decoded, last, lowered, member, part, put, text, texts, value},
};
use crate::{
    caller::{Arn, Resource},
    cli::{policy::args::Period, trail},
    clock::Now,
    operation::{Field, InstanceIn, Route, routes},
    policy::{Logged, Past},
};

/// Reads trails, and gives each call on.
pub(in crate::cli::policy) struct Events<F> {
    period: Period,
    each: F,
    left: Left,
}

impl<F: FnMut(Call)> Events<F> {
    /// Of this period.
    pub(in crate::cli::policy) fn of(period: Period, each: F) -> Self {
        Self { period, each, left: Left::new() }
    }

    /// A file, or every file of a directory.
    pub(in crate::cli::policy) fn read(&mut self, path: &Path) -> Result<(), String> {
        trail::read(path, &mut |event, place| self.event(event, place))
    }

    /// What was no call of a caller.
    pub(in crate::cli::policy) fn finish(self) -> Left {
        self.left
    }

    fn event(&mut self, event: &Value, place: &str) {
        match call(event, place, self.period) {
            Ok(call) => (self.each)(call),
            Err(why) => *self.left.entry(why).or_default() += 1,
        }
    }
}

/// The call that an event tells of; or why it is none of a caller.
fn call(event: &Value, place: &str, period: Period) -> Result<Call, &'static str> {
    if text(event, "/eventSource") != Some("connect.amazonaws.com") {
        return Err("events of other services");
    }
    let at = text(event, "/eventTime").and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let at = at.ok_or("events without a time")?;
    if !period.has(at) {
        return Err("calls outside of the period");
    }
    let who = text(event, "/userIdentity/arn").and_then(|arn| Arn::read(arn).ok());
    let who = who.ok_or("calls of AWS services, of the account's root and of callers without an ARN")?;
    if let Resource::Session { role, .. } = &who.resource
        && role.starts_with("AWSServiceRoleFor")
    {
        return Err(
            "calls of service-linked roles: the admin website and the replica sync, which do not pass the guard",
        );
    }
    let operation = text(event, "/eventName").unwrap_or_default();
    let Some(route) = routes().iter().find(|route| route.operation == operation) else {
        let asked = Asked::Unknown(who.without_session(), operation.to_owned());
        return Ok(Call { asked, was: was(event), place: place.to_owned() });
    };
    let past = past(event, &who, route, at.into())
        .ok_or("calls whose event does not say enough to be asked again")?;
    Ok(Call { asked: Asked::Known(Box::new(past)), was: was(event), place: place.to_owned() })
}

fn was(event: &Value) -> Was {
    match text(event, "/errorCode") {
        None => Was::Done,
        Some(code) if code.contains("AccessDenied") => Was::Refused,
        Some(_) => Was::Failed,
    }
}

fn past(event: &Value, who: &Arn, route: &'static Route, at: Now) -> Option<Past> {
    let asked = event.get("requestParameters").filter(|value| !value.is_null());
    let asked = asked.cloned().unwrap_or_else(|| Value::Object(Map::new()));
    let resource = member(&asked, "ResourceArn").map(decoded);
    let of_user = id(&asked, "UserId", "agent").or_else(|| part(resource.as_deref(), "agent"));
    let of_profile = id(&asked, "SecurityProfileId", "security-profile")
        .or_else(|| part(resource.as_deref(), "security-profile"));
    let mut question = Map::new();
    put(&mut question, "caller", Some(who.to_string()));
    put(&mut question, "unique_id", unique_id(event));
    put(&mut question, "action", Some(route.action()));
    put(&mut question, "instance", Some(instance(event, &asked, route, resource.as_deref())?));
    put(&mut question, "profile", of_profile);
    if of_user.is_some() || route.template.contains("{UserId}") {
        let mut user = Map::new();
        put(&mut user, "username", Some(UNSAID));
        put(&mut user, "id", of_user);
        question.insert("user".into(), user.into());
    }
    let mut log = Logged::Outline;
    let mut masked = std::collections::BTreeSet::new();
    if matches!(route.operation, "UpdateUserIdentityInfo" | "CreateUser") {
        let (change, hidden) = change(&asked);
        match (change, route.operation) {
            (Some(change), _) => put(&mut question, "change", Some(change)),
            (None, "CreateUser") => {}
            (None, _) => log = Logged::Fieldless,
        }
        masked = hidden;
    }
    if route.operation == "CreateUser" {
        put(&mut question, "username", Some(member(&asked, "Username").unwrap_or(UNSAID)));
        put(&mut question, "password", value(&asked, "Password").is_some().then_some("set"));
    }
    let given = ["SecurityProfileIds", "SecurityProfiles"].iter().find_map(|name| value(&asked, name));
    if route.operation == "CreateUser" || given.is_some() {
        match given.and_then(profiles) {
            Some(ids) => put(&mut question, "grants", Some(ids)),
            None => log = log_without(log),
        }
    }
    let members = route.granting_members().iter().filter(|name| value(&asked, name).is_some());
    put(
        &mut question,
        "members",
        Some(members.copied().collect::<Vec<_>>()).filter(|members| !members.is_empty()),
    );
    if let Some(permissions) = value(&asked, "Permissions") {
        match texts(permissions) {
            Some(permissions) => put(&mut question, "permissions", Some(permissions)),
            None => log = log_without(log),
        }
    }
    Past::read(&question, masked, log, at).ok()
}

fn log_without(log: Logged) -> Logged {
    if log == Logged::Outline { Logged::Bare } else { log }
}

/// Security profiles by their ids.
fn profiles(value: &Value) -> Option<Vec<String>> {
    let ids = value.as_array()?.iter().map(|item| {
        let named = item.as_str().or_else(|| item.get("Id").and_then(Value::as_str))?;
        Some(last(&decoded(named)).to_owned()).filter(|id| !is_masked(id))
    });
    ids.collect()
}

/// The fields that were asked for; those that are masked too. None where not even they are known.
fn change(asked: &Value) -> (Option<Value>, std::collections::BTreeSet<Field>) {
    let mut masked = std::collections::BTreeSet::new();
    let Some(info) = value(asked, "IdentityInfo").and_then(Value::as_object) else { return (None, masked) };
    let mut change = Map::new();
    for field in Field::ALL {
        let name = field.name();
        let Some(value) = info.get(name).or_else(|| info.get(&lowered(name))) else { continue };
        match value.as_str() {
            Some(text) if !is_masked(text) => put(&mut change, name, Some(text)),
            Some(_) | None => {
                masked.insert(field);
                put(&mut change, name, Some(UNSAID));
            }
        }
    }
    (Some(change.into()), masked)
}

fn is_masked(text: &str) -> bool {
    text == "HIDDEN_DUE_TO_SECURITY_REASONS" || !text.is_empty() && text.bytes().all(|byte| byte == b'*')
}

/// `AROA...` of `AROA...:session`, or `AIDA...`.
fn unique_id(event: &Value) -> Option<String> {
    let id = text(event, "/userIdentity/principalId")?.split(':').next()?;
    (id.starts_with("AROA") || id.starts_with("AIDA")).then(|| id.to_owned())
}

/// The instance's ARN, in the event's Region and account; `none` for operations without one.
fn instance(event: &Value, asked: &Value, route: &Route, resource: Option<&str>) -> Option<String> {
    let named = match route.instance {
        InstanceIn::None => return Some("none".to_owned()),
        InstanceIn::ResourceArn => match part(resource, "instance") {
            Some(id) => id,
            None => return Some("none".to_owned()),
        },
        InstanceIn::BodyArn => decoded(member(asked, "ResourceArn")?),
        InstanceIn::Path | InstanceIn::Body | InstanceIn::Query => decoded(member(asked, "InstanceId")?),
    };
    if named.starts_with("arn:") {
        return Some(named);
    }
    let region = text(event, "/awsRegion")?;
    let account = text(event, "/recipientAccountId").or_else(|| text(event, "/userIdentity/accountId"))?;
    let partition = text(event, "/userIdentity/arn")?.split(':').nth(1)?;
    Some(format!("arn:{partition}:connect:{region}:{account}:instance/{named}"))
}

/// An id that is given as such or as an ARN.
fn id(asked: &Value, name: &str, kind: &str) -> Option<String> {
    let text = decoded(member(asked, name)?);
    if is_masked(&text) { None } else { part(Some(&text), kind).or(Some(text)) }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use flate2::{Compression, write::GzEncoder};
    use serde_json::json;

    use super::*;

    fn event(name: &str, parameters: Value) -> Value {
        json!({
            "userIdentity": { "arn": "arn:aws:sts::111122223333:assumed-role/HelpDesk/kim", "principalId": "AROAEXAMPLE:kim" },
            "eventTime": "2027-03-12T10:00:00Z", "eventSource": "connect.amazonaws.com", "eventName": name,
            "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "requestParameters": parameters,
        })
    }

    fn read(path: &Path) -> (Vec<Call>, Left) {
        let mut calls = Vec::new();
        let mut events = Events::of(Period::default(), |call| calls.push(call));
        events.read(path).unwrap();
        let left = events.finish();
        (calls, left)
    }

    #[test]
    fn a_bucket_is_read_as_trails_fill_it() {
        let folder = tempfile::tempdir().unwrap();
        let day = folder.path().join("AWSLogs/111122223333/CloudTrail/us-east-1/2027/03/12");
        let digests = folder.path().join("AWSLogs/111122223333/CloudTrail-Digest/us-east-1");
        fs::create_dir_all(&day).unwrap();
        fs::create_dir_all(&digests).unwrap();
        fs::write(digests.join("111122223333_CloudTrail-Digest.json"), "{}").unwrap();
        let listed = event("ListQueues", json!({ "InstanceId": "a1" }));
        let whole = json!({ "Records": [listed, listed, { "eventSource": "s3.amazonaws.com" }] }).to_string();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(whole.as_bytes()).unwrap();
        fs::write(day.join("a.json.gz"), packed.finish().unwrap()).unwrap();
        fs::write(day.join("b.json"), format!("{:#}", json!({ "Records": [listed] }))).unwrap();
        fs::write(day.join("c.jsonl"), format!("{listed}\n\n{listed}\n")).unwrap();
        fs::write(day.join("notes.txt"), "no log").unwrap();
        let (calls, left) = read(folder.path());
        assert_eq!((calls.len(), left.len()), (5, 1), "{left:?}");
        assert!(calls[1].place.ends_with("a.json.gz:1#2"), "{}", calls[1].place);
        fs::write(day.join("d.json"), "{ no").unwrap();
        assert!(
            Events::of(Period::default(), |_| ()).read(folder.path()).unwrap_err().contains("is no JSON")
        );
    }

    #[test]
    fn what_is_masked_is_not_taken_for_a_value() {
        let info = json!({ "Email": "***", "FirstName": "HIDDEN_DUE_TO_SECURITY_REASONS", "Mobile": "+15550100", "SecondaryEmail": "" });
        let id = "arn%3Aaws%3Aconnect%3Aus-east-1%3A111122223333%3Ainstance%2Fa1";
        let asked = event(
            "UpdateUserIdentityInfo",
            json!({ "instanceId": id, "UserId": "u1", "IdentityInfo": info }),
        );
        let Ok(Call { asked: Asked::Known(past), was, .. }) = call(&asked, "x", Period::default()) else {
            panic!()
        };
        assert_eq!((was, past.instance(), past.unique_id()), (Was::Done, Some("a1"), Some("AROAEXAMPLE")));
        let fields = past.fields();
        assert_eq!(fields[&Field::Email], None);
        assert_eq!(fields[&Field::FirstName], None);
        assert_eq!((fields[&Field::Mobile], fields[&Field::SecondaryEmail]), (Some(true), Some(false)));
        let masked = event(
            "UpdateUserIdentityInfo",
            json!({ "InstanceId": "a1", "UserId": "u1", "IdentityInfo": "***" }),
        );
        let Ok(Call { asked: Asked::Known(past), .. }) = call(&masked, "x", Period::default()) else {
            panic!()
        };
        assert_eq!(past.log(), Logged::Fieldless);
    }

    #[test]
    fn who_does_not_pass_the_guard_is_left_out() {
        let mut website = event("CreateUser", json!({ "InstanceId": "a1" }));
        website["userIdentity"]["arn"] =
            "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForAmazonConnect_EXAMPLE/u1".into();
        assert!(call(&website, "x", Period::default()).is_err());
        let mut root = event("ListQueues", json!({ "InstanceId": "a1" }));
        root["userIdentity"]["arn"] = "arn:aws:iam::111122223333:root".into();
        assert!(call(&root, "x", Period::default()).is_err());
        assert!(call(&event("ListQueues", Value::Null), "x", Period::default()).is_err(), "no instance");
        let unknown = call(&event("AdminGetEmergencyAccessToken", json!({})), "x", Period::default());
        assert!(matches!(unknown, Ok(Call { asked: Asked::Unknown(..), .. })));
    }
}
