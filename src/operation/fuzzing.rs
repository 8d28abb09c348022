//! The door to the bodies of identity operations: see `crate::fuzzing`.

use super::{IdentityChange, InstanceId, NewUser, Site, known::without_null, labels::Place};
use crate::wire::{
    Malformed,
    json::{Json, Object},
};

/// What the body of `UpdateUserIdentityInfo` asks for, and the body that goes to Connect.
///
/// # Errors
/// As for the operation.
pub fn identity(body: &[u8]) -> Result<(IdentityChange, Vec<u8>), Malformed> {
    let change = IdentityChange::read_body(members(body)?)?;
    let mut members = Object::new();
    members.set("IdentityInfo", change.members().into());
    Ok((change, members.write()))
}

/// The body of `CreateUser` that goes to Connect.
///
/// # Errors
/// As for the operation.
pub fn new_user(body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let instance = InstanceId::read("a1b2c3d4-5678-90ab-cdef-EXAMPLE11111");
    let site = Site {
        name: "main".to_owned(),
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        instances: instance.iter().cloned().collect(),
    };
    let place = Place { site: &site, instance: instance.as_ref() };
    Ok(NewUser::read(members(body)?, &place)?.members().write())
}

fn members(body: &[u8]) -> Result<Object, Malformed> {
    let members = Json::read_object(body)?.sorted();
    without_null(&members)?;
    Ok(members)
}
