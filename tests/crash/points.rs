//! The end at every named point.

use std::collections::{BTreeMap, BTreeSet};

use connect_guard::crash::Point;

use crate::{
    length::{Done, number},
    run::Ends,
    stage::Before,
    store::Stores,
    story::STEPS,
    sweep::{Case, Plain, Sweep},
};

/// Points that a guard passes only when somebody has to know first.
const ANNOUNCED: [Point; 2] = [Point::Announce, Point::Announced];
/// Points of which somebody may have heard already.
const AFTER: [Point; 3] = [Point::Cleared, Point::Send, Point::Answered];
/// Points that it passes only after another one ended.
const INHERITED: [Point; 1] = [Point::TakenOver];

/// What ends a guard before the point is passed for the first time.
fn first(point: Point) -> Vec<Ends> {
    if INHERITED.contains(&point) { vec![Ends::at("answered", 0)] } else { Vec::new() }
}

/// When a guard ends at a point.
#[derive(Clone, Copy)]
enum Times {
    First,
    FirstAndMiddle,
    Every,
}

impl Times {
    /// As the environment says.
    fn chosen() -> Self {
        match (number("CRASH_EVERY", 0), number("CRASH_FIRST", 0)) {
            (1, _) => Self::Every,
            (_, 1) => Self::First,
            (_, _) => Self::FirstAndMiddle,
        }
    }

    /// Of so many passes.
    fn places(self, passes: usize) -> BTreeSet<usize> {
        match self {
            Self::First => BTreeSet::from([0]),
            Self::FirstAndMiddle => BTreeSet::from([0, passes / 2]),
            Self::Every => (0..passes).collect(),
        }
    }
}

/// All of them.
fn cases(passes: &BTreeMap<Before, BTreeMap<&str, usize>>, times: Times) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |point: Point, place: usize, before: Before| {
        let ends = first(point).into_iter().chain([Ends::at(point.name(), place)]).collect();
        let whose = if before == Before::Security { ", told" } else { "" };
        let name = format!("{} {}{whose}", point.name(), place + 1);
        // How often a point is passed differs from run to run, but not whether it is.
        cases.push(Case { name, before, ends, end_after: None, certain: place == 0 });
    };
    for point in Point::ALL {
        let before = if ANNOUNCED.contains(point) { Before::Security } else { Before::Nobody };
        for place in times.places(passes[&before][point.name()].max(1)) {
            case(*point, place, before);
        }
    }
    for point in AFTER {
        case(point, 0, Before::Security);
    }
    // The answer is with the caller, and then it ends: from outside, since it has no part in that.
    for step in STEPS {
        let (name, before) = (format!("answered {step}"), Before::Nobody);
        cases.push(Case { name, before, ends: Vec::new(), end_after: Some(step), certain: true });
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_at_whatever_point_the_process_ends_the_three_lists_are_equal() {
    let stores = Stores::chosen();
    let nobody = Plain::of(&stores, Before::Nobody, Vec::new()).await;
    let security = Plain::of(&stores, Before::Security, Vec::new()).await;
    let inherited = Plain::of(&stores, Before::Nobody, vec![Ends::at("answered", 0)]).await;
    for point in Point::ALL {
        let passes: usize =
            [&nobody, &security, &inherited].iter().map(|plain| plain.passes[point.name()]).sum();
        assert!(passes > 0, "the story does not pass `{}`", point.name());
    }
    let passes = BTreeMap::from([(Before::Nobody, nobody.passes), (Before::Security, security.passes)]);
    let told = BTreeMap::from([(Before::Nobody, nobody.told), (Before::Security, security.told)]);
    let sweep = Sweep { stores, told, done: Done::read() };
    Sweep::heading();
    sweep.over(cases(&passes, Times::chosen())).await;
}
