//! The operations on instances, and the addresses of their e-mail channel.

use serde_json::{Value, json};

use crate::operation::Directory;

use super::{
    answer::Answer,
    operations::{Asked, Condition, listed},
    world::{Site, World},
};

/// `DescribeInstance`
pub(super) fn describe(world: &World, instance: &str) -> Result<Answer, Answer> {
    let site = world.site(instance)?;
    Ok(Answer::json(&json!({ "Instance": summary(world, instance, site) })))
}

/// `ListInstances`
pub(super) fn list(world: &World, asked: &Asked<'_>) -> Answer {
    let entries = world.sites.iter().map(|(id, site)| summary(world, id, site)).collect();
    listed("InstanceSummaryList", asked.page(world, entries))
}

/// `SearchEmailAddresses`
pub(super) fn search_addresses(world: &World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let condition = Condition::read(&asked.body)?;
    let mut found = Vec::new();
    for (number, address) in world.site(instance)?.addresses.iter().enumerate() {
        let fits = match &condition {
            None => true,
            Some(condition) if condition.field.eq_ignore_ascii_case("EmailAddress") => {
                condition.fits(address)?
            }
            Some(_) => return Err(Answer::invalid_request("unknown FieldName")),
        };
        if fits {
            let id = format!("email-{number}");
            found.push(json!({
                "EmailAddressId": id,
                "EmailAddressArn": format!("{}/email-address/{id}", world.arn(instance)),
                "EmailAddress": address,
            }));
        }
    }
    Ok(listed("EmailAddresses", asked.page(world, found)))
}

fn summary(world: &World, id: &str, site: &Site) -> Value {
    let directory = match site.directory {
        Directory::ConnectManaged => "CONNECT_MANAGED",
        Directory::Saml => "SAML",
        Directory::Existing => "EXISTING_DIRECTORY",
    };
    json!({
        "Id": id,
        "Arn": world.arn(id),
        "IdentityManagementType": directory,
        "InstanceAlias": site.name,
        "InstanceStatus": "ACTIVE",
        "InboundCallsEnabled": true,
        "OutboundCallsEnabled": true,
    })
}
