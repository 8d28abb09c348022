//! The intent: on record, with its notices and counts, before the first byte of a change is sent.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    notice::{Held, Plan},
    operation::{Change, ChangeKind, Class, Identity, Target, User},
    policy::{Code, Permit, QuotaClaim, QuotaOf},
    store::{AddressRow, Append, Check, Composed, Misfit, NewIntent, Op, Place, Step, Verdict, Weight},
};

use super::{
    Unwritten,
    core::{ADDRESSES, Core, MEMORY},
    notices, parts, permissions,
    record::{Body, Inputs, Kind, RefusalPart, TargetPart, instant},
};

/// How long Connect may show what was before a change, milliseconds: as long as an accepted change is watched.
const STALE: i64 = 5 * 60 * 1000;

/// The identity before a change, and as it is to be: of identity operations only.
pub(super) fn identities(permit: &Permit<Change>) -> (Option<Identity>, Option<Identity>) {
    let change = permit.operation();
    let before = permit.seen().user.as_ref().map(|user| &user.identity);
    match change.kind() {
        ChangeKind::Identity(_) => (before.cloned(), before.map(|before| before.with(change))),
        ChangeKind::Create(_) => (None, Some(Identity::default().with(change))),
        ChangeKind::Sensitive(_) => (None, None),
    }
}

/// The step that writes an intent.
pub(super) fn step(core: &Arc<Core>, permit: &Permit<Change>, plan: &Plan) -> Result<Step, Unwritten> {
    // No notice, no change: a plan of another origin may be empty.
    if plan.held().is_empty() {
        return Err(Unwritten::NobodyTold);
    }
    let now = core.now();
    let change = permit.operation();
    let target = change.target();
    let name = core.target(target);
    let (attempt, marks) = core.attempt(&permit.caller().principal, change, permit.attempt());
    let mut checks = vec![
        Check::Unrepeated {
            attempt: attempt.clone(),
            marks: marks.clone(),
            since: now.saturating_sub(MEMORY),
        },
        Check::Free { target: name.clone() },
        Check::Latest { target: name.clone(), latest: permit.latest() },
        Check::NotReplaced {
            target: name.clone(),
            exact: shown(core, permit),
            since: now.saturating_sub(STALE),
        },
    ];
    let given = given(core, permit);
    if !given.is_empty() {
        checks.push(Check::Unused { target: name.clone(), rows: given.clone() });
    }
    let mut counts = Vec::new();
    for claim in permit.quotas() {
        let subject = subject(core, permit, claim.of);
        let per = i64::try_from(claim.per.as_millis()).unwrap_or(i64::MAX);
        let rule = claim.rule.id.to_string();
        checks.push(Check::Quota {
            rule: rule.clone(),
            subject: subject.clone(),
            changes: claim.changes,
            per,
            now,
        });
        counts.push((rule, subject));
    }
    let draft = Draft::of(core, permit, plan, name.clone(), now);
    let core_in = Arc::clone(core);
    Ok(Step::Append(Append {
        weight: Weight::Intent,
        person: Some(core.new_person(name)?),
        checks,
        compose: Box::new(move |place| draft.compose(&core_in, place, (attempt, marks), counts, given)),
    }))
}

/// The addresses that a user was seen with whose identity is to be changed. A read may be older than a change: then
/// these are the ones from before, or they stood in other fields, and what is sent along unchanged would put them back.
fn shown(core: &Core, permit: &Permit<Change>) -> Vec<String> {
    let identity = permit.operation().identity().and(permit.seen().user.as_ref()).map(|user| &user.identity);
    let rows = identity.map(|identity| standing(core, permit.operation().target(), identity));
    rows.into_iter().flatten().map(|row| row.exact).collect()
}

/// The addresses that a change gives its target and that are not its own already.
fn given(core: &Core, permit: &Permit<Change>) -> Vec<AddressRow> {
    let change = permit.operation();
    let target = change.target();
    match change.kind() {
        ChangeKind::Identity(_) => permit
            .differences()
            .iter()
            .filter(|difference| difference.field.is_address())
            .filter_map(|difference| difference.after.as_deref())
            .filter(|text| !text.is_empty())
            .map(|text| core.address(target, text))
            .collect(),
        ChangeKind::Create(_) => addresses(core, target, &Identity::default().with(change)),
        ChangeKind::Sensitive(_) => Vec::new(),
    }
}

/// For what a quota is counted.
fn subject(core: &Core, permit: &Permit<Change>, of: QuotaOf) -> String {
    let target = permit.operation().target();
    match of {
        QuotaOf::User => core.counted("user", &target.to_string()),
        QuotaOf::Caller => core.counted("caller", &permit.caller().principal.account_key()),
        QuotaOf::Instance => {
            let instance = target.instance.as_ref().map_or("", |instance| instance.as_str());
            core.counted(
                "instance",
                &format!("{}/{}/{}/{instance}", target.partition, target.account, target.region),
            )
        }
    }
}

/// The addresses of an identity.
fn addresses(core: &Core, target: &Target, identity: &Identity) -> Vec<AddressRow> {
    let rows: BTreeSet<&str> = ADDRESSES.into_iter().filter_map(|field| identity.value(field)).collect();
    let mut rows: Vec<AddressRow> = rows.into_iter().map(|text| core.address(target, text)).collect();
    rows.dedup_by(|a, b| a.exact == b.exact);
    rows
}

