//! What one policy claims and another does not: claims that both make are set aside by their outline, and each of the
//! others is looked for caller by caller, place by place, matter by matter, among those that could cover it.
//!
//! Bounded: after [`MOST`] comparisons nothing more is looked for, and what is left counts as not covered.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    claim::{Body, Caller, Claim, Matter, Operations},
    narrower::{covers, meets},
};

/// So many comparisons of two claims, in one search.
const MOST: u32 = 1_000_000;
/// A claim about more users than this is looked for without regard to them.
const MANY: usize = 1_000;

/// What is left of a claim that is not covered: for these callers at these places, these matters of these operations.
pub(super) struct Rest<'c, 'p> {
    pub(super) claim: &'c Claim<'p>,
    pub(super) callers: Vec<Caller<'p>>,
    pub(super) places: Vec<Option<&'p str>>,
    pub(super) matters: Vec<Matter>,
    pub(super) operations: Operations,
    pub(super) otherwise: Otherwise,
}

/// Whether the other policy says the same on other terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// Nothing was found that does.
    No,
    /// A rule does, for some of the users and operations at least.
    InPart,
}

/// Matters with the operations they are of.
type Deeds = BTreeMap<Vec<Matter>, Operations>;

/// Claims by a caller and, where they are about few users, one of these.
struct Index<'c, 'p> {
    by: HashMap<(&'p str, &'p str), Vec<&'c Claim<'p>>>,
    by_caller: HashMap<&'p str, Vec<&'c Claim<'p>>>,
}

/// What `claims` say and `others` do not.
pub(super) fn rest<'c, 'p>(claims: &'c [Claim<'p>], others: &'c [Claim<'p>]) -> Vec<Rest<'c, 'p>> {
    let mut known: HashMap<String, Vec<&Claim<'p>>> = HashMap::new();
    for other in others {
        known.entry(other.outline()).or_default().push(other);
    }
    let mut spent = Spent::default();
    let mut is_changed = |claim: &&Claim<'p>| match known.get_mut(&claim.outline()) {
        Some(_) if !is_limited(claim) => false,
        // A quota is one quota: so many claims of an outline are set aside for so many.
        Some(same) => match same.pop() {
            Some(other) => !spent.on(other, claim),
            None => true,
        },
        None => true,
    };
    let changed: Vec<&Claim<'p>> = claims.iter().filter(|claim| is_changed(claim)).collect();
    let mut changed = changed.into_iter().peekable();
    if changed.peek().is_none() {
        return Vec::new();
    }
    let index = Index::of(others);
    let mut left = MOST;
    changed.flat_map(|claim| rest_of(claim, &index, &mut left, &mut spent)).collect()
}

/// The claims with a quota that cover something, each with the one claim that it covers: what a quota allows is allowed
/// once, and two rules that have the same quota each have it twice.
#[derive(Default)]
struct Spent<'p>(HashMap<&'p str, &'p str>);

impl<'p> Spent<'p> {
    /// Whether a claim may cover another one, and from then on no third.
    fn on(&mut self, wide: &Claim<'p>, narrow: &Claim<'p>) -> bool {
        !is_limited(wide) || *self.0.entry(&wide.rule.id).or_insert(&narrow.rule.id) == &*narrow.rule.id
    }
}

fn is_limited(claim: &Claim<'_>) -> bool {
    match claim.body {
        Body::Allow(allow) => allow.quota.is_some(),
        Body::Deny(_) => false,
    }
}

fn rest_of<'c, 'p>(
    claim: &'c Claim<'p>,
    index: &Index<'c, 'p>,
    left: &mut u32,
    spent: &mut Spent<'p>,
) -> Vec<Rest<'c, 'p>> {
    let mut alike: BTreeMap<BTreeMap<Option<&'p str>, Deeds>, Vec<Caller<'p>>> = BTreeMap::new();
    for caller in &claim.callers {
        let candidates = index.candidates(claim, *caller);
        let places = claim
            .places
            .iter()
            .map(|place| (*place, deeds(claim, *caller, *place, &candidates, left, spent)));
        let places = places.filter(|(_, deeds)| !deeds.is_empty()).collect();
        alike.entry(places).or_default().push(*caller);
    }
    let mut rests = Vec::new();
    for (places, callers) in alike {
        let mut by_deeds: BTreeMap<Deeds, Vec<Option<&'p str>>> = BTreeMap::new();
        for (place, deeds) in places {
            by_deeds.entry(deeds).or_default().push(place);
        }
        for (deeds, places) in by_deeds {
            for (matters, operations) in deeds {
                let (callers, places) = (callers.clone(), places.clone());
                let mut rest = Rest { claim, callers, places, matters, operations, otherwise: Otherwise::No };
                if index.has_other_terms(&rest, left) {
                    rest.otherwise = Otherwise::InPart;
                }
                rests.push(rest);
            }
        }
    }
    rests
}

