//! Folding: nothing is lost, and nothing urgent is folded.

use proptest::prelude::*;

use super::{
    render::{AUDIENCES, of_kind},
    *,
};
use crate::notice::{About, Refusals, Urgency, sample::Shape};

/// A refusal of this caller, user and code.
fn refusal(caller: u8, user: u8, code: u8, seq: u64) -> Delivery {
    let mut facts = facts(Matter::Addresses);
    facts.principal = format!("arn:aws:iam::111122223333:role/R{caller}");
    facts.username = Some(format!("user{user}"));
    facts.refusal = Some(format!("code-{code}: words"));
    facts.at = AT + i64::try_from(seq).unwrap() * 1_000;
    one(Audience::Security, facts).refusal(&RecordRef { seq, ..record() })
}

fn refusals(delivery: &Delivery) -> &Refusals {
    match &delivery.about {
        About::Refusals(refusals) => refusals,
        About::Change(_) | About::Guard(_) => panic!("not folded"),
    }
}

#[test]
fn h8_several_refusals_come_as_one_message_that_counts_them() {
    let all = vec![refusal(1, 1, 1, 50), refusal(1, 2, 1, 51), refusal(2, 1, 2, 49)];
    let folded = Delivery::folded(all.clone()).unwrap();
    assert_eq!((folded.kind, folded.urgency), (Kind::RepeatedRefusals, Urgency::Later));
    assert_eq!((folded.recipient.as_str(), folded.audience), ("someone@example.com", Audience::Security));
    let counted = refusals(&folded);
    assert_eq!(counted.count(), 3);
    assert_eq!(counted.callers["arn:aws:iam::111122223333:role/R1"], 2);
    assert_eq!(counted.users["user1 in a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"], 2);
    assert_eq!((counted.codes["code-1"], counted.codes["code-2"]), (2, 1));
    assert_eq!((counted.first, counted.last), (AT + 49_000, AT + 51_000));
    // The same ones in another order are the same message.
    let again = Delivery::folded(all.iter().rev().cloned().collect()).unwrap();
    assert_eq!((again.message_id, again.record.seq), (folded.message_id, folded.record.seq));
}

#[test]
fn a_single_refusal_stays_as_it_is() {
    let single = Delivery::folded(vec![refusal(1, 1, 1, 50)]).unwrap();
    assert_eq!(
        (single.kind, single.message_id),
        (Kind::AddressChangeRefused, refusal(1, 1, 1, 50).message_id)
    );
    assert!(Delivery::folded(Vec::new()).is_none());
}

#[test]
fn what_is_urgent_or_another_recipients_is_never_folded() {
    for kind in Kind::ALL {
        for (audience, _) in AUDIENCES {
            let delivery = of_kind(kind, audience, Shape::Usual, "en");
            let refusal = matches!(kind, Kind::AddressChangeRefused | Kind::RepeatedRefusals);
            assert_eq!(delivery.fold_key().is_some(), refusal, "{kind}");
            if delivery.urgency == Urgency::Now {
                assert!(Delivery::folded(vec![delivery.clone(), delivery]).is_none(), "{kind}");
            }
        }
    }
    let mut urgent = refusal(1, 1, 1, 50);
    urgent.urgency = Urgency::Now;
    assert_eq!(urgent.fold_key(), None);
    let mine = || refusal(1, 1, 1, 50);
    for other in [
        Delivery { recipient: "other@example.com".to_owned(), ..mine() },
        Delivery { channel: Channel::Hook("siem".to_owned()), ..mine() },
        Delivery { audience: Audience::OldPrimary, ..mine() },
        Delivery { language: "de".to_owned(), ..mine() },
        urgent,
    ] {
        assert!(Delivery::folded(vec![mine(), other]).is_none());
    }
}

#[test]
fn what_is_cut_is_counted() {
    let all: Vec<_> = (0..100).map(|seq| refusal(u8::try_from(seq).unwrap(), 1, 1, seq)).collect();
    let payload = Delivery::folded(all).unwrap().payload();
    let callers = &payload["refusals"]["callers"];
    assert_eq!(callers["most"].as_array().unwrap().len(), 40);
    assert_eq!((&callers["left_out"], &callers["left_out_count"]), (&60.into(), &60.into()));
    assert_eq!(payload["refusals"]["records"].as_array().unwrap().len(), 40);
    assert_eq!(payload["refusals"]["records_left_out"], 60);
}

proptest! {
    /// However refusals are folded, at once or in parts: each is counted once under its caller, its user and its code.
    #[test]
    fn h8_nothing_is_lost(asked in prop::collection::vec((0..9_u8, 0..9_u8, 0..4_u8), 2..60), cut in 0..60_usize) {
        let all: Vec<_> = (0_u64..).zip(&asked).map(|(seq, (caller, user, code))| refusal(*caller, *user, *code, seq)).collect();
        let at = cut.min(all.len());
        let parts = [all[..at].to_vec(), all[at..].to_vec()];
        let parts: Vec<_> = parts.into_iter().filter_map(Delivery::folded).collect();
        for folded in [Delivery::folded(all.clone()).unwrap(), Delivery::folded(parts).unwrap()] {
            let counted = refusals(&folded);
            prop_assert_eq!(counted.count(), asked.len());
            let number = u64::try_from(asked.len()).unwrap();
            for counts in [&counted.callers, &counted.users, &counted.codes] {
                prop_assert_eq!(counts.values().sum::<u64>(), number);
                for most in [0, 1, 3, 99] {
                    let (shown, (_, left_out)) = Refusals::most(counts, most);
                    prop_assert_eq!(shown.iter().map(|(_, count)| count).sum::<u64>() + left_out, number);
                }
            }
            let mut seqs: Vec<_> = counted.records.iter().map(|record| record.seq).collect();
            seqs.sort_unstable();
            prop_assert!(seqs.into_iter().eq(0..number));
        }
    }
}
