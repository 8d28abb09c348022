//! From the types of the token chain to the parts of a record, and back where an intent is taken over.

use std::collections::BTreeMap;

use crate::{
    caller::{Arn, Caller, Principal, Proof, Resource},
    notice::{Audience, ChangedField, Later, RecordRef, proven, proven_shown, shown},
    operation::{
        Change, ChangeKind, Class, Effect, Field, Identity, InstanceId, Subject, Target, UserId, Wanted,
    },
    policy::{Basis, Given, Ground, Permit, Refusal},
};

use super::{
    inputs::{BuiltPart, GivenPart, LookedPart, body},
    record::{
        BasisPart, CallerPart, FromTo, GroundPart, Inputs, RefPart, RefusalPart, RequestPart, RulePart,
        TargetPart, instant,
    },
    token::Sent,
};

/// What stands for a text that could be an address or a name.
const HIDDEN: &str = "~";

pub(super) fn request(caller: &Caller) -> RequestPart {
    RequestPart { id: caller.origin.request_id.as_str().into(), source: caller.origin.source.to_string() }
}

/// Who asked.
pub(super) fn caller(caller: &Caller) -> CallerPart {
    let principal = &caller.principal;
    CallerPart {
        principal: self::principal(principal),
        unique_id: principal.unique_id.clone(),
        proof: proven_shown(&caller.proof),
    }
}

/// An ARN. A session's name is chosen by its user and often is an address: then it is not shown.
pub(super) fn principal(principal: &Principal) -> String {
    match &principal.arn.resource {
        Resource::Session { role, session } if session.contains('@') => {
            let arn = &principal.arn;
            format!("arn:{}:sts::{}:assumed-role/{role}/{HIDDEN}", arn.partition, arn.account)
        }
        Resource::Session { .. } | Resource::Role(_) | Resource::User(_) => principal.arn.to_string(),
    }
}

/// Of whom a record is, without the session, whether that is shown or not.
pub(super) fn account(principal: &str) -> Option<String> {
    let shown = principal.strip_suffix(HIDDEN).map(|role| format!("{role}--"));
    Some(Arn::read(shown.as_deref().unwrap_or(principal)).ok()?.without_session())
}

/// Of what; ids that could be names only when they are to be hidden.
pub(super) fn target(target: &Target) -> (TargetPart, Option<Vec<String>>) {
    let (kind, all) = match &target.subject {
        Subject::Other(labels) => ("other", labels.clone()),
        Subject::User(user) => ("user", vec![user.as_str().to_owned()]),
        Subject::Username(name) => ("username", vec![name.clone()]),
        Subject::SecurityProfile(id) => ("security-profile", vec![id.clone()]),
        Subject::Resource(arn) => ("resource", vec![arn.clone()]),
    };
    let shown: Vec<String> =
        all.iter().map(|id| if is_plain(kind, id) { id.clone() } else { HIDDEN.into() }).collect();
    let hidden = (shown != all).then_some(all);
    let part = TargetPart {
        site: target.site.clone(),
        partition: target.partition.clone(),
        account: target.account.clone(),
        region: target.region.clone(),
        instance: target.instance.as_ref().map(|id| id.as_str().to_owned()),
        kind: kind.into(),
        id: shown,
    };
    (part, hidden)
}

/// Whether an id can be shown: users and profiles have ids that Connect gives; others are shown when they look like one
/// (letters, hyphens and a digit, at least 20 long), and ARNs when they hold no `@`.
fn is_plain(kind: &str, id: &str) -> bool {
    let is_id = id.len() <= 256 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match kind {
        "user" => true,
        "username" => false,
        "resource" => id.starts_with("arn:") && !id.contains('@') && !id.contains('%'),
        _ => is_id && id.len() >= 20 && id.bytes().any(|byte| byte.is_ascii_digit()),
    }
}

