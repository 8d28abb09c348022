//! `aws`: what AWS has to be told so that nobody goes past the guard, and whom that stops. Writes documents; calls nobody.

mod args;
mod impact;

use serde_json::{Value, json};

pub(super) use self::args::AwsCommand;
use self::args::{FormArgs, PlanArgs};
use super::{
    Exit,
    args::{Format, Written},
    check,
    output::Output,
    policy::served,
};
use crate::{
    aws::{
        Alarm, AwsFault, Form, GuardRole, Level, Plan, Roles, alarm_template, role_template, scp_template,
        yaml,
    },
    clock::Clock,
    config::Config,
};

/// Documents: each by itself, all in one object, and as a template.
struct Documents {
    each: Vec<Value>,
    whole: Value,
    template: Value,
}

/// Runs an `aws` command.
pub(super) fn run(command: &AwsCommand, written: Written, output: Output) -> Exit {
    let is_template = written == Written::Cloudformation;
    let (plan, form) = match command {
        AwsCommand::Role { plan, form, .. }
        | AwsCommand::Scp { plan, form, .. }
        | AwsCommand::Alarm { plan, form, .. } => (plan, Some(form)),
        AwsCommand::Impact { plan, .. } => (plan, None),
    };
    if is_template && form.is_none() {
        output.error("`aws impact` writes no template");
        return Exit::Usage;
    }
    if form.is_some_and(|form| form.yaml) && !is_template {
        output.error("`--yaml` is for templates");
        output.hint("--format cloudformation --yaml");
        return Exit::Usage;
    }
    let config = match read(plan, output) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let plan = Plan::of(&config);
    let found = match command {
        AwsCommand::Role { account, form, .. } => {
            roles(&plan, &config, account.as_deref(), is_template, output).map(|found| (found, form))
        }
        AwsCommand::Scp { level, form, .. } => {
            told(scp(&plan, (*level).into(), form.form(), output), output).map(|found| (found, form))
        }
        AwsCommand::Alarm { level, form, .. } => {
            told(alarms(&plan, (*level).into(), output), output).map(|found| (found, form))
        }
        AwsCommand::Impact { level, cloudtrail, since, .. } => {
            return impact::impact(&plan, (*level).into(), cloudtrail, *since, output);
        }
    };
    match found {
        Ok((documents, form)) => {
            write(&documents, written, form, output);
            Exit::Done
        }
        Err(exit) => exit,
    }
}

impl FormArgs {
    fn form(&self) -> Form {
        if self.minify { Form::Minified } else { Form::Spaced }
    }
}

fn read(plan: &PlanArgs, output: Output) -> Result<Config, Exit> {
    match check::read(plan.config.as_deref()) {
        Ok((config, warnings)) => {
            output.tell(&warnings);
            Ok(config)
        }
        Err(unread) => Err(unread.told(output)),
    }
}

fn told<T>(found: Result<T, AwsFault>, output: Output) -> Result<T, Exit> {
    found.map_err(|fault| {
        output.error(&fault.to_string());
        output.hint(fault.hint());
        Exit::Invalid
    })
}

fn write(documents: &Documents, written: Written, form: &FormArgs, output: Output) {
    let Documents { each, whole, template } = documents;
    match (written, form.yaml) {
        (Written::Cloudformation, true) => output.text(yaml(template).trim_end()),
        (Written::Cloudformation, false) => output.text(&form.form().written(template)),
        (Written::Json, _) => output.data(&whole.to_string()),
        (Written::Human | Written::Plain, _) => {
            for document in each {
                output.text(&form.form().written(document));
            }
        }
    }
}

fn roles(
    plan: &Plan<'_>,
    config: &Config,
    account: Option<&str>,
    is_template: bool,
    output: Output,
) -> Result<Documents, Exit> {
    let policy = served(config, output)?;
    let Roles { roles, notes } = told(plan.roles_for(&policy, Clock::system().now(), account), output)?;
    let mut accounts: Vec<String> = roles.iter().map(|role| role.account.clone()).collect();
    accounts.dedup();
    if is_template && accounts.len() > 1 {
        return told(Err(AwsFault::SeveralAccounts(accounts)), output);
    }
    for note in notes {
        output.say(&format!("note: {note}"));
    }
    let each: Vec<Value> = roles.iter().map(role).collect();
    Ok(Documents { whole: json!({ "roles": each }), each, template: role_template(&roles) })
}

fn role(role: &GuardRole) -> Value {
    let policies = role.policies.iter().map(|(name, document)| json!({ "document": document, "name": name }));
    json!({
        "account": role.account,
        "name": role.name,
        "path": role.path,
        "policies": policies.collect::<Vec<_>>(),
        "trust": role.trust,
    })
}

fn scp(plan: &Plan<'_>, level: Level, form: Form, output: Output) -> Result<Documents, AwsFault> {
    // In JSON and in templates white space is not the document's.
    let form = if output.format() == Format::Json { Form::Minified } else { form };
    let each = plan.scp(level, form)?;
    for (number, document) in (1..).zip(&each) {
        let octets = form.written(document).len();
        output.say(&format!("note: policy {number} of {} has {octets} of 5120 octets", each.len()));
    }
    if !plan.is_bound_to_a_network() {
        output.say("note: the guard's roles may be used from anywhere: [aws] vpcs, vpc_endpoints, networks");
    }
    let template = scp_template(level, &each);
    Ok(Documents { whole: json!({ "level": level.name(), "policies": each }), each, template })
}

fn alarms(plan: &Plan<'_>, level: Level, output: Output) -> Result<Documents, AwsFault> {
    let alarms = plan.alarms(level)?;
    output.say(&format!(
        "note: for each of these Regions, and for the management account: {}",
        plan.regions().join(", ")
    ));
    if plan.told().is_empty() {
        output.say("note: nobody is subscribed: [mail] security names nobody");
    }
    let one = |alarm: &Alarm| {
        json!({
            "description": alarm.description,
            "name": alarm.name,
            "pattern": alarm.pattern,
            "state": alarm.state,
        })
    };
    let each: Vec<Value> = alarms.iter().map(one).collect();
    let template = alarm_template(&alarms, plan.told());
    Ok(Documents { whole: json!({ "level": level.name(), "rules": each }), each, template })
}
