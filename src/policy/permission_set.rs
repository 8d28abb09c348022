//! Permission sets of Identity Center: known by the names of the roles that it generates for them.

/// The permission set for which Identity Center generated this role: `AWSReservedSSO_NAME_` and sixteen hexadecimal digits.
pub(super) fn of_role(role: &str) -> Option<&str> {
    let (name, suffix) = role.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?;
    let hex = suffix.len() == 16 && suffix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    hex.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_a_permission_set_is_its_generated_role_and_no_other() {
        assert_eq!(of_role("AWSReservedSSO_IdentityDesk_0123456789abcdef"), Some("IdentityDesk"));
        assert_eq!(of_role("AWSReservedSSO_A_B_0123456789abcdef"), Some("A_B"));
        for role in [
            "IdentityDesk",
            "AWSReservedSSO_IdentityDesk",
            "AWSReservedSSO_IdentityDesk_0123456789abcde",
            "AWSReservedSSO_IdentityDesk_0123456789ABCDEF",
            "xAWSReservedSSO_IdentityDesk_0123456789abcdef",
        ] {
            assert_eq!(of_role(role), None, "{role}");
        }
    }
}
