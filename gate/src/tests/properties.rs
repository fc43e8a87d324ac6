//! Rules that hold of every decision.

use casefile_evidence::Timestamp;
use proptest::prelude::*;

use super::{HOUR, decide, of, policy, question, record, waiver};
use crate::{Code, Inputs, Outcome, Policy, Reason, Record, judge};

fn a_record() -> impl Strategy<Value = Record> {
    let conclusion = prop::sample::select(vec!["pass", "pass", "pass", "fail", "inconclusive", "error"]);
    let region = prop::sample::select(vec!["a", "b", "c"]);
    (region, 1..4_i64, conclusion, 0..6_i64, 0..4_i64, any::<bool>(), 0..3_u8).prop_map(
        |(region, release, conclusion, began, later, nothing, config)| {
            let mut record = record(region, &format!("r{release}"), conclusion, began, began + later);
            record.nothing_deployed = nothing && later > 1;
            record.config = Some(format!("config {config}"));
            if began == 5 {
                // Evidence that names no rollout.
                (record.created_at, record.rollout) = (None, None);
            }
            record.verdict = Some(format!("{}-{config}-{nothing}", record.verdict.unwrap_or_default()));
            record
        },
    )
}

/// Verdicts of which some let release r2 through: most have its pass in each region, and few anything else.
fn some_records() -> impl Strategy<Value = Vec<Record>> {
    let passes = prop::collection::vec(prop::bool::weighted(0.9), 3);
    (passes, prop::collection::vec(a_record(), 0..4)).prop_map(|(passes, mut records)| {
        let regions = ["a", "b", "c"].into_iter().zip(passes).filter(|(_, passes)| *passes);
        records.extend(
            regions.map(|(region, _)| Record {
                config: Some("config 0".to_owned()),
                ..record(region, "r2", "pass", 2, 4)
            }),
        );
        records
    })
}

#[test]
fn the_properties_see_gates_that_open() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut open = 0;
    for _ in 0..200 {
        let (records, policy) = (some_records(), a_policy()).new_tree(&mut runner).unwrap().current();
        open += usize::from(decide(&question("d", "r2", 2), &policy, of(&records), 8).outcome == Outcome::Proceed);
    }
    assert!((20..180).contains(&open), "{open} of 200");
}

