//! The stories of the policy.

mod properties;
mod trains;

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;

use crate::{
    Code, Decision, Inputs, Kind, Marker, MarkerKind, Outcome, Policy, Question, Record, Stop, StopKind, Waived,
    Waiver, judge,
};

const HOUR: i64 = 3_600_000;

fn policy(text: &str) -> Policy {
    toml::from_str(&format!("waves = [[\"a\"], [\"b\", \"c\"], [\"d\"]]\n{text}")).unwrap()
}

fn question(region: &str, release: &str, sequence: i64) -> Question {
    Question {
        kind: Kind::Region,
        service: "web".to_owned(),
        region: region.to_owned(),
        release: release.to_owned(),
        sequence: Some(sequence),
        project: Some("1".to_owned()),
        images: BTreeMap::new(),
        config: None,
        pack: None,
        needs: BTreeMap::new(),
    }
}

/// A verdict of a rollout that began at `began`, as of `as_of` (hours).
fn record(region: &str, release: &str, conclusion: &str, began: i64, as_of: i64) -> Record {
    Record {
        service: "web".to_owned(),
        region: region.to_owned(),
        account: None,
        bundle: format!("bundle-{region}-{release}-{began}-{as_of}"),
        verdict: Some(format!("{region}-{release}-{conclusion}-{as_of}")),
        conclusion: Some(conclusion.to_owned()),
        why: Some("a cause".to_owned()),
        as_of: Some(Timestamp(as_of * HOUR)),
        release: Some(release.to_owned()),
        images: BTreeMap::new(),
        rollout: Some(format!("{region}-{release}-{began}")),
        created_at: Some(Timestamp(began * HOUR)),
        nothing_deployed: false,
        engine: Some("0.1.0".to_owned()),
        pack: Some("pack".to_owned()),
        config: Some("config".to_owned()),
        sequence: release.trim_start_matches('r').parse().ok(),
        project: Some("1".to_owned()),
    }
}

/// That a deployment began.
fn marker(region: &str, release: &str, hour: i64) -> Marker {
    Marker {
        format: Marker::FORMAT.to_owned(),
        kind: MarkerKind::Begin,
        service: "web".to_owned(),
        region: region.to_owned(),
        release: release.to_owned(),
        at: Timestamp(hour * HOUR),
        by: "pipeline 2".to_owned(),
        verdicts: BTreeSet::new(),
        why: None,
        ci: BTreeMap::new(),
    }
}

fn decide(question: &Question, policy: &Policy, inputs: Inputs, hour: i64) -> Decision {
    judge(question, policy, inputs, Timestamp(hour * HOUR), "0.1.0").unwrap()
}

fn of(records: &[Record]) -> Inputs {
    Inputs { records: records.to_vec(), ..Inputs::default() }
}

fn codes(decision: &Decision) -> Vec<Code> {
    decision.reasons.iter().map(|reason| reason.code).collect()
}

#[test]
fn the_first_wave_requires_nothing() {
    let decision = decide(&question("a", "r1", 1), &policy(""), Inputs::default(), 10);
    assert_eq!((decision.outcome, codes(&decision)), (Outcome::Proceed, vec![Code::FirstWave]));
}

#[test]
fn a_missing_verdict_is_never_a_pass() {
    let decision = decide(&question("b", "r1", 1), &policy(""), Inputs::default(), 10);
    assert_eq!((decision.outcome, codes(&decision), decision.next_at), (Outcome::Hold, vec![Code::Missing], None));
}

#[test]
fn a_pass_soaks_and_then_the_gate_opens_at_the_moment_it_named() {
    let policy = policy("soak = \"2h\"");
    let asked = question("b", "r1", 1);
    let records = [record("a", "r1", "pass", 1, 2)];
    let before = decide(&asked, &policy, of(&records), 3);
    assert_eq!((before.outcome, before.next_at), (Outcome::Hold, Some(Timestamp(4 * HOUR))));
    assert_eq!(decide(&asked, &policy, of(&records), 4).outcome, Outcome::Proceed);
    // A failure revokes the pass. The soak of a later pass begins with that pass.
    let failed = [records[0].clone(), record("a", "r1", "fail", 1, 5)];
    assert_eq!(decide(&asked, &policy, of(&failed), 6).outcome, Outcome::Refuse);
    let healed = [failed[0].clone(), failed[1].clone(), record("a", "r1", "pass", 1, 7)];
    assert_eq!(decide(&asked, &policy, of(&healed), 8).next_at, Some(Timestamp(9 * HOUR)));
}

