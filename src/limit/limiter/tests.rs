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
fn g2_failed_proofs_are_charged_to_their_source_alone() {
    let (limiter, clock) = limiter(&Rates::default());
    let (bad, good) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    for _ in 0..20 {
        limiter.may_try(bad, None).unwrap();
        let _ = limiter.failed(bad, None);
    }
    let refused = limiter.may_try(bad, None).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::Source, wait: Duration::from_secs(1) });
    // Looking and failing when there is nothing left make it no worse.
    let _ = limiter.failed(bad, None);
    limiter.may_try(good, None).unwrap();
    clock.advance(Duration::from_secs(1));
    limiter.may_try(bad, None).unwrap();
    assert_eq!(limiter.stats().limited, [1, 0, 0, 0]);
}

#[test]
fn g2_trying_charges_nothing() {
    let (limiter, _) = limiter(&Rates::default());
    for _ in 0..1000 {
        limiter.may_try("192.0.2.1".parse().unwrap(), None).unwrap();
    }
    assert_eq!(limiter.stats(), LimiterStats::default());
}

#[test]
fn g9_addresses_of_one_network_share_a_bucket() {
    let (limiter, _) = limiter(&Rates::default());
    for n in 0..20_u128 {
        let _ = limiter.failed(std::net::Ipv6Addr::from_bits((0x2001_0db8 << 96) | n).into(), None);
    }
    limiter.may_try("2001:db8::ffff:1".parse().unwrap(), None).unwrap_err();
    limiter.may_try("2001:db8:0:1::1".parse().unwrap(), None).unwrap();
}

#[test]
fn g3_o7_unknown_sources_are_refused_when_no_more_can_be_kept() {
    let (limiter, clock) = limiter(&Rates { keys: 2, ..Rates::default() });
    for source in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let _ = limiter.failed(source.parse().unwrap(), None);
    }
    assert_eq!(limiter.stats().keys, 2);
    limiter.may_try("192.0.2.1".parse().unwrap(), None).unwrap();
    limiter.may_try("192.0.2.3".parse().unwrap(), None).unwrap_err();
    clock.advance(Duration::from_secs(1));
    limiter.may_try("192.0.2.3".parse().unwrap(), None).unwrap();
}

#[test]
fn g9_a_known_key_is_heard_whatever_others_fail_with_at_its_source() {
    let (limiter, clock) = limiter(&Rates::default());
    let (nat, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    for _ in 0..20 {
        limiter.may_try(nat, None).unwrap();
        limiter.failed(nat, None).unwrap();
    }
    limiter.may_try(nat, None).unwrap_err();
    limiter.may_try(nat, Some("one")).unwrap();
    // Guessing at a known key ends as soon, and is answered as for one that is not known.
    for _ in 0..20 {
        limiter.may_try(nat, Some("one")).unwrap();
        assert_eq!(limiter.failed(nat, Some("one")).unwrap_err().bucket, Bucket::Source);
    }
    limiter.may_try(nat, Some("one")).unwrap_err();
    // At this source only, and of this key only.
    limiter.may_try(nat, Some("two")).unwrap();
    limiter.may_try(other, Some("one")).unwrap();
    limiter.may_try(other, None).unwrap();
    clock.advance(Duration::from_secs(1));
    limiter.may_try(nat, Some("one")).unwrap();
    limiter.may_try(nat, None).unwrap();
}

#[test]
fn a10_the_rate_does_not_tell_whether_a_key_is_known() {
    // What a stranger sees who fails as one key and then as another: the same, whichever of them is known.
    let seen = |keys: [Option<&str>; 2]| {
        let (limiter, _) = limiter(&Rates::default());
        let source = "192.0.2.1".parse().unwrap();
        let mut seen = Vec::new();
        for key in keys {
            for _ in 0..30 {
                let tried = limiter.may_try(source, key).and_then(|()| limiter.failed(source, key));
                seen.push(tried.map_err(|limited| limited.wait));
            }
        }
        seen
    };
    let strange = seen([None, None]);
    assert_eq!(strange.iter().filter(|one| one.is_ok()).count(), 20);
    for keys in
        [[Some("one"), None], [None, Some("one")], [Some("one"), Some("two")], [Some("one"), Some("one")]]
    {
        assert_eq!(seen(keys), strange, "{keys:?}");
    }
}

#[test]
fn g3_pairs_of_source_and_key_are_bounded() {
    let (limiter, _) = limiter(&Rates { keys: 2, ..Rates::default() });
    let source = |last: u8| IpAddr::from([192, 0, 2, last]);
    for last in 1..=50 {
        let _ = limiter.failed(source(last), Some("one"));
    }
    assert!(limiter.stats().keys <= 4);
    limiter.may_try(source(51), Some("one")).unwrap_err();
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
fn connect_counts_by_operation_account_and_region() {
    let (limiter, _) = settled();
    for _ in 0..5 {
        admitted(&limiter, by_role("Desk", &START_CHAT)).unwrap();
    }
    let refused = admitted(&limiter, by_role("Other", &START_CHAT)).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::Connect, wait: Duration::from_millis(500) });
    admitted(&limiter, by_role("Desk", &LIST_QUEUES)).unwrap();
    let desk = "arn:aws:iam::111122223333:role/Desk";
    admitted(&limiter, thing(desk, &START_CHAT, "us-west-2")).unwrap();
    let mut elsewhere = by_role("Desk", &START_CHAT);
    elsewhere.target.account = "444455556666".into();
    admitted(&limiter, elsewhere).unwrap();
}

