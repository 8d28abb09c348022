//! A question, rolled, asked twice: as the guard's probe, and as requests to Cedar, one for each thing that is to be allowed.

use connect_guard::policy::Probe;
use serde_json::{Map, Value, json};

use super::{
    Dice,
    draft::{DAY, DOMAINS, FIELDS, IDENTITY, INSTANCES, NAMES, ORDINARY, ROLES, UNIQUE},
};

pub struct Question {
    pub probe: Probe,
    keys: Map<String, Value>,
    requests: Vec<Value>,
}

impl Question {
    pub fn rolled(dice: &mut Dice) -> Self {
        let (role, instance, name) = (*dice.one(&ROLES), *dice.one(&INSTANCES), *dice.one(&NAMES));
        let unique = dice.once_in(2).then(|| *dice.one(&UNIQUE));
        let now = DAY + instant(dice);
        let mut question = Map::new();
        let mut put = |key: &str, value: Value| {
            question.insert(key.to_owned(), value);
        };
        put("caller", format!("arn:aws:sts::111122223333:assumed-role/{role}/kim").into());
        put("instance", instance.into());
        put("at", jiff::Timestamp::from_second(now).unwrap().to_string().into());
        if let Some(unique) = unique {
            put("unique_id", unique.into());
        }
        let identity = dice.below(4) > 0;
        let (operation, reads) = if identity { (IDENTITY, false) } else { *dice.one(&ORDINARY) };
        put("action", format!("connect:{operation}").into());
        let user = json!({ "username": name, "id": format!("id-{name}"), "FirstName": "A", "Email": "old@example.com", "Mobile": "+15550100" });
        if identity || operation == "DescribeUser" {
            put("user", user.clone());
        }
        let mut context = base(role, operation, now);
        context.insert("reads".into(), reads.into());
        context.insert("change".into(), identity.into());
        context.insert("username".into(), if identity { name } else { "" }.into());
        if let Some(unique) = unique {
            context.insert("unique_id".into(), unique.into());
        }
        if identity || operation == "DescribeUser" {
            context.insert("user_id".into(), format!("id-{name}").into());
        }
        let mut aims = Vec::new();
        if identity {
            let change = change(name, dice);
            put("change", change.clone().into());
            aims = changing(&change, &user);
        }
        let fields: Vec<Value> = aims.iter().map(|(field, ..)| (*field).into()).collect();
        let addressed: Vec<Value> = aims
            .iter()
            .filter_map(|(field, value)| Some(format!("{field}@{}", value.rsplit_once('@')?.1).into()))
            .collect();
        context.insert("changing".into(), fields.into());
        context.insert("addressed".into(), addressed.into());
        let ask = |aim: &str, field: &str, value: &str| {
            let (local, domain) = value.rsplit_once('@').unwrap_or_default();
            let mut context = context.clone();
            for (key, value) in [("aim", aim), ("field", field), ("local", local), ("domain", domain)] {
                context.insert(key.to_owned(), value.into());
            }
            json!({
                "principal": format!("Caller::{role:?}"),
                "action": format!("Action::{operation:?}"),
                "resource": format!("Instance::{instance:?}"),
                "context": context,
            })
        };
        let mut requests: Vec<Value> = aims
            .iter()
            .map(|(field, value)| match (value.is_empty(), field.ends_with("Email")) {
                (true, _) => ask("remove", field, ""),
                (false, true) => ask("address", field, value),
                (false, false) => ask("set", field, ""),
            })
            .collect();
        if requests.is_empty() {
            requests.push(ask("operation", "", ""));
        }
        let noon = jiff::Timestamp::from_second(now).unwrap();
        let Ok(probe) = Probe::of_json(&question, noon.into()) else { panic!("no question: {question:?}") };
        Self { probe, keys: question, requests }
    }

    pub fn requests(&self) -> &[Value] {
        &self.requests
    }

    pub fn shown(&self) -> String {
        Value::from(self.keys.clone()).to_string()
    }
}

/// Within two days, and often at the last second of something.
fn instant(dice: &mut Dice) -> i64 {
    let day = i64::try_from(dice.below(3)).unwrap() - 1;
    let hour = i64::try_from(dice.below(24)).unwrap();
    let edge = *dice.one(&[0, 0, 1, -1, 1_234, 59]);
    day * 86_400 + hour * 3_600 + edge
}

fn base(role: &str, operation: &str, now: i64) -> Map<String, Value> {
    let days = now.div_euclid(86_400);
    // The first day of 1970 was a Thursday, the third after Monday.
    let weekday = (days + 3).rem_euclid(7);
    let context = json!({
        "role": role,
        "operation": operation,
        "now": now,
        "second": now.rem_euclid(86_400),
        "weekday": weekday,
        "yesterday": (weekday + 6) % 7,
    });
    context.as_object().unwrap().clone()
}

/// Up to three fields: new values, the ones that are there, and removals.
fn change(name: &str, dice: &mut Dice) -> Map<String, Value> {
    let mut change = Map::new();
    for _ in 0..dice.below(4) {
        let field = *dice.one(&FIELDS);
        let local = *dice.one(&[name, "kim", "Mary"]);
        let value = match (field, dice.below(4)) {
            ("FirstName", 0) => "A".to_owned(),
            ("FirstName", _) => "B".to_owned(),
            ("SecondaryEmail" | "Mobile", 0) => String::new(),
            ("Mobile", 1) => "+15550100".to_owned(),
            ("Mobile", _) => "+15550101".to_owned(),
            ("Email", 0) => "old@example.com".to_owned(),
            (_, _) => format!("{local}@{}", dice.one(&DOMAINS)),
        };
        change.insert(field.to_owned(), value.into());
    }
    change
}

/// What would change, with its value; an empty one is a removal.
fn changing(change: &Map<String, Value>, user: &Value) -> Vec<(&'static str, String)> {
    FIELDS
        .into_iter()
        .filter_map(|field| Some((field, change.get(field)?.as_str()?.to_owned())))
        .filter(|(field, value)| user[*field].as_str().unwrap_or_default() != value)
        .collect()
}
