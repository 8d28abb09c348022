//! What is charged to callers; the tests of sources and of Connect's rates are beside it.

mod connect;
mod sources;

use std::time::Duration;

use governor::clock::FakeRelativeClock;

use crate::{
    caller::{Arn, Caller, Principal, Proof},
    operation::{InstanceIn, Route, Subject, Target},
    wire::{Method, Origin, RequestId},
};

use super::*;

const DESCRIBE: &str = "DescribeUser";

const fn route(operation: &'static str, class: Class) -> Route {
    Route {
        method: Method::Post,
        template: "/",
        operation,
        class,
        body: false,
        query: &[],
        headers: &[],
        instance: InstanceIn::None,
    }
}

static DESCRIBE_USER: Route = route(DESCRIBE, Class::Read);
static LIST_QUEUES: Route = route("ListQueues", Class::Read);
static START_CHAT: Route = route("StartChatContact", Class::Write);
static TAG_RESOURCE: Route = route("TagResource", Class::Sensitive);
static UPDATE_IDENTITY: Route = route("UpdateUserIdentityInfo", Class::Identity);

struct Thing {
    caller: Caller,
    route: &'static Route,
    class: Class,
    target: Target,
}

impl Charged for Thing {
    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn route(&self) -> &'static Route {
        self.route
    }

    fn class(&self) -> Class {
        self.class
    }

    fn target(&self) -> &Target {
        &self.target
    }
}

fn thing(arn: &str, route: &'static Route, region: &str) -> Thing {
    Thing {
        caller: Caller {
            principal: Principal { arn: Arn::read(arn).unwrap(), unique_id: None },
            proof: Proof::GuardKey { key_id: "GKAAAAAAAAAAAAAAAAAA".into() },
            origin: Origin {
                request_id: RequestId::from("1"),
                source: "192.0.2.1".parse().unwrap(),
                user_agent: None,
            },
            notes: BTreeMap::new(),
        },
        route,
        class: route.class,
        target: Target {
            site: "main".into(),
            partition: "aws".into(),
            account: "111122223333".into(),
            region: region.into(),
            instance: None,
            subject: Subject::Other(vec![]),
        },
    }
}

fn by_role(role: &str, route: &'static Route) -> Thing {
    thing(&format!("arn:aws:sts::111122223333:assumed-role/{role}/kim"), route, "us-east-1")
}

fn limiter(rates: &Rates) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Limiter::with_clock(rates, &clock).unwrap(), clock)
}

/// A limiter whose half-full buckets have filled.
fn settled() -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
    let (limiter, clock) = limiter(&Rates::default());
    clock.advance(Duration::from_secs(10));
    (limiter, clock)
}

fn admitted<C: Clock + Clone>(limiter: &Limiter<C>, thing: Thing) -> Result<(), Limited> {
    limiter.admit(thing).map(drop).map_err(|(_, limited)| limited)
}

#[test]
fn g1_sessions_of_one_role_share_a_bucket() {
    let rates = Rates { caller: Rate { per_second: 1.0, burst: 2 }, ..Rates::default() };
    let (limiter, clock) = limiter(&rates);
    let session = |name: &str| {
        thing(&format!("arn:aws:sts::111122223333:assumed-role/Desk/{name}"), &UPDATE_IDENTITY, "us-east-1")
    };
    admitted(&limiter, session("kim")).unwrap();
    admitted(&limiter, session("mary")).unwrap();
    let refused = admitted(&limiter, session("jane")).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::Caller, wait: Duration::from_secs(1) });
    admitted(&limiter, by_role("Other", &UPDATE_IDENTITY)).unwrap();
    clock.advance(Duration::from_secs(1));
    admitted(&limiter, session("jane")).unwrap();
}

