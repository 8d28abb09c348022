//! The documents as templates of `CloudFormation`.

use serde_json::{Map, Value, json};

use super::{Alarm, GuardRole, Level, alarm::TOPIC};

const VERSION: &str = "2010-09-09";
/// How long a session of a role lasts at most, in seconds: the shortest that AWS takes.
const SESSION: u32 = 3_600;

/// The roles of one account.
pub fn role_template(roles: &[GuardRole]) -> Value {
    let mut resources = Map::new();
    for (number, role) in (1..).zip(roles) {
        let mut attached = Vec::new();
        for (at, (name, document)) in (1..).zip(&role.policies) {
            let id = format!("Role{number}Policy{at}");
            attached.push(json!({ "Ref": id }));
            resources.insert(
                id,
                json!({
                    "Properties": {
                        "Description": role.purpose,
                        "ManagedPolicyName": name,
                        "Path": role.path,
                        "PolicyDocument": document,
                    },
                    "Type": "AWS::IAM::ManagedPolicy",
                }),
            );
        }
        resources.insert(
            format!("Role{number}"),
            json!({
                "Properties": {
                    "AssumeRolePolicyDocument": role.trust,
                    "Description": role.purpose,
                    "ManagedPolicyArns": attached,
                    "MaxSessionDuration": SESSION,
                    "Path": role.path,
                    "RoleName": role.name,
                },
                "Type": "AWS::IAM::Role",
            }),
        );
    }
    template("The roles of Connect Guard", &json!({}), resources)
}

/// Service control policies, for the organization's management account.
pub fn scp_template(level: Level, policies: &[Value]) -> Value {
    let mut resources = Map::new();
    for (number, document) in (1..).zip(policies) {
        resources.insert(
            format!("Policy{number}"),
            json!({
                "Properties": {
                    "Content": document,
                    "Description": format!("What is Connect Guard's in Amazon Connect: {level}"),
                    "Name": format!("connect-guard-{level}-{number}"),
                    "TargetIds": { "Ref": "Targets" },
                    "Type": "SERVICE_CONTROL_POLICY",
                },
                "Type": "AWS::Organizations::Policy",
            }),
        );
    }
    let parameters = json!({ "Targets": {
        "Description": "Accounts, organizational units or roots that the policies bind",
        "Type": "CommaDelimitedList",
    } });
    template("Service control policies for Connect Guard; for the management account", &parameters, resources)
}

/// Alarms and their topic: for each Region of the instances, for that of IAM, and for the management account.
pub fn alarm_template(alarms: &[Alarm], mail: &[String]) -> Value {
    let mut resources = Map::new();
    resources
        .insert("Topic".into(), json!({ "Properties": { "TopicName": TOPIC }, "Type": "AWS::SNS::Topic" }));
    let publish = json!({
        "Action": "sns:Publish",
        "Effect": "Allow",
        "Principal": { "Service": "events.amazonaws.com" },
        "Resource": { "Ref": "Topic" },
        "Sid": "Alarms",
    });
    resources.insert(
        "TopicPolicy".into(),
        json!({
            "Properties": {
                "PolicyDocument": { "Statement": [publish], "Version": "2012-10-17" },
                "Topics": [{ "Ref": "Topic" }],
            },
            "Type": "AWS::SNS::TopicPolicy",
        }),
    );
    for (number, address) in (1..).zip(mail) {
        let properties = json!({ "Endpoint": address, "Protocol": "email", "TopicArn": { "Ref": "Topic" } });
        resources.insert(
            format!("Mail{number}"),
            json!({ "Properties": properties, "Type": "AWS::SNS::Subscription" }),
        );
    }
    for (number, alarm) in (1..).zip(alarms) {
        resources.insert(
            format!("Alarm{number}"),
            json!({
                "Properties": {
                    "Description": alarm.description,
                    "EventPattern": alarm.pattern,
                    "Name": alarm.name,
                    "State": alarm.state,
                    "Targets": [{ "Arn": { "Ref": "Topic" }, "Id": "topic" }],
                },
                "Type": "AWS::Events::Rule",
            }),
        );
    }
    template("Alarms about what goes past Connect Guard", &json!({}), resources)
}

fn template(description: &str, parameters: &Value, resources: Map<String, Value>) -> Value {
    let mut found = Map::new();
    found.insert("AWSTemplateFormatVersion".into(), VERSION.into());
    found.insert("Description".into(), description.into());
    if parameters.as_object().is_some_and(|parameters| !parameters.is_empty()) {
        found.insert("Parameters".into(), parameters.clone());
    }
    found.insert("Resources".into(), resources.into());
    found.into()
}
