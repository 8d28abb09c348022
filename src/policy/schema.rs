//! The JSON Schema (draft 2020-12) of the policy files, for editors. The loader is what decides: the schema knows its keys
//! and their forms, and not what depends on several of them. A test holds the two together, key by key.

use serde_json::{Map, Value, json};

use crate::operation::Field;

use super::Code;

/// A header whose signed value a rule may ask for.
const HEADER: &str = "^x-guard-[a-z0-9-]{1,56}$";

/// The schema of a `*.toml` file of a policy directory.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Connect Guard policy",
        "description": "Rules over who may change what in Amazon Connect: see policies/README.md",
        "type": "object",
        "required": ["version"],
        "additionalProperties": false,
        "properties": {
            "version": { "const": 1, "description": "The version of the language" },
            "epoch": {
                "type": "integer", "minimum": 1,
                "description": "Which policy of a row it is, in one file alone: none with a lower one takes its place",
            },
            "allow": { "type": "array", "items": { "$ref": "#/$defs/allow" } },
            "monitor": { "type": "array", "items": { "$ref": "#/$defs/monitor" } },
            "deny": { "type": "array", "items": { "$ref": "#/$defs/deny" } },
            "test": { "type": "array", "items": { "$ref": "#/$defs/test" } },
            "protected": table(&[], &[
                ("permissions", texts(0, "Permissions of security profiles: whoever has one is not changed")),
                ("users", texts(0, "Usernames that are not changed; `*` inside")),
                ("user_ids", texts(0, "Ids of users that are not changed")),
            ]),
            "shared": table(&["mailboxes"], &[("mailboxes", texts(1, "Addresses that nobody may have"))]),
            "internationalised": table(&["domains"], &[("domains", texts(1, "`xn--` domains that are let through"))]),
            "groups": {
                "type": "object",
                "additionalProperties": table(&[], &[
                    ("callers", texts(1, "ARNs of roles or users: rules name them by group:NAME")),
                    ("users", texts(1, "Usernames, `*` inside: rules name them by group:NAME")),
                ]),
            },
            "directories": {
                "type": "object",
                "additionalProperties": table(&["file", "max_age"], &[
                    ("file", text("A `username,address` file beside the rules, ending in .csv")),
                    ("max_age", length("How old the file may be")),
                ]),
            },
        },
        "$defs": { "allow": allow(), "deny": deny(), "monitor": monitor(), "test": test() },
    })
}

fn allow() -> Value {
    let mut keys = matchers();
    keys.extend([
        ("fields", fields(&Field::ALL, "Fields that may be set")),
        ("remove", fields(&[Field::SecondaryEmail, Field::Mobile], "Fields that may be emptied")),
        ("email_from", text("To which address: made from the user as it is, such as {username}@example.com")),
        ("email_directory", text("To which address: the one that the file of this directory has")),
        (
            "email_any_in",
            table(
                &["domains", "because"],
                &[
                    ("domains", texts(1, "To any address at these domains")),
                    ("because", sentence("Who decided that, and why")),
                ],
            ),
        ),
        ("plus", sentence("Why addresses with a `+` may be set")),
        (
            "restore",
            json!({ "type": "boolean", "description": "A change back to a former address is not counted" }),
        ),
        ("usernames", texts(1, "Usernames that may be created; `*` inside")),
        ("grants", texts(1, "Ids of security profiles that may be given")),
        ("permissions", texts(1, "Permissions that may be put into a security profile")),
        ("members", texts(1, "Members of a body that may be given besides, such as Tags")),
        (
            "password",
            json!({ "enum": ["refuse", "allow"], "description": "Whether CreateUser may set a password" }),
        ),
        (
            "self",
            table(
                &["claim", "equals"],
                &[
                    ("claim", text("The verified claim of the caller that names its own user")),
                    ("equals", json!({ "const": "username" })),
                ],
            ),
        ),
        (
            "ticket",
            table(
                &["header", "pattern"],
                &[
                    (
                        "header",
                        json!({ "type": "string", "pattern": HEADER, "description": "A header that the caller signed" }),
                    ),
                    ("pattern", text("A regular expression that the whole ticket matches, such as SEC-[0-9]+")),
                ],
            ),
        ),
        ("protected", sentence("Why this rule may change protected users")),
        (
            "quota",
            table(
                &["changes", "per", "of"],
                &[
                    ("changes", json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })),
                    ("per", length("In so long")),
                    ("of", json!({ "enum": ["user", "caller", "instance"] })),
                ],
            ),
        ),
    ]);
    table(&["id", "reason", "callers", "actions", "instances"], &keys)
}

fn deny() -> Value {
    let mut keys = matchers();
    keys.extend([
        ("fields", fields(&Field::ALL, "Fields that would change")),
        ("domains", texts(1, "Domains of wanted addresses")),
    ]);
    table(&["id", "reason"], &keys)
}

fn monitor() -> Value {
    let shared = ["id", "reason", "callers", "actions", "instances"];
    let mut keys = matchers();
    keys.retain(|(key, _)| shared.contains(key));
    let until = "The last day, UTC, at most 90 days ahead; without quotes";
    keys.push(("until", json!({ "type": "string", "format": "date", "description": until })));
    table(&[shared.as_slice(), &["until"]].concat(), &keys)
}