/// The target of a record, as it was.
pub(super) fn read_target(part: &TargetPart, hidden: Option<Vec<String>>) -> Option<Target> {
    let ids = hidden.unwrap_or_else(|| part.id.clone());
    let first = ids.first().cloned();
    let subject = match part.kind.as_str() {
        "user" => Subject::User(UserId::read(&first?)?),
        "username" => Subject::Username(first?),
        "security-profile" => Subject::SecurityProfile(first?),
        "resource" => Subject::Resource(first?),
        "other" => Subject::Other(ids),
        _ => return None,
    };
    let instance = match &part.instance {
        Some(id) => Some(InstanceId::read(id)?),
        None => None,
    };
    Some(Target {
        site: part.site.clone(),
        partition: part.partition.clone(),
        account: part.account.clone(),
        region: part.region.clone(),
        instance,
        subject,
    })
}

pub(super) fn basis(basis: &Basis) -> BasisPart {
    let ground = |ground: &Ground| match ground {
        Ground::Operation => "operation".to_owned(),
        Ground::Field(field) => field.name().to_owned(),
    };
    BasisPart {
        grounds: basis
            .grounds
            .iter()
            .map(|(of, rule)| GroundPart {
                of: ground(of),
                rule: rule.id.to_string(),
                place: rule.place.to_string(),
            })
            .collect(),
        directory: basis.directory.map(|digest| digest.hex()),
        protected: basis.protected.clone(),
        ticket: basis.ticket.as_deref().map(shown),
        monitor: basis
            .monitor
            .as_ref()
            .map(|rule| RulePart { rule: rule.id.to_string(), place: rule.place.to_string() }),
    }
}

pub(super) fn refusal(refusal: &Refusal) -> RefusalPart {
    RefusalPart {
        code: refusal.code.as_str().into(),
        rule: refusal.rule.as_ref().map(|rule| rule.id.to_string()),
        place: refusal.rule.as_ref().map(|rule| rule.place.to_string()),
        fields: refusal.fields.iter().map(|field| field.name().to_owned()).collect(),
    }
}

/// What is sealed of a permitted change.
pub(super) fn inputs(
    permit: &Permit<Change>,
    before: Option<&Identity>,
    wanted: Option<&Identity>,
) -> Inputs {
    let change = permit.operation();
    let seen = permit.seen().user.as_ref();
    let asked = change.identity().map(|identity| {
        identity
            .fields()
            .map(|(field, wanted)| {
                let value = match wanted {
                    Wanted::Set(text) => Some(text.clone()),
                    Wanted::Remove => None,
                };
                (field.name().to_owned(), value)
            })
            .collect()
    });
    let profiles = match change.kind() {
        ChangeKind::Create(user) => Some(user.security_profiles.clone()),
        ChangeKind::Identity(_) | ChangeKind::Sensitive(_) => seen.map(|user| user.security_profiles.clone()),
    };
    let username = match change.kind() {
        ChangeKind::Create(user) => Some(user.username.clone()),
        ChangeKind::Identity(_) | ChangeKind::Sensitive(_) => seen.map(|user| user.username.clone()),
    };
    let mut inputs = of_caller(permit.caller());
    inputs.before = before.map(fields);
    inputs.asked = asked;
    inputs.after = wanted.map(fields);
    inputs.username = username;
    inputs.profiles = profiles;
    inputs.request = BuiltPart::of(change);
    inputs.body = body(change);
    inputs.given = given(&permit.given());
    inputs.looked = Some(LookedPart::of(permit.looked()));
    inputs
}

/// What was to be given; none where nothing was.
pub(super) fn given(given: &Given) -> Option<GivenPart> {
    Some(GivenPart::from(given)).filter(|part| *part != GivenPart::default())
}