#[test]
fn a_recheck_is_a_pass_after_the_soak() {
    let policy = policy("soak = \"2h\"\nrecheck = true");
    let asked = question("b", "r1", 1);
    let first = record("a", "r1", "pass", 1, 2);
    let waiting = decide(&asked, &policy, of(std::slice::from_ref(&first)), 5);
    assert_eq!((waiting.outcome, codes(&waiting), waiting.next_at), (Outcome::Hold, vec![Code::Missing], None));
    let mut again = record("a", "r1", "pass", 1, 5);
    again.nothing_deployed = true;
    assert_eq!(decide(&asked, &policy, of(&[first, again]), 6).outcome, Outcome::Proceed);
}

#[test]
fn a_recheck_by_an_older_pipeline_does_not_vouch_for_its_release() {
    let newer = record("a", "r2", "pass", 3, 4);
    let mut recheck = record("a", "r1", "pass", 3, 5);
    (recheck.nothing_deployed, recheck.rollout) = (true, newer.rollout.clone());
    let records = [record("a", "r1", "pass", 1, 2), newer.clone(), recheck];
    let decision = decide(&question("b", "r1", 1), &policy(""), of(&records), 6);
    assert_eq!((decision.outcome, codes(&decision)), (Outcome::Refuse, vec![Code::Superseded]));
    // An apply of a newer release that changed nothing does.
    let mut unchanged = record("a", "r3", "pass", 3, 6);
    (unchanged.nothing_deployed, unchanged.rollout) = (true, newer.rollout.clone());
    assert_eq!(decide(&question("b", "r3", 3), &policy(""), of(&[newer, unchanged]), 7).outcome, Outcome::Proceed);
}

#[test]
fn every_wave_before_is_required() {
    let policy = policy("");
    let mut records = vec![record("a", "r1", "pass", 1, 2), record("b", "r1", "pass", 1, 2)];
    let asked = question("d", "r1", 1);
    assert_eq!(decide(&asked, &policy, of(&records), 3).outcome, Outcome::Hold);
    let any = Policy { requires: crate::Requires::Any, ..policy.clone() };
    assert_eq!(decide(&asked, &any, of(&records), 3).outcome, Outcome::Proceed);
    records.push(record("c", "r1", "fail", 1, 2));
    assert_eq!(decide(&asked, &any, of(&records), 3).outcome, Outcome::Refuse, "a failure counts in any case");
}

#[test]
fn order_is_known_or_the_gate_holds() {
    let policy = policy("");
    let newer = record("a", "r5", "pass", 1, 2);
    let old = decide(&question("a", "r4", 4), &policy, of(std::slice::from_ref(&newer)), 3);
    assert_eq!((old.outcome, old.reasons[0].code), (Outcome::Refuse, Code::OlderThanDeployed));
    let unknown = Question { sequence: None, ..question("a", "r6", 6) };
    let unknown = decide(&unknown, &policy, of(std::slice::from_ref(&newer)), 3);
    assert_eq!((unknown.outcome, unknown.reasons[0].code), (Outcome::Hold, Code::OrderUnknown));
    assert_eq!(decide(&question("a", "r6", 6), &policy, of(&[newer]), 3).outcome, Outcome::Proceed);
}

#[test]
fn a_bundle_without_a_verdict_hides_no_older_pass() {
    let mut bare = record("a", "r1", "pass", 1, 3);
    (bare.verdict, bare.conclusion) = (None, None);
    let decision = decide(&question("b", "r1", 1), &policy(""), of(&[record("a", "r1", "pass", 1, 2), bare]), 4);
    assert_eq!((decision.outcome, codes(&decision)), (Outcome::Hold, vec![Code::NotEvaluable]));
}