/// What `[[allow]]` and `[[deny]]` share.
fn matchers() -> Vec<(&'static str, Value)> {
    let clock = |what| json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "description": what });
    vec![
        (
            "id",
            json!({ "type": "string", "pattern": "^[a-z0-9-]{1,64}$", "description": "Quoted by records and refusals" }),
        ),
        ("reason", text("Why the rule is there: a ticket, a decision")),
        ("callers", texts(1, "ARNs of roles or users; `*` inside of a role's name")),
        (
            "actions",
            json!({
                "type": "array", "minItems": 1, "uniqueItems": true,
                "items": { "type": "string", "pattern": "^connect:[A-Za-z]*[*]?$" },
                "description": "Operations: connect:UpdateUserIdentityInfo, connect:*, connect:StartOutbound*",
            }),
        ),
        ("instances", texts(1, "Ids or ARNs of instances, or \"none\" for operations without one")),
        ("users", texts(1, "Usernames the rule is about; `*` inside")),
        ("user_ids", texts(1, "Ids of users the rule is about")),
        (
            "unique_ids",
            json!({
                "type": "array", "minItems": 1, "uniqueItems": true,
                "items": { "type": "string", "pattern": "^(AROA|AIDA)[A-Z0-9]*$" },
                "description": "AWS's own ids of the role or user",
            }),
        ),
        ("permission_set", text("The Identity Center permission set whose generated role the caller has")),
        (
            "expires",
            json!({ "type": "string", "format": "date", "description": "The last day, UTC; without quotes" }),
        ),
        (
            "hours",
            table(
                &["days", "from", "to", "zone"],
                &[
                    (
                        "days",
                        json!({
                            "type": "array", "minItems": 1, "uniqueItems": true,
                            "items": { "enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] },
                        }),
                    ),
                    ("from", clock("The first minute")),
                    ("to", clock("The last minute; 24:00 is the end of the day")),
                    ("zone", text("A name of the IANA database, such as Europe/Berlin")),
                ],
            ),
        ),
    ]
}

fn test() -> Value {
    let value = json!({ "type": "string" });
    let set: Vec<(&str, Value)> = Field::ALL.iter().map(|field| (field.name(), value.clone())).collect();
    let mut user = vec![
        ("username", text("Its Username")),
        ("id", text("Its id")),
        ("profiles", texts(0, "Ids of its security profiles")),
        ("permissions", texts(0, "Permissions it has by some profile")),
    ];
    user.extend(Field::ALL.iter().map(|field| (field.name(), text("As it is"))));
    let codes = Code::ALL.map(Code::as_str);
    table(
        &["name", "caller", "action", "instance", "at", "expect"],
        &[
            ("name", text("What is tested")),
            ("caller", text("An ARN as AWS shows it")),
            ("unique_id", text("The caller's unique id")),
            ("claims", by_name("What is verified of the caller, by its name")),
            ("ticket", text("What the request carries in the signed header x-guard-ticket")),
            ("notes", by_name("What the request carries in signed headers x-guard-...")),
            ("action", json!({ "type": "string", "pattern": "^connect:[A-Za-z]+$" })),
            ("instance", text("An id, an ARN, or \"none\"")),
            ("at", json!({ "type": "string", "format": "date-time", "description": "When; without quotes" })),
            ("user", table(&["username"], &user)),
            ("change", table(&[], &set)),
            ("username", text("The Username to be created")),
            ("password", json!({ "const": "set" })),
            ("grants", texts(0, "Security profiles that would be given")),
            ("permissions", texts(0, "Permissions that would be given")),
            ("members", texts(0, "Members of the body that a rule has to name")),
            ("profile", text("The security profile concerned")),
            (
                "profiles",
                json!({
                    "type": "object",
                    "additionalProperties": { "type": "array", "items": { "type": "string" } },
                    "description": "What each security profile permits",
                }),
            ),
            ("directory", json!({ "enum": ["CONNECT_MANAGED", "SAML", "EXISTING_DIRECTORY"] })),
            ("channel", texts(0, "Addresses of the instance's own e-mail channel")),
            (
                "known",
                table(
                    &[],
                    &[
                        ("in_use", texts(0, "Addresses known on another user")),
                        ("former", texts(0, "Addresses that were this user's before")),
                        (
                            "held",
                            texts(
                                0,
                                "Permissions that the user, or a security profile that it is about, held within thirty days",
                            ),
                        ),
                    ],
                ),
            ),
            ("expect", json!({ "enum": ["allow", "refuse"] })),
            ("because", json!({ "enum": codes, "description": "The refusal code" })),
            ("rule", text("The rule that allows or denies")),
        ],
    )
}

/// A table with these keys and no other.
fn table(required: &[&str], keys: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        keys.iter().map(|(key, form)| ((*key).to_owned(), form.clone())).collect();
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

fn by_name(what: &str) -> Value {
    json!({ "type": "object", "additionalProperties": text("A text"), "description": what })
}

fn text(what: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": what })
}

fn texts(least: u8, what: &str) -> Value {
    let items = json!({ "type": "string", "minLength": 1 });
    json!({ "type": "array", "minItems": least, "uniqueItems": true, "items": items, "description": what })
}

fn fields(names: &[Field], what: &str) -> Value {
    let names: Vec<&str> = names.iter().map(|field| field.name()).collect();
    json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": { "enum": names }, "description": what })
}

fn sentence(what: &str) -> Value {
    let words = "^\\s*\\S+(\\s+\\S+){2,}\\s*$";
    json!({ "type": "string", "pattern": words, "description": format!("{what}, in at least three words") })
}

fn length(what: &str) -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+[mhd]$", "description": format!("{what}: 30m, 24h, 7d") })
}