#[test]
fn an_operation_with_a_rate_of_its_own_has_it() {
    let mut rates = Rates::default();
    rates.connect.operations.insert("StartChatContact".into(), Rate { per_second: 20.0, burst: 40 });
    let (limiter, clock) = limiter(&rates);
    clock.advance(Duration::from_secs(10));
    for _ in 0..40 {
        admitted(&limiter, by_role("Desk", &START_CHAT)).unwrap();
    }
    admitted(&limiter, by_role("Desk", &START_CHAT)).unwrap_err();
}

#[test]
fn g6_connects_buckets_start_half_full() {
    let (limiter, _) = limiter(&Rates::default());
    // Half of 5, rounded up: with one less, the first look at a user would have to wait for what is left for changes.
    for _ in 0..3 {
        admitted(&limiter, by_role("Desk", &LIST_QUEUES)).unwrap();
    }
    assert_eq!(admitted(&limiter, by_role("Desk", &LIST_QUEUES)).unwrap_err().bucket, Bucket::Connect);
}

#[test]
fn one_caller_has_a_share_of_the_guards_reads() {
    let (limiter, clock) = settled();
    for _ in 0..2 {
        admitted(&limiter, by_role("Poller", &DESCRIBE_USER)).unwrap();
    }
    let refused = admitted(&limiter, by_role("Poller", &DESCRIBE_USER)).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::CallerReads, wait: Duration::from_secs(1) });
    admitted(&limiter, by_role("Other", &DESCRIBE_USER)).unwrap();
    clock.advance(Duration::from_secs(1));
    admitted(&limiter, by_role("Poller", &DESCRIBE_USER)).unwrap();
    assert_eq!(limiter.stats().limited, [0, 0, 1, 0]);
}

#[test]
fn without_a_share_a_guards_read_is_refused_and_others_are_not() {
    let (limiter, _) = limiter(&Rates { caller_read_share: 0.0, ..Rates::default() });
    let refused = admitted(&limiter, by_role("Desk", &DESCRIBE_USER)).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::CallerReads, wait: NO_SHARE_WAIT });
    admitted(&limiter, by_role("Desk", &LIST_QUEUES)).unwrap();
}

/// However many callers poll however fast, a change gets its two reads within a second, again and again.
#[test]
fn polling_never_starves_changes() {
    let (limiter, clock) = settled();
    let step = Duration::from_millis(10);
    let (mut waited, mut done) = (Duration::ZERO, 0);
    while done < 100 {
        for poller in 0..50 {
            let _ = admitted(&limiter, by_role(&format!("Poller{poller}"), &DESCRIBE_USER));
        }
        if limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[(DESCRIBE, 2)]).is_ok() {
            done += 1;
            waited = Duration::ZERO;
        } else {
            waited += step;
            assert!(waited <= Duration::from_secs(1), "waited {waited:?}");
        }
        clock.advance(step);
    }
}

/// Whoever only asks for what is refused, as fast as he can, leaves room for the changes of another.
#[test]
fn g4_changes_in_vain_never_starve_others() {
    let (limiter, clock) = settled();
    let in_vain = || by_role("Vain", &UPDATE_IDENTITY);
    for _ in 0..5 {
        assert!(limiter.reserve(by_role("Other", &START_CHAT), &[]).is_ok());
        limiter.in_vain(&in_vain().caller);
    }
    let (_, refused) = limiter.reserve(in_vain(), &[(DESCRIBE, 2)]).err().unwrap();
    assert_eq!(refused, Limited { bucket: Bucket::CallerReads, wait: Duration::from_secs(2) });
    let step = Duration::from_millis(10);
    let (mut waited, mut done) = (Duration::ZERO, 0);
    while done < 20 {
        if limiter.reserve(in_vain(), &[(DESCRIBE, 2)]).is_ok() {
            limiter.in_vain(&in_vain().caller);
        }
        if limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[(DESCRIBE, 2)]).is_ok() {
            done += 1;
            waited = Duration::ZERO;
        } else {
            waited += step;
            assert!(waited <= Duration::from_secs(4), "waited {waited:?}");
        }
        clock.advance(step);
    }
}