fn a_policy() -> impl Strategy<Value = Policy> {
    let soak = prop::option::of(0..4_i64);
    (soak, any::<bool>(), prop::option::of(5..9_i64), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(soak, recheck, age, same_config, any, freeze)| {
            let mut text = String::new();
            if let Some(hours) = soak {
                text += &format!("soak = \"{hours}h\"\nrecheck = {recheck}\n");
            }
            if let Some(hours) = age {
                text += &format!("max_age = \"{hours}h\"\n");
            }
            text += &format!("same_config = {same_config}\nrequires = \"{}\"\n", if any { "any" } else { "all" });
            text += "waivable = [\"failed\", \"missing\", \"soaking\", \"inconclusive\"]\n";
            if freeze {
                text += "[[freeze]]\nfrom = \"1970-01-01T06:00Z\"\nto = \"1970-01-01T08:00Z\"\nwhy = \"a freeze\"\n";
            }
            policy(&text)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Without a verdict its bundle stands for nothing good.
    #[test]
    fn taking_a_verdict_away_never_opens_the_gate(
        records in some_records().prop_filter("none", |records| !records.is_empty()), at in 0..10_usize, hour in 0..14_i64, policy in a_policy(),
    ) {
        let asked = question("d", "r2", 2);
        let before = decide(&asked, &policy, of(&records), hour);
        let mut fewer = records.clone();
        let taken = &mut fewer[at % records.len()];
        (taken.verdict, taken.conclusion) = (None, None);
        let after = decide(&asked, &policy, of(&fewer), hour);
        prop_assert!(before.outcome == Outcome::Proceed || after.outcome != Outcome::Proceed);
    }

    /// Of another release it may: that one no longer runs what superseded this one.
    #[test]
    fn a_failure_of_the_release_never_helps(
        records in some_records(), fail in a_record(), hour in 0..14_i64, policy in a_policy(),
    ) {
        let asked = question("d", "r2", 2);
        let before = decide(&asked, &policy, of(&records), hour);
        let mut more = records;
        more.push(Record { conclusion: Some("fail".to_owned()), release: Some("r2".to_owned()), sequence: Some(2), ..fail });
        let after = decide(&asked, &policy, of(&more), hour);
        prop_assert!(before.outcome == Outcome::Proceed || after.outcome != Outcome::Proceed);
    }

    #[test]
    fn order_and_repetition_of_the_inputs_do_not_matter(
        records in some_records().prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
        hour in 0..14_i64, policy in a_policy(),
    ) {
        let asked = question("d", "r2", 2);
        let (one, mut other) = records;
        other.extend(one.first().cloned());
        let (one, other) = (decide(&asked, &policy, of(&one), hour), decide(&asked, &policy, of(&other), hour));
        prop_assert_eq!(one.to_canonical_json().unwrap(), other.to_canonical_json().unwrap());
        // A decision follows from what it keeps.
        let again = decide(&asked, &policy, one.inputs.clone(), hour);
        prop_assert_eq!(again.digest, one.digest);
    }

    #[test]
    fn time_turns_a_hold_when_next_at_says(
        records in some_records(), hour in 0..8_i64, policy in a_policy(),
    ) {
        let asked = question("d", "r2", 2);
        let first = decide(&asked, &policy, of(&records), hour);
        for later in hour..16 {
            let then = decide(&asked, &policy, of(&records), later);
            match (first.outcome, first.next_at) {
                (Outcome::Refuse, _) => prop_assert_eq!(then.outcome, Outcome::Refuse),
                (Outcome::Hold, None) => prop_assert_eq!(then.outcome, Outcome::Hold),
                (Outcome::Hold, Some(at)) if Timestamp(later * HOUR) < at => prop_assert_eq!(then.outcome, Outcome::Hold),
                _ => {}
            }
        }
        if let Some(at) = first.next_at {
            let then = judge(&asked, &policy, of(&records), at, "0.1.0").unwrap();
            prop_assert!(first.outcome == Outcome::Hold && then.outcome != Outcome::Hold);
        }
    }

    /// With keys, what nobody signed is no good news, and hides no bad news.
    #[test]
    fn what_is_not_signed_never_opens_the_gate(
        records in some_records(), more in a_record(), signed in prop::collection::vec(any::<bool>(), 8), hour in 0..14_i64,
        policy in a_policy(), release in 1..4_i64, region in prop::sample::select(vec!["a", "b", "c", "d"]),
    ) {
        let policy = Policy { keys: vec![super::ALICE.to_owned()], ..policy };
        let asked = question("d", "r2", 2);
        let verdicts = records.iter().zip(&signed).filter(|(_, signed)| **signed).filter_map(|(it, _)| it.verdict.clone());
        let signatures: std::collections::BTreeMap<_, _> =
            verdicts.map(|digest| super::signed_by(super::ALICE, &digest)).collect();
        let with = |records: &[Record]| {
            decide(&asked, &policy, Inputs { signatures: signatures.clone(), ..of(records) }, hour).outcome
        };
        let before = with(&records);
        let mut forged = records.clone();
        forged.push(Record {
            verdict: Some("forged".to_owned()),
            release: Some(format!("r{release}")),
            region: region.to_owned(),
            rollout: records.first().and_then(|record| record.rollout.clone()).filter(|_| more.nothing_deployed).or(more.rollout),
            ..more
        });
        prop_assert!(before == Outcome::Proceed || with(&forged) != Outcome::Proceed);
        // Nor does taking a signature away.
        let fewer = Inputs { signatures: signatures.iter().skip(1).map(|(a, b)| (a.clone(), b.clone())).collect(), ..of(&records) };
        prop_assert!(before == Outcome::Proceed || decide(&asked, &policy, fewer, hour).outcome != Outcome::Proceed);
    }

    #[test]
    fn a_waiver_covers_only_what_was_there(
        records in some_records(), more in a_record(), hour in 2..8_i64, policy in a_policy(),
        codes in prop::collection::btree_set(prop::sample::select(vec![Code::Failed, Code::Missing, Code::Soaking]), 1..3),
    ) {
        let asked = question("d", "r2", 2);
        let before = decide(&asked, &policy, of(&records), hour);
        let waiver = waiver(&before, &codes.iter().copied().collect::<Vec<_>>());
        let mut records = records;
        records.push(more);
        let inputs = Inputs { waivers: vec![waiver], ..of(&records) };
        for reason in decide(&asked, &policy, inputs, hour).reasons.iter().filter(|it| it.waived_by.is_some()) {
            prop_assert!(codes.contains(&reason.code));
            let same = |it: &&Reason| {
                (it.code, &it.region, &it.verdict, it.as_of) == (reason.code, &reason.region, &reason.verdict, reason.as_of)
            };
            prop_assert!(before.reasons.iter().any(|it| same(&it)));
        }
    }
}
