//! What the verdicts of the earlier waves, markers, stops and freezes say.

use super::*;

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