#[test]
fn refusals_on_record_use_up_a_rate_of_their_caller() {
    let (limiter, clock) = limiter(&Rates::default());
    let caller = |role: &str| by_role(role, &UPDATE_IDENTITY).caller;
    for _ in 0..100 {
        limiter.may_be_refused(&caller("Loud")).unwrap();
        limiter.refused_on_record(&caller("Loud"));
    }
    let refused = limiter.may_be_refused(&caller("Loud")).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::CallerRefusals, wait: Duration::from_secs(1) });
    // His other requests go on, and nobody else is held.
    limiter.may_ask(&caller("Loud")).unwrap();
    limiter.may_be_refused(&caller("Other")).unwrap();
    // Looking costs nothing.
    clock.advance(Duration::from_secs(1));
    limiter.may_be_refused(&caller("Loud")).unwrap();
    limiter.may_be_refused(&caller("Loud")).unwrap();
    limiter.refused_on_record(&caller("Loud"));
    limiter.may_be_refused(&caller("Loud")).unwrap_err();
    assert_eq!(limiter.stats().limited, [0, 0, 2, 0, 0]);
    assert_eq!(limiter.stats().keys, 1);
}

#[test]
fn a_caller_over_its_own_rate_takes_nothing_from_the_others() {
    let rates = Rates { caller: Rate { per_second: 0.001, burst: 1 }, ..Rates::default() };
    let (limiter, clock) = limiter(&rates);
    clock.advance(Duration::from_secs(10));
    admitted(&limiter, by_role("Loud", &LIST_QUEUES)).unwrap();
    for _ in 0..100 {
        assert_eq!(admitted(&limiter, by_role("Loud", &LIST_QUEUES)).unwrap_err().bucket, Bucket::Caller);
    }
    for role in ["A", "B", "C", "D"] {
        admitted(&limiter, by_role(role, &LIST_QUEUES)).unwrap();
    }
    assert_eq!(admitted(&limiter, by_role("E", &LIST_QUEUES)).unwrap_err().bucket, Bucket::Connect);
}

#[test]
fn rates_that_make_no_sense_make_no_limiter() {
    let fault = |rates: Rates| Limiter::new(rates).err();
    let none = Rate { per_second: 0.0, burst: 1 };
    for share in [-0.1, 1.1, f64::NAN] {
        assert_eq!(fault(Rates { caller_read_share: share, ..Rates::default() }), Some(RatesFault::Share));
    }
    assert_eq!(fault(Rates { keys: 0, ..Rates::default() }), Some(RatesFault::Keys));
    assert_eq!(
        fault(Rates { failures: none, ..Rates::default() }),
        Some(RatesFault::PerSecond(RateOf::Failures))
    );
    assert_eq!(
        fault(Rates { caller: Rate { per_second: 1.0, burst: 0 }, ..Rates::default() }),
        Some(RatesFault::Burst(RateOf::Caller))
    );
    let mut rates = Rates::default();
    rates.connect.default = none;
    assert_eq!(fault(rates), Some(RatesFault::PerSecond(RateOf::ConnectDefault)));
    let mut rates = Rates::default();
    rates.connect.operations.insert("CreateUser".into(), none);
    assert_eq!(fault(rates), Some(RatesFault::PerSecond(RateOf::Connect("CreateUser".into()))));
    assert_eq!(fault(Rates::default()), None);
}

#[test]
fn refusals_are_charged_to_their_caller() {
    let (limiter, clock) = limiter(&Rates { caller: Rate { per_second: 1.0, burst: 2 }, ..Rates::default() });
    let thing = by_role("Desk", &LIST_QUEUES);
    let other = by_role("Other", &LIST_QUEUES);
    for _ in 0..2 {
        limiter.may_ask(thing.caller()).unwrap();
        limiter.refused(thing.caller());
    }
    let refused = limiter.may_ask(thing.caller()).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::Caller, wait: Duration::from_secs(1) });
    limiter.may_ask(other.caller()).unwrap();
    clock.advance(Duration::from_secs(1));
    limiter.may_ask(thing.caller()).unwrap();
}

#[test]
fn what_counts_is_the_class_of_the_request_not_of_its_route() {
    let (limiter, _) = settled();
    let tagging = |class| Thing { class, ..by_role("Desk", &TAG_RESOURCE) };
    for _ in 0..5 {
        admitted(&limiter, tagging(Class::Write)).unwrap();
    }
    assert_eq!(admitted(&limiter, tagging(Class::Write)).unwrap_err().bucket, Bucket::Connect);
    admitted(&limiter, tagging(Class::Sensitive)).unwrap();
}