/// What is sealed of a caller.
pub(super) fn of_caller(caller: &Caller) -> Inputs {
    let (whole, proof) = (caller.principal.arn.to_string(), proven(&caller.proof));
    let (key, issued, claims) = match &caller.proof {
        Proof::GuardKey { key_id } => (Some(key_id.clone()), None, BTreeMap::new()),
        Proof::Session(session) => {
            (Some(session.id.clone()), Some(instant(session.issued.millis())), session.claims.clone())
        }
        Proof::Certificate { claims, .. } => (None, None, BTreeMap::clone(claims)),
    };
    Inputs {
        principal: (principal(&caller.principal) != whole).then_some(whole),
        proof: (proven_shown(&caller.proof) != proof).then_some(proof),
        user_agent: caller.origin.user_agent.as_deref().map(str::to_owned),
        notes: caller.notes.clone(),
        key,
        issued,
        claims,
        ..Inputs::default()
    }
}

/// What changed and was not asked for, by the names of the fields.
pub(super) fn side_effects(changed: &[ChangedField]) -> Option<BTreeMap<String, FromTo>> {
    (!changed.is_empty()).then(|| {
        changed
            .iter()
            .map(|changed| (changed.field.clone(), (changed.before.clone(), changed.after.clone())))
            .collect()
    })
}

/// What changed and was not asked for, from the names of the fields.
pub(super) fn read_side_effects(changed: BTreeMap<String, FromTo>) -> Vec<ChangedField> {
    changed.into_iter().map(|(field, (before, after))| ChangedField { field, before, after }).collect()
}

/// An identity by the names of its fields.
pub(super) fn fields(identity: &Identity) -> BTreeMap<String, String> {
    Field::ALL
        .into_iter()
        .filter_map(|field| Some((field.name().to_owned(), identity.value(field)?.to_owned())))
        .collect()
}

/// An identity from the names of its fields.
pub(super) fn identity(fields: &BTreeMap<String, String>) -> Identity {
    Identity::new(Field::ALL.into_iter().filter_map(|field| Some((field, fields.get(field.name())?.clone()))))
}

pub(super) fn class(class: Class) -> &'static str {
    match class {
        Class::Identity => "identity",
        Class::Sensitive => "sensitive",
        Class::Forbidden => "forbidden",
        Class::Write => "write",
        Class::Read => "read",
    }
}

pub(super) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Applied => "applied",
        Effect::NotApplied => "not_applied",
        Effect::Unknown => "unknown",
        Effect::InferredApplied => "inferred_applied",
        Effect::InferredNotApplied => "inferred_not_applied",
        Effect::Undetermined => "undetermined",
    }
}

pub(super) fn sent(sent: &Sent) -> &'static str {
    match sent {
        Sent::Accepted(_) => "accepted",
        Sent::Refused(_) => "refused",
        Sent::NotSent(_) => "not-sent",
        Sent::Unknown(_) => "unknown",
        Sent::Recovered => "recovered",
    }
}

pub(super) fn audience(audience: Audience) -> &'static str {
    match audience {
        Audience::Security => "security",
        Audience::Masked => "masked",
        Audience::OldPrimary => "old-primary",
        Audience::OldSecondary => "old-secondary",
        Audience::New => "new",
    }
}

/// What later reads showed, in a word.
pub(super) fn later(later: Later) -> &'static str {
    match later {
        Later::Shown => "shown",
        Later::NotShown => "not-shown",
        Later::NotRead => "not-read",
        Later::Superseded => "superseded",
    }
}