#[test]
fn a_drained_bucket_serves_a_change_before_any_polling() {
    let (limiter, clock) = settled();
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[(DESCRIBE, 5)]).is_ok());
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        admitted(&limiter, by_role("Poller", &DESCRIBE_USER)).unwrap_err(),
        Limited { bucket: Bucket::Connect, wait: Duration::from_millis(500) }
    );
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[(DESCRIBE, 2)]).is_ok());
}

#[test]
fn a_change_takes_all_or_none() {
    let (limiter, clock) = settled();
    limiter.own_reads("111122223333", "us-east-1", &[(DESCRIBE, 4)]).unwrap();
    let reads = [(DESCRIBE, 2), ("SearchUsers", 5)];
    let (_, refused) = limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &reads).map(drop).unwrap_err();
    assert_eq!(refused, Limited { bucket: Bucket::Connect, wait: Duration::from_millis(500) });
    // Neither the other read nor the operation itself was charged.
    limiter.own_reads("111122223333", "us-east-1", &[("SearchUsers", 5)]).unwrap();
    limiter.own_reads("111122223333", "us-east-1", &[("UpdateUserIdentityInfo", 5)]).unwrap();
    clock.advance(Duration::from_secs(3));
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &reads).is_ok());
    limiter.own_reads("111122223333", "us-east-1", &[("SearchUsers", 1)]).unwrap_err();
}

#[test]
fn reads_named_twice_are_added_up() {
    let (limiter, _) = settled();
    limiter.own_reads("111122223333", "us-east-1", &[(DESCRIBE, 3), (DESCRIBE, 2)]).unwrap();
    limiter.own_reads("111122223333", "us-east-1", &[(DESCRIBE, 1)]).unwrap_err();
    limiter.own_reads("111122223333", "us-east-1", &[(DESCRIBE, 0)]).unwrap();
}

#[test]
fn a_change_that_needs_more_than_the_burst_is_possible() {
    let (limiter, clock) = settled();
    let reads = [("ListSecurityProfilePermissions", 10)];
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &reads).is_ok());
    let refused = limiter.own_reads("111122223333", "us-east-1", &reads).unwrap_err();
    assert_eq!(refused.wait, Duration::from_secs(5));
    clock.advance(refused.wait);
    limiter.own_reads("111122223333", "us-east-1", &reads).unwrap();
}

#[test]
fn a_change_is_charged_to_connect_once_only() {
    let (limiter, _) = settled();
    for _ in 0..50 {
        admitted(&limiter, by_role("Desk", &UPDATE_IDENTITY)).unwrap();
    }
    for _ in 0..5 {
        assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[]).is_ok());
    }
    assert!(limiter.reserve(by_role("Desk", &UPDATE_IDENTITY), &[]).is_err());
}

#[test]
fn what_is_refused_comes_back() {
    let (limiter, _) = limiter(&Rates { caller: Rate { per_second: 1.0, burst: 1 }, ..Rates::default() });
    assert_eq!(limiter.admit(by_role("Desk", &LIST_QUEUES)).ok().unwrap().into_inner().route, &LIST_QUEUES);
    let (back, _) = limiter.admit(by_role("Desk", &START_CHAT)).map(drop).unwrap_err();
    assert_eq!(back.route, &START_CHAT);
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

#[test]
fn sessions_of_one_principal_at_one_source_are_so_many() {
    let (limiter, clock) = limiter(&Rates::default());
    let desk = Principal {
        arn: Arn::read("arn:aws:sts::111122223333:assumed-role/Desk/kim").unwrap(),
        unique_id: None,
    };
    let other = Principal { arn: Arn::read("arn:aws:iam::111122223333:role/Lead").unwrap(), unique_id: None };
    let [here, there] = ["192.0.2.1", "198.51.100.1"].map(|address| address.parse().unwrap());
    for _ in 0..SESSIONS.burst {
        limiter.may_have_session(&desk, here).unwrap();
    }
    let refused = limiter.may_have_session(&desk, here).unwrap_err();
    assert_eq!(refused.bucket, Bucket::Caller);
    // Nobody else waits for it, and a fleet that starts does not either.
    limiter.may_have_session(&desk, there).unwrap();
    limiter.may_have_session(&other, here).unwrap();
    clock.advance(refused.wait);
    limiter.may_have_session(&desk, here).unwrap();
}
