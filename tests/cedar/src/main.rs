//! Cedar's engine, asked line by line: `{"policies": ".."}` puts policies in force, and every other line is a request, an
//! object with `principal`, `action`, `resource` and `context`. Each request is answered by a line of its own: `allow`,
//! `deny`, or `error: ..` where a policy could not be evaluated, which Cedar passes over and this does not.

use std::{
    error::Error,
    io::{BufRead, BufWriter, Write},
};

use cedar_policy::{Authorizer, Context, Decision, Entities, PolicySet, Request};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let authorizer = Authorizer::new();
    let mut policies = PolicySet::new();
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let value: Value = serde_json::from_str(&line?)?;
        if let Some(text) = value["policies"].as_str() {
            policies = text.parse()?;
            continue;
        }
        let of = |name: &str| value[name].as_str().unwrap_or_default().parse();
        let context = Context::from_json_value(value["context"].clone(), None)?;
        let request = Request::new(of("principal")?, of("action")?, of("resource")?, context, None)?;
        let answer = authorizer.is_authorized(&request, &policies, &Entities::empty());
        match (answer.diagnostics().errors().next(), answer.decision()) {
            (Some(error), _) => writeln!(out, "error: {error}")?,
            (None, Decision::Allow) => writeln!(out, "allow")?,
            (None, Decision::Deny) => writeln!(out, "deny")?,
        }
    }
    out.flush()?;
    Ok(())
}
