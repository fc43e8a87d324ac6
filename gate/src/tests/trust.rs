//! Whose word counts: waivers, signatures, clocks and accounts.

use super::*;

#[test]
fn a_waiver_lets_one_release_through_and_what_it_saw() {
    let policy = policy("waivable = [\"failed\", \"missing\"]");
    let failed = record("a", "r1", "fail", 1, 2);
    let inputs = |waiver: Waiver, records: &[Record]| Inputs { waivers: vec![waiver], ..of(records) };
    let ask = |release: &str, inputs: Inputs, hour: i64| {
        decide(&question("b", release, release.trim_start_matches('r').parse().unwrap()), &policy, inputs, hour)
    };
    let refused = ask("r1", of(std::slice::from_ref(&failed)), 3);
    let good = waiver(&refused, &[Code::Failed]);
    let through = ask("r1", inputs(good.clone(), std::slice::from_ref(&failed)), 3);
    assert_eq!(through.outcome, Outcome::Proceed);
    assert!(through.reasons.iter().any(|reason| reason.waived_by.is_some()), "a waiver is never silent");
    assert_eq!(
        ask("r1", inputs(good.clone(), std::slice::from_ref(&failed)), 8).outcome,
        Outcome::Refuse,
        "it has ended"
    );
    let second = [failed.clone(), record("a", "r2", "fail", 4, 5)];
    assert_eq!(ask("r2", inputs(good.clone(), &second), 6).outcome, Outcome::Refuse, "of another release");
    let later = [failed.clone(), record("a", "r1", "fail", 1, 3)];
    assert_eq!(ask("r1", inputs(good.clone(), &later), 4).outcome, Outcome::Refuse, "a verdict that it did not see");
    for wrong in [
        Waiver { approved_by: BTreeSet::new(), ..good.clone() },
        Waiver { approved_by: BTreeSet::from(["ada".to_owned()]), ..good.clone() },
        Waiver { expires_at: Timestamp(100 * HOUR), ..good.clone() },
        Waiver {
            reasons: good.reasons.iter().cloned().map(|reason| Waived { code: Code::Stale, ..reason }).collect(),
            ..good.clone()
        },
        Waiver { why: String::new(), ..good },
    ] {
        let decision = ask("r1", inputs(wrong, std::slice::from_ref(&failed)), 3);
        assert_eq!((decision.outcome, decision.ignored_waivers.len()), (Outcome::Refuse, 1));
    }
}

#[test]
fn a_pass_that_is_not_signed_is_none() {
    let policy = Policy { keys: vec![ALICE.to_owned()], ..policy("soak = \"2h\"") };
    let asked = question("b", "r1", 1);
    let (first, second) = (record("a", "r1", "pass", 1, 2), record("a", "r1", "pass", 1, 5));
    let with = |records: &[Record], signatures: &[(&str, &Record)], hour| {
        let of_record = |(key, record): &(&str, &Record)| signed_by(key, record.verdict.as_ref().unwrap());
        let inputs = Inputs { signatures: signatures.iter().map(of_record).collect(), ..of(records) };
        let decision = decide(&asked, &policy, inputs, hour);
        (decision.outcome, decision.reasons[0].code)
    };
    let records = [first.clone(), second.clone()];
    assert_eq!(with(&records, &[], 9), (Outcome::Hold, Code::NotSigned));
    assert_eq!(with(&records, &[(BOB, &second)], 9), (Outcome::Hold, Code::NotSigned));
    assert_eq!(with(&records, &[(ALICE, &second), (ALICE, &first)], 6), (Outcome::Proceed, Code::Passed));
    // Nor does a pass that is not signed begin the soak.
    assert_eq!(with(&records, &[(ALICE, &second)], 6), (Outcome::Hold, Code::Soaking));
    assert_eq!(with(&records, &[(ALICE, &second)], 7), (Outcome::Proceed, Code::Passed));
    // Bad news needs no signature.
    let failed = record("a", "r1", "fail", 1, 6);
    assert_eq!(with(&[first.clone(), failed], &[(ALICE, &first)], 9), (Outcome::Refuse, Code::Failed));
    let policy = Policy { keys: vec!["none".to_owned()], ..policy.clone() };
    assert!(policy.validate().unwrap_err().to_string().contains("keys: key 1 has no section BEGIN PUBLIC KEY"));
}

