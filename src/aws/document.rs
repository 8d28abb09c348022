//! Policy documents of AWS: statements, and how many of them fit into one document.

use serde_json::{Map, Value, json};

/// What a document may be at most, in octets, and how it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    /// What it is, for the fault.
    pub(super) what: &'static str,
    /// Octets.
    pub(super) most: usize,
    /// How its octets are counted.
    pub(super) form: Form,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Spaced,
    /// Without any white space.
    Minified,
}

/// A document cannot be as small as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLong {
    what: &'static str,
    sid: &'static str,
    octets: usize,
    most: usize,
}

/// A statement. Its keys are written in the order of the alphabet, whatever a JSON library thinks of order.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) sid: &'static str,
    pub(super) effect: &'static str,
    pub(super) actions: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) condition: Map<String, Value>,
}

impl Form {
    /// A document in this form.
    pub fn written(self, document: &Value) -> String {
        match self {
            Self::Spaced => format!("{document:#}"),
            Self::Minified => document.to_string(),
        }
    }
}

impl Statement {
    pub(super) fn allow(sid: &'static str, actions: Vec<String>, resources: Vec<String>) -> Self {
        Self { sid, effect: "Allow", actions, resources, condition: Map::new() }
    }

    pub(super) fn deny(sid: &'static str, actions: Vec<String>, resources: Vec<String>) -> Self {
        Self { sid, effect: "Deny", ..Self::allow(sid, actions, resources) }
    }

    /// With one more condition; all of them have to hold.
    pub(super) fn when(mut self, operator: &str, key: &str, values: impl Into<Value>) -> Self {
        let slot = self.condition.entry(operator).or_insert_with(|| Value::Object(Map::new()));
        if let Some(keys) = slot.as_object_mut() {
            keys.insert(key.to_owned(), values.into());
        }
        self
    }

    /// For everybody but these: also for whoever has no name at all, since a negated operator holds where its key is not
    /// there. Of a session `aws:PrincipalArn` is the role's ARN, and of a chain of roles that of the last.
    pub(super) fn unless(self, principals: &[&str]) -> Self {
        if principals.is_empty() { self } else { self.when("ArnNotEquals", "aws:PrincipalArn", principals) }
    }

    fn value(&self, number: Option<usize>) -> Value {
        let mut found = Map::new();
        found.insert("Action".into(), one_or_more(&self.actions));
        if !self.condition.is_empty() {
            found.insert("Condition".into(), self.condition.clone().into());
        }
        found.insert("Effect".into(), self.effect.into());
        found.insert("Resource".into(), one_or_more(&self.resources));
        let sid = number.map_or_else(|| self.sid.to_owned(), |number| format!("{}{number}", self.sid));
        found.insert("Sid".into(), sid.into());
        found.into()
    }

    /// Two that say the same together; none where there is nothing to divide.
    fn halves(&self) -> Option<[Self; 2]> {
        let (resources, actions) = (self.resources.len(), self.actions.len());
        let mut two = [self.clone(), self.clone()];
        let [first, second] = &mut two;
        if resources > 1 {
            second.resources = first.resources.split_off(resources / 2);
        } else if actions > 1 {
            second.actions = first.actions.split_off(actions / 2);
        } else {
            return None;
        }
        Some(two)
    }
}

/// A document of these statements. A statement that was divided bears numbers.
pub(super) fn document(statements: &[Statement]) -> Value {
    let mut seen: Vec<&str> = Vec::new();
    let mut written = Vec::new();
    for statement in statements {
        let several = statements.iter().filter(|other| other.sid == statement.sid).count() > 1;
        seen.push(statement.sid);
        let number = seen.iter().filter(|sid| **sid == statement.sid).count();
        written.push(statement.value(several.then_some(number)));
    }
    json!({ "Statement": written, "Version": "2012-10-17" })
}

/// As few documents as hold all statements, in their order. What allows or denies does so wherever it stands, so that a
/// statement may be divided.
pub(super) fn documents(statements: Vec<Statement>, fit: Fit) -> Result<Vec<Value>, TooLong> {
    let size = |statements: &[Statement]| fit.form.written(&document(statements)).len();
    let mut waiting: Vec<Statement> = statements.into_iter().rev().collect();
    let mut found = Vec::new();
    let mut open: Vec<Statement> = Vec::new();
    while let Some(statement) = waiting.pop() {
        let alone = size(std::slice::from_ref(&statement));
        if alone > fit.most {
            let too_long = TooLong { what: fit.what, sid: statement.sid, octets: alone, most: fit.most };
            let [first, second] = statement.halves().ok_or(too_long)?;
            waiting.extend([second, first]);
            continue;
        }
        open.push(statement);
        if size(&open) > fit.most
            && let Some(last) = open.pop()
        {
            found.push(document(&open));
            open = vec![last];
        }
    }
    if !open.is_empty() {
        found.push(document(&open));
    }
    Ok(found)
}

impl TooLong {
    /// Something that is no statement, but has a limit as well.
    pub(super) fn of(what: &'static str, sid: &'static str, octets: usize, most: usize) -> Self {
        Self { what, sid, octets, most }
    }
}

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, sid, octets, most } = self;
        write!(f, "`{sid}` has {octets} octets by itself, and {what} has at most {most}")
    }
}

impl std::error::Error for TooLong {}

fn one_or_more(texts: &[String]) -> Value {
    match texts {
        [one] => one.as_str().into(),
        more => more.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(sid: &'static str, resources: usize) -> Statement {
        let resources = (0..resources).map(|n| format!("arn:aws:connect:::instance/{n:04}")).collect();
        Statement::allow(sid, vec!["connect:DescribeUser".to_owned()], resources)
    }

    #[test]
    fn documents_hold_everything_and_fit() {
        let fit = Fit { what: "a policy", most: 1_000, form: Form::Minified };
        let found = documents(vec![statement("A", 3), statement("B", 100), statement("C", 1)], fit).unwrap();
        let mut resources = Vec::new();
        for document in &found {
            assert!(document.to_string().len() <= 1_000);
            for statement in document["Statement"].as_array().unwrap() {
                let named = &statement["Resource"];
                if let Some(one) = named.as_str() {
                    resources.push(one.to_owned());
                } else {
                    resources.extend(serde_json::from_value::<Vec<String>>(named.clone()).unwrap());
                }
            }
        }
        assert_eq!(resources.len(), 104);
        assert!(found.len() > 3);
        let spaced = documents(vec![statement("B", 20)], Fit { form: Form::Spaced, ..fit }).unwrap();
        assert!(spaced.iter().all(|document| format!("{document:#}").len() <= 1_000));
    }

    #[test]
    fn what_cannot_be_divided_is_told() {
        let fit = Fit { what: "a policy", most: 100, form: Form::Minified };
        let told = documents(vec![statement("A", 1)], fit).unwrap_err().to_string();
        assert_eq!(told, "`A` has 144 octets by itself, and a policy has at most 100");
    }

    #[test]
    fn sids_stay_apart() {
        let one = document(&[statement("A", 1), statement("B", 1), statement("A", 1)]);
        let sids: Vec<&str> =
            one["Statement"].as_array().unwrap().iter().map(|one| one["Sid"].as_str().unwrap()).collect();
        assert_eq!(sids, ["A1", "B", "A2"]);
    }
}