/// What is not covered for one caller at one place.
fn deeds<'p>(
    claim: &Claim<'p>,
    caller: Caller<'p>,
    place: Option<&'p str>,
    candidates: &[&[&Claim<'p>]],
    left: &mut u32,
    spent: &mut Spent<'p>,
) -> Deeds {
    let mut by_operations: BTreeMap<Operations, Vec<Matter>> = BTreeMap::new();
    for matter in &claim.matters {
        let mut operations = claim.operations.and(matter.operations());
        for candidate in candidates.iter().copied().flatten() {
            if operations.is_empty() || *left == 0 {
                break;
            }
            *left -= 1;
            let deed = (claim, caller, place, *matter);
            if covers(candidate, deed) && spent.on(candidate, claim) {
                operations = operations.without(&candidate.operations);
            }
        }
        if !operations.is_empty() {
            by_operations.entry(operations).or_default().push(*matter);
        }
    }
    by_operation(by_operations)
}

/// Matters of the same operations together, though they were found one by one.
fn by_operation(found: BTreeMap<Operations, Vec<Matter>>) -> Deeds {
    let mut deeds = Deeds::new();
    let mut all: Vec<Operations> = Vec::new();
    for operations in found.keys() {
        // Cut what is there along what is new, so that each part has one list of matters.
        let mut fresh = operations.clone();
        let mut parts = Vec::new();
        for part in all {
            let (both, only) = (part.and(operations), part.without(operations));
            fresh = fresh.without(&part);
            parts.extend([both, only].into_iter().filter(|part| !part.is_empty()));
        }
        parts.extend(Some(fresh).filter(|part| !part.is_empty()));
        all = parts;
    }
    for part in all {
        let has = |(operations, _): &(&Operations, &Vec<Matter>)| part.without(operations).is_empty();
        let mut matters: Vec<Matter> =
            found.iter().filter(has).flat_map(|(_, matters)| matters.iter().copied()).collect();
        matters.sort_unstable();
        match deeds.get_mut(&matters) {
            Some(operations) => *operations = operations.or(&part),
            None => {
                deeds.insert(matters, part);
            }
        }
    }
    deeds
}

impl<'c, 'p> Index<'c, 'p> {
    fn of(claims: &'c [Claim<'p>]) -> Self {
        let mut by: HashMap<_, Vec<_>> = HashMap::new();
        let mut by_caller: HashMap<_, Vec<_>> = HashMap::new();
        for claim in claims {
            let users = users_of(claim);
            for caller in &claim.callers {
                by_caller.entry(word(*caller)).or_default().push(claim);
                for user in &users {
                    by.entry((word(*caller), *user)).or_default().push(claim);
                }
            }
        }
        Self { by, by_caller }
    }

    /// Those that could cover this claim for this caller.
    fn candidates(&self, claim: &Claim<'p>, caller: Caller<'p>) -> Vec<&[&'c Claim<'p>]> {
        let callers = words(caller);
        let one_of = |names: &'p HashSet<String>| names.iter().min().map(String::as_str);
        let users = [Some(""), one_of(&claim.scope.users.exact), one_of(&claim.scope.user_ids)];
        let keys = callers
            .into_iter()
            .flatten()
            .flat_map(|caller| users.into_iter().flatten().map(move |user| (caller, user)));
        keys.filter_map(|key| self.by.get(&key).map(Vec::as_slice)).collect()
    }

    /// Whether some claim is about the same on other terms, for the first of the callers and places.
    fn has_other_terms(&self, rest: &Rest<'c, 'p>, left: &mut u32) -> bool {
        let (Some(caller), Some(place)) = (rest.callers.first(), rest.places.first()) else { return false };
        let users = users_of(rest.claim);
        let lists = words(*caller).into_iter().flatten().flat_map(|caller| {
            let all = users.contains(&"").then(|| self.by_caller.get(caller)).flatten();
            let some = users.iter().filter_map(move |user| self.by.get(&(caller, *user)));
            let any = (!users.contains(&"")).then(|| self.by.get(&(caller, ""))).flatten();
            all.into_iter().chain(some).chain(any)
        });
        for other in lists.flatten() {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            let meets = |matter: &Matter| meets(other, (rest.claim, *caller, *place, *matter));
            if !other.operations.and(&rest.operations).is_empty() && rest.matters.iter().any(meets) {
                return true;
            }
        }
        false
    }
}

/// The words under which a claim may stand that covers a caller: its own, that of its account, that of everybody.
fn words(caller: Caller<'_>) -> [Option<&str>; 3] {
    match caller {
        Caller::Anyone => [Some(""), None, None],
        Caller::Roles(account, _) => [Some(account), None, Some("")],
        Caller::Exact(arn) => [Some(arn), arn.split_inclusive('/').next(), Some("")],
    }
}

fn word(caller: Caller<'_>) -> &str {
    match caller {
        Caller::Anyone => "",
        Caller::Exact(arn) => arn,
        Caller::Roles(account, _) => account,
    }
}

/// The users a claim is told apart by: whatever it covers names one of them, or all.
fn users_of<'p>(claim: &Claim<'p>) -> Vec<&'p str> {
    let users = &claim.scope.users;
    let few = |names: &'p HashSet<String>| {
        (1..=MANY).contains(&names.len()).then(|| names.iter().map(String::as_str).collect())
    };
    let exact = if users.patterns.is_empty() { few(&users.exact) } else { None };
    exact.or_else(|| few(&claim.scope.user_ids)).unwrap_or_else(|| vec![""])
}