#[test]
fn a_waiver_may_have_to_be_signed() {
    let policy = Policy { waiver_keys: vec![BOB.to_owned()], ..policy("waivable = [\"missing\"]") };
    let mut waiver = waiver(&decide(&question("b", "r1", 1), &policy, Inputs::default(), 2), &[Code::Missing]);
    waiver.review_by = Some(Timestamp(99 * HOUR));
    let with = |signatures: &[(String, BTreeSet<String>)]| {
        let signatures = signatures.iter().cloned().collect();
        let inputs = Inputs { waivers: vec![waiver.clone()], signatures, ..Inputs::default() };
        decide(&question("b", "r1", 1), &policy, inputs, 2)
    };
    let bare = with(&[]);
    assert_eq!(bare.outcome, Outcome::Hold);
    assert!(bare.ignored_waivers[0].problem.contains("waiver_keys"), "{:?}", bare.ignored_waivers);
    let digest = waiver.digest().unwrap();
    assert_eq!(with(&[signed_by(ALICE, &digest)]).outcome, Outcome::Hold);
    let signed = with(&[signed_by(BOB, &digest)]);
    assert_eq!(signed.outcome, Outcome::Proceed);
    assert!(signed.reasons[0].waived_by.as_ref().unwrap().contains(", to be reviewed by 1970-01-05T03:00:00Z: "));
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    const MINUTE: i64 = 60_000;
    let asked = question("b", "r1", 1);
    let ahead = |minutes: i64| {
        let mut record = record("a", "r1", "pass", 9, 10);
        record.as_of = Some(Timestamp(10 * HOUR + minutes * MINUTE));
        let decision = decide(&asked, &policy(""), of(&[record]), 10);
        (decision.outcome, decision.reasons[0].code, decision.next_at)
    };
    assert_eq!(ahead(5), (Outcome::Proceed, Code::Passed, None));
    let later = Some(Timestamp(10 * HOUR + MINUTE));
    assert_eq!(ahead(6), (Outcome::Hold, Code::NotEvaluable, later));
    // A runner whose clock is fast begins "after" the verdict of what it deploys.
    let verdict = record("a", "r1", "pass", 10, 10);
    let in_flight = |minutes: i64, knew: bool| {
        let at = Timestamp(10 * HOUR + minutes * MINUTE);
        let verdicts = if knew { verdict.verdict.iter().cloned().collect() } else { BTreeSet::new() };
        let marker = Marker { at, verdicts, ..marker("a", "r1", 10) };
        let inputs = Inputs { markers: vec![marker], ..of(std::slice::from_ref(&verdict)) };
        decide(&asked, &policy(""), inputs, 11).reasons[0].code == Code::InFlight
    };
    assert!(!in_flight(-1, false) && !in_flight(5, false), "closed by its verdict");
    assert!(in_flight(6, false), "a verdict of before");
    assert!(in_flight(1, true) && in_flight(-1, true), "a verdict that was there already");
}

#[test]
fn verdicts_of_another_account_do_not_count() {
    let of_account = |account: Option<&str>, conclusion: &str, began| {
        let record = record("a", "r1", conclusion, began, began + 1);
        Record { account: account.map(str::to_owned), ..record }
    };
    let (staging, production) = (of_account(Some("1"), "pass", 3), of_account(Some("2"), "fail", 1));
    let with = |records: &[Record], accounts: &[&str]| {
        let accounts = accounts.iter().map(|account| (*account).to_owned()).collect();
        let decision = decide(&question("b", "r1", 1), &Policy { accounts, ..policy("") }, of(records), 9);
        let again = judge(&decision.question, &decision.policy, decision.inputs.clone(), decision.now, "0.1.0");
        assert_eq!(again.unwrap().digest, decision.digest);
        (decision.outcome, decision.reasons[0].code)
    };
    let both = [staging.clone(), production.clone()];
    assert_eq!(with(&both, &[]), (Outcome::Refuse, Code::Failed), "one of them failed");
    let staged = of_account(Some("2"), "pass", 1);
    assert_eq!(with(&[staging.clone(), staged], &[]), (Outcome::Hold, Code::AccountUnclear));
    assert_eq!(with(&both, &["2"]), (Outcome::Refuse, Code::Failed));
    assert_eq!(with(&both, &["1"]), (Outcome::Proceed, Code::Passed));
    assert_eq!(with(std::slice::from_ref(&staging), &["2"]), (Outcome::Hold, Code::Missing));
    // Of an account that is not known: bad news counts, good news does not.
    assert_eq!(with(&[of_account(None, "pass", 1)], &["2"]), (Outcome::Hold, Code::NotEvaluable));
    assert_eq!(with(&[of_account(None, "fail", 1)], &["2"]), (Outcome::Refuse, Code::Failed));
    assert_eq!(with(&[of_account(None, "pass", 1)], &[]), (Outcome::Proceed, Code::Passed));
}