pub(super) fn reference(record: &RecordRef) -> RefPart {
    RefPart { chain: record.chain.clone(), seq: record.seq, hash: record.hash.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::testing::{INSTANCE, change};

    #[test]
    fn a_target_is_read_as_it_was_written() {
        let user = "87654321-2222-1234-1234-000000000001";
        let path = format!("/users/{INSTANCE}/{user}/identity-info");
        let of_user =
            change("POST", &path, r#"{"IdentityInfo":{"Email":"mary@example.org"}}"#).target().clone();
        let arn = "arn:aws:connect:us-east-1:111122223333:instance/i".to_owned();
        for (subject, kind, shown) in [
            (of_user.subject.clone(), "user", vec![user.to_owned()]),
            (Subject::Username("mary".into()), "username", vec!["~".to_owned()]),
            (Subject::SecurityProfile(user.into()), "security-profile", vec![user.to_owned()]),
            (Subject::SecurityProfile("Admin".into()), "security-profile", vec!["~".to_owned()]),
            (Subject::Resource(arn.clone()), "resource", vec![arn]),
            (
                Subject::Other(vec!["queue".into(), user.into()]),
                "other",
                vec!["~".to_owned(), user.to_owned()],
            ),
            (Subject::Other(Vec::new()), "other", Vec::new()),
        ] {
            for instance in [of_user.instance.clone(), None] {
                let whole = Target { subject: subject.clone(), instance, ..of_user.clone() };
                let (part, hidden) = target(&whole);
                assert_eq!((part.kind.as_str(), &part.id), (kind, &shown));
                assert_eq!(hidden.is_some(), shown.iter().any(|id| id == HIDDEN), "{kind}");
                assert_eq!(read_target(&part, hidden), Some(whole));
            }
        }
        let (mut part, _) = target(&of_user);
        part.id = vec!["no id".into()];
        assert_eq!(read_target(&part, None), None);
        part.id.clear();
        assert_eq!(read_target(&part, None), None);
        assert_eq!(read_target(&part, Some(vec![user.to_owned()])), Some(of_user.clone()));
        part.instance = Some("no id".into());
        assert_eq!(read_target(&part, Some(vec![user.to_owned()])), None);
        let (mut part, _) = target(&of_user);
        part.kind = "queue".into();
        assert_eq!(read_target(&part, None), None);
    }

    /// They stand in records for ever.
    #[test]
    fn the_words_of_records() {
        use {Audience as A, Class as C, Effect as E, Later as L};
        let classes = [C::Identity, C::Sensitive, C::Forbidden, C::Write, C::Read].map(class);
        assert_eq!(classes, ["identity", "sensitive", "forbidden", "write", "read"]);
        let effects = [
            E::Applied,
            E::NotApplied,
            E::Unknown,
            E::InferredApplied,
            E::InferredNotApplied,
            E::Undetermined,
        ];
        let words =
            ["applied", "not_applied", "unknown", "inferred_applied", "inferred_not_applied", "undetermined"];
        assert_eq!(effects.map(effect), words);
        let audiences = [A::Security, A::Masked, A::OldPrimary, A::OldSecondary, A::New].map(audience);
        assert_eq!(audiences, ["security", "masked", "old-primary", "old-secondary", "new"]);
        let shown = [L::Shown, L::NotShown, L::NotRead, L::Superseded].map(later);
        assert_eq!(shown, ["shown", "not-shown", "not-read", "superseded"]);
        let sent = [Sent::NotSent("no route".into()), Sent::Unknown("reset".into()), Sent::Recovered];
        assert_eq!(sent.each_ref().map(self::sent), ["not-sent", "unknown", "recovered"]);
    }

    #[test]
    fn an_id_that_somebody_chose_is_hidden_whatever_it_looks_like() {
        let like_an_id = "12345678-1234-1234-1234-123456789012";
        assert!(is_plain("user", like_an_id) && is_plain("queue", like_an_id));
        assert!(!is_plain("username", like_an_id), "a Username may look like an id");
        for name in ["kim", "kim-lee-of-the-identity-desk", "kim.lee@example.com", "1234567890123456789"] {
            assert!(!is_plain("queue", name), "{name}");
        }
        assert!(is_plain("user", "kim") && is_plain("user", "1"), "Connect gave it");
        assert!(!is_plain("queue", "kim.lee.2@example.com"), "as long as an id, with a digit");
        assert!(!is_plain("queue", &"1".repeat(257)));
        assert!(is_plain("resource", "arn:aws:connect:us-east-1:111122223333:instance/i"));
        for arn in
            ["kim", "arn:aws:connect:us-east-1:111122223333:agent/kim@example.com", "arn:kim%40example.com"]
        {
            assert!(!is_plain("resource", arn), "{arn}");
        }
    }
}