#[test]
fn evidence_that_names_no_rollout_is_about_the_newest() {
    let asked = question("b", "r1", 1);
    let pass = record("a", "r1", "pass", 1, 2);
    let unread = Record { created_at: None, rollout: None, ..record("a", "r1", "inconclusive", 1, 3) };
    let mut records = vec![pass, unread];
    assert_eq!(decide(&asked, &policy(""), of(&records), 5).outcome, Outcome::Hold);
    records.push(record("a", "r1", "pass", 1, 4));
    assert_eq!(decide(&asked, &policy(""), of(&records), 5).outcome, Outcome::Proceed);
}

#[test]
fn a_begun_deployment_holds_until_its_verdict() {
    let marker = marker("a", "r2", 3);
    let records = vec![record("a", "r1", "pass", 1, 2)];
    let inputs = |records: &[Record]| Inputs { markers: vec![marker.clone()], ..of(records) };
    let holding = decide(&question("b", "r1", 1), &policy(""), inputs(&records), 4);
    assert_eq!((holding.outcome, codes(&holding)), (Outcome::Hold, vec![Code::InFlight]));
    assert_eq!(decide(&question("a", "r2", 2), &policy(""), inputs(&records), 4).outcome, Outcome::Proceed);
    assert_eq!(decide(&question("a", "r3", 3), &policy(""), inputs(&records), 4).outcome, Outcome::Hold);
    let closed = [records[0].clone(), record("a", "r2", "pass", 3, 5)];
    assert_eq!(decide(&question("b", "r2", 2), &policy(""), inputs(&closed), 6).outcome, Outcome::Proceed);
    // It stays closed when a later release, which nobody announced, runs there.
    let later = [closed[1].clone(), record("a", "r3", "pass", 6, 7)];
    assert_eq!(decide(&question("b", "r3", 3), &policy(""), inputs(&later), 8).outcome, Outcome::Proceed);
}

#[test]
fn a_stop_refuses_everywhere_until_it_is_lifted() {
    let stop = |kind: StopKind, service: Option<&str>| Stop {
        format: Stop::FORMAT.to_owned(),
        kind,
        service: service.map(str::to_owned),
        at: Timestamp(0),
        by: "ada".to_owned(),
        why: "the database is being moved".to_owned(),
    };
    let with = |stop: Stop| Inputs { stops: vec![stop], ..Inputs::default() };
    let ask = |inputs: Inputs| decide(&question("a", "r1", 1), &policy(""), inputs, 1).outcome;
    assert_eq!(ask(with(stop(StopKind::Stop, None))), Outcome::Refuse);
    assert_eq!(ask(with(stop(StopKind::Stop, Some("web")))), Outcome::Refuse);
    assert_eq!(ask(with(stop(StopKind::Stop, Some("other")))), Outcome::Proceed);
    assert_eq!(ask(with(stop(StopKind::Lift, None))), Outcome::Proceed);
}

/// A waiver of these reasons of a decision.
fn waiver(decision: &Decision, codes: &[Code]) -> Waiver {
    let reasons = decision.reasons.iter().filter(|reason| codes.contains(&reason.code));
    let reasons: BTreeSet<Waived> = reasons.map(Waived::from).collect();
    Waiver {
        format: Waiver::FORMAT.to_owned(),
        kind: decision.question.kind,
        service: "web".to_owned(),
        region: decision.question.region.clone(),
        release: decision.question.release.clone(),
        reasons,
        why: "the failing check is wrong".to_owned(),
        ticket: None,
        requested_by: "ada".to_owned(),
        approved_by: BTreeSet::from(["grace".to_owned()]),
        created_at: Timestamp(2 * HOUR),
        expires_at: Timestamp(8 * HOUR),
        review_by: None,
        ci: BTreeMap::new(),
    }
}

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
fn images_rules_and_engines_must_agree() {
    let image = |mut record: Record, digest: &str| {
        record.images = BTreeMap::from([("app".to_owned(), BTreeSet::from([digest.to_owned()]))]);
        record
    };
    let (a, b) = (record("a", "r1", "pass", 1, 2), record("b", "r1", "pass", 1, 2));
    let c = record("c", "r1", "pass", 1, 2);
    let asked = question("d", "r1", 1);
    let mixed = [image(a.clone(), "1"), image(b.clone(), "2"), image(c.clone(), "1")];
    assert_eq!(codes(&decide(&asked, &policy(""), of(&mixed), 3))[0], Code::ReleaseDiffers);
    let wanted = Question { images: BTreeMap::from([("app".to_owned(), "3".to_owned())]), ..question("b", "r1", 1) };
    assert_eq!(decide(&wanted, &policy(""), of(&mixed[..1]), 3).outcome, Outcome::Refuse);
    let other = Record { config: Some("another".to_owned()), ..b.clone() };
    let records = [a.clone(), other, c.clone()];
    assert_eq!(codes(&decide(&asked, &policy("same_config = true"), of(&records), 3))[0], Code::RulesDiffer);
    assert_eq!(
        decide(&asked, &policy("min_engine = \"0.1.0\""), of(&[a.clone(), b.clone(), c.clone()]), 3).outcome,
        Outcome::Proceed
    );
    assert_eq!(codes(&decide(&asked, &policy("min_engine = \"0.2.0\""), of(&[a, b, c]), 3))[0], Code::RulesDiffer);
}