/// What is known of a user who has these addresses: whose they are, and how they stand together.
pub(super) fn standing(core: &Core, target: &Target, identity: &Identity) -> Vec<AddressRow> {
    let mut rows = addresses(core, target, identity);
    rows.push(core.together(target, identity));
    rows
}

/// Everything an intent's record is made of, before its place is known.
struct Draft {
    now: i64,
    target: String,
    body: Body,
    inputs: Inputs,
    part: TargetPart,
    quotas: Vec<QuotaClaim>,
    held: Vec<Held>,
    /// The Username of the user that was seen.
    named: Option<Op>,
    known: Vec<Op>,
}

impl Draft {
    fn of(core: &Core, permit: &Permit<Change>, plan: &Plan, name: String, now: i64) -> Self {
        let change = permit.operation();
        let (before, wanted) = identities(permit);
        let (part, hidden) = parts::target(change.target());
        let mut inputs = parts::inputs(permit, before.as_ref(), wanted.as_ref());
        inputs.id = hidden;
        let body = Body {
            request: Some(parts::request(permit.caller())),
            caller: Some(parts::caller(permit.caller())),
            operation: Some(change.route().operation.into()),
            class: Some(parts::class(change.route().class).into()),
            policy: Some(permit.policy().hex()),
            ..Body::default()
        };
        let mut body = body;
        body.basis = Some(parts::basis(permit.basis()));
        Self {
            now,
            named: seen(permit).map(|user| core.named(change.target(), &user.username)),
            known: known(core, permit, &name, now),
            target: name,
            body,
            inputs,
            part,
            quotas: permit.quotas().to_vec(),
            held: plan.held().to_vec(),
        }
    }

    fn compose(
        self,
        core: &Core,
        place: &Place,
        (attempt, marks): (String, Vec<String>),
        counts: Vec<(String, String)>,
        given: Vec<AddressRow>,
    ) -> Result<Composed, Misfit> {
        let key = core.data_key(place)?;
        let mut body = self.body;
        body.target = Some(self.part);
        body.inputs = Some(key.seal(&core.chain, place.seq, &self.inputs)?);
        body.attempt = Some(key.hash("attempt", &attempt));
        body.refusal = refusal(&place.verdict, &self.quotas)?;
        if body.refusal.is_some() {
            let record = core.record(place, self.now, Kind::Refusal, body)?;
            return Ok(Composed { record: Some(record), ops: self.named.into_iter().collect() });
        }
        let lease_until = self.now.saturating_add(core.lease);
        body.lease_until = Some(instant(lease_until));
        body.quotas = self.quotas.iter().map(|claim| claim.rule.id.to_string()).collect();
        body.notices = notices::part(&key, self.held.iter().map(|held| held.recipient.as_str()));
        let record = core.record(place, self.now, Kind::Intent, body)?;
        let intent = NewIntent {
            target: self.target,
            owner: core.owner.clone(),
            lease_until,
            at: self.now,
            attempt,
            marks,
            counts,
            held: notices::seal_held(&core.seal, &self.held)?,
        };
        let mut ops = vec![Op::Intent(intent), Op::Wanted { rows: given }];
        ops.extend(self.named);
        ops.extend(self.known);
        Ok(Composed { record: Some(record), ops })
    }
}

/// Why there is to be a refusal in the intent's place; none when nothing is in its way.
fn refusal(verdict: &Verdict, quotas: &[QuotaClaim]) -> Result<Option<RefusalPart>, Misfit> {
    let of = |code: &str| RefusalPart { code: code.into(), rule: None, place: None, fields: Vec::new() };
    Ok(match verdict {
        Verdict::Clear => None,
        Verdict::Busy => Some(of("busy")),
        Verdict::InUse => Some(of(Code::AddressInUse.as_str())),
        Verdict::BySame => Some(of("freeze-own")),
        Verdict::Quota { index, .. } => {
            let claim = quotas.get(*index).ok_or(Misfit::Missing("quota"))?;
            Some(RefusalPart {
                rule: Some(claim.rule.id.to_string()),
                place: Some(claim.rule.place.to_string()),
                ..of(Code::Quota.as_str())
            })
        }
    })
}

/// The user that is to be changed, as it was seen.
fn seen(permit: &Permit<Change>) -> Option<&User> {
    let target = permit.operation().target();
    permit.seen().user.as_ref().filter(|user| target.user() == Some(&user.id))
}

/// What was seen: the addresses of the user, and permissions.
fn known(core: &Core, permit: &Permit<Change>, name: &str, now: i64) -> Vec<Op> {
    let target = permit.operation().target();
    let user = seen(permit);
    let addresses = user.map(|user| Op::Addresses {
        target: name.into(),
        rows: standing(core, target, &user.identity),
        at: now,
    });
    let permissions = permissions::seen(core, target, user.map(|user| (user, name)), permit.seen(), now);
    addresses.into_iter().chain(permissions).collect()
}

/// Whether an operation is one of identity.
pub(super) fn is_identity(class: &str) -> bool {
    class == parts::class(Class::Identity)
}