#[test]
fn a_freeze_holds_and_says_until_when() {
    let policy = policy(
        "[[freeze]]\nfrom = \"16:00\"\nto = \"08:00\"\ndays = [\"thu\", \"fri\"]\ntz = \"Europe/Zurich\"\nwhy = \"weekend\"\n\
         [[freeze]]\nfrom = \"1970-01-02T05:00Z\"\nto = \"1970-01-02T09:00Z\"\nwhy = \"audit\"\n",
    );
    // 1970-01-01 was a Thursday; Zurich was an hour ahead of UTC.
    let at = |hour: i64| decide(&question("a", "r1", 1), &policy, Inputs::default(), hour);
    assert_eq!(at(14).outcome, Outcome::Proceed);
    assert_eq!(
        (at(15).outcome, at(15).next_at),
        (Outcome::Hold, Some(Timestamp(33 * HOUR))),
        "both freezes, one after the other"
    );
    assert_eq!(at(33).outcome, Outcome::Proceed);
}

#[test]
fn a_policy_that_cannot_be_meant_is_refused() {
    let wrong = [
        "waves = []",
        "waves = [[\"a\"], []]",
        "waves = [[\"a\"], [\"a\"]]",
        "waves = [[\"a\"]]\nwaivable = [\"release_differs\"]",
        "waves = [[\"a\"]]\nwaivable = [\"stop\"]",
        "waves = [[\"a\"]]\nrecheck = true",
        "waves = [[\"a\"]]\nsoak = \"2h\"\nmax_age = \"1h\"",
        "waves = [[\"a\"]]\nmin_engine = \"new\"",
        "waves = [[\"a\"]]\n[[freeze]]\nfrom = \"16:00\"\nto = \"18:00\"\nwhy = \"no days\"",
        "waves = [[\"a\"]]\n[[freeze]]\nfrom = \"16:00\"\nto = \"18:00\"\ndays = [\"someday\"]\nwhy = \"\"",
        "waves = [[\"a\"]]\n[[freeze]]\nfrom = \"16:00\"\nto = \"18:00\"\ndays = [\"mon\"]\ntz = \"Mars/Olympus\"\nwhy = \"\"",
    ];
    for text in wrong {
        assert!(toml::from_str::<Policy>(text).unwrap().validate().is_err(), "{text}");
    }
    for text in [
        "waves = [[\"a\"]]\nsoack = \"1h\"",
        "waves = [[\"a\"]]\nsoak = \"soon\"",
        "waves = [[\"a\"]]\nwaivable = [\"luck\"]",
    ] {
        assert!(toml::from_str::<Policy>(text).is_err(), "{text}");
    }
    let outside = judge(&question("z", "r1", 1), &policy(""), Inputs::default(), Timestamp(0), "0.1.0");
    assert!(outside.unwrap_err().to_string().contains("z is in no wave"));
}

/// Two public keys, as `openssl pkey -pubout` writes them.
const ALICE: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAI9IXlxuZuBrVP/Z6RJ9v7c8Yzo9NdVDzY9hJXtHgMq4=\n-----END PUBLIC KEY-----\n";
const BOB: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn signed_by(key: &str, digest: &str) -> (String, BTreeSet<String>) {
    let id = casefile_attest::PublicKey::from_pem(key).unwrap().id();
    (digest.to_owned(), [id].into())
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
