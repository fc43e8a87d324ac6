//! Services that need each other.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;
use proptest::prelude::*;

use super::{HOUR, codes, decide, of, question, record};
use crate::{Code, Decision, Inputs, Kind, Outcome, Planned, Policy, Question, Record, State, Train, judge, plan};

fn train(text: &str) -> Result<Train, String> {
    let policies: BTreeMap<String, Policy> = toml::from_str(text).unwrap();
    Train::new(policies).map_err(|error| error.to_string())
}

/// `web` needs `core` in its own region, and `login` everywhere.
fn three() -> Train {
    train(
        "[core]\nwaves = [[\"a\"], [\"b\"]]\n[login]\nwaves = [[\"a\"], [\"b\"]]\n[web]\nwaves = [[\"a\"], [\"b\"]]\n\
         waivable = [\"missing\"]\nneeds = [{ service = \"core\", max_age = \"24h\" }, { service = \"login\", release = \"exact\", regions = \"all\" }]\n",
    )
    .unwrap()
}

fn verdict_of(service: &str, region: &str, release: &str, conclusion: &str, began: i64) -> Record {
    let record = record(region, release, conclusion, began, began + 1);
    Record {
        service: service.to_owned(),
        bundle: format!("{service}-{}", record.bundle),
        verdict: record.verdict.map(|digest| format!("{service}-{digest}")),
        rollout: record.rollout.map(|rollout| format!("{service}-{rollout}")),
        project: Some(service.to_owned()),
        ..record
    }
}

fn asked(region: &str, release: &str) -> Question {
    Question { kind: Kind::Service, ..question(region, release, 1) }
}

fn ask(question: &Question, records: &[Record], hour: i64) -> Decision {
    decide(question, three().policy("web").unwrap(), of(records), hour)
}

#[test]
fn what_a_service_needs_must_have_passed() {
    let core = verdict_of("core", "a", "v1.4.0", "pass", 1);
    let login = |region| verdict_of("login", region, "v1.4.0", "pass", 1);
    let decision = ask(&asked("a", "v1.4.0"), &[core.clone(), login("a"), login("b")], 3);
    assert_eq!((decision.outcome, codes(&decision)), (Outcome::Proceed, vec![Code::Passed; 3]));
    let names: Vec<_> =
        decision.reasons.iter().map(|it| (it.service.as_deref().unwrap(), it.region.as_str())).collect();
    assert_eq!(names, [("core", "a"), ("login", "a"), ("login", "b")]);
    // In one region it is not there; there is nothing at all.
    let decision = ask(&asked("a", "v1.4.0"), &[core.clone(), login("a")], 3);
    assert_eq!((decision.outcome, decision.reasons[0].code), (Outcome::Hold, Code::Missing));
    assert_eq!(codes(&ask(&asked("a", "v1.4.0"), &[], 3)), vec![Code::Missing; 3]);
    // A failure revokes; a pass grows old.
    let failed = verdict_of("core", "a", "v1.4.0", "fail", 2);
    let decision = ask(&asked("a", "v1.4.0"), &[core.clone(), failed, login("a"), login("b")], 4);
    assert_eq!((decision.outcome, decision.reasons[0].code), (Outcome::Refuse, Code::Failed));
    let decision = ask(&asked("a", "v1.4.0"), &[core, login("a"), login("b")], 40);
    assert_eq!((decision.outcome, decision.reasons[0].code), (Outcome::Hold, Code::Stale));
}

#[test]
fn at_least_takes_a_newer_release_and_exact_does_not() {
    let with = |core: Record, login: &str| {
        let logins = ["a", "b"].map(|region| verdict_of("login", region, login, "pass", 1));
        let decision = ask(&asked("a", "v1.9.0"), &[&[core][..], &logins].concat(), 3);
        (decision.outcome, decision.reasons[0].code)
    };
    let core = |release| verdict_of("core", "a", release, "pass", 1);
    assert_eq!(with(core("v1.10"), "v1.9.0"), (Outcome::Proceed, Code::Passed));
    assert_eq!(with(core("v1.8.5"), "v1.9.0"), (Outcome::Hold, Code::Missing));
    assert_eq!(with(core("v1.10"), "v1.10"), (Outcome::Hold, Code::Missing), "exact");
    assert_eq!(with(core("nightly"), "v1.9.0"), (Outcome::Hold, Code::OrderUnknown));
    // The failure of a newer release is one.
    let failed = verdict_of("core", "a", "v1.10", "fail", 1);
    assert_eq!(with(failed, "v1.9.0"), (Outcome::Refuse, Code::Failed));
}

#[test]
fn pipelines_say_which_of_two_commits_is_newer() {
    let commit = |release: &str, pipeline, began| {
        let record = verdict_of("core", "a", release, "pass", began);
        Record { sequence: Some(pipeline), ..record }
    };
    let mut question = asked("a", "v1");
    question.needs = [("core".to_owned(), "4bd1".to_owned())].into();
    let logins = ["a", "b"].map(|region| verdict_of("login", region, "v1", "pass", 1));
    let with = |records: &[Record]| ask(&question, &[records, &logins].concat(), 4).reasons[0].code;
    assert_eq!(with(&[commit("4bd1", 7, 1), commit("99ab", 8, 2)]), Code::Passed);
    assert_eq!(with(&[commit("99ab", 8, 1), commit("4bd1", 9, 0)]), Code::Superseded);
    assert_eq!(with(&[commit("99ab", 8, 1)]), Code::OrderUnknown);
}

#[test]
fn a_train_that_cannot_run_is_refused() {
    let with = |needs: &str| {
        train(&format!(
            "[a]\nwaves = [[\"x\"]]\n{needs}\n[b]\nwaves = [[\"x\"], [\"y\"]]\nneeds = [{{ service = \"a\", regions = \"all\" }}]\n"
        ))
    };
    for (needs, says) in [
        ("needs = [{ service = \"b\" }]", "services need each other: a needs b, b needs a"),
        ("needs = [{ service = \"a\" }]", "a needs a"),
        ("needs = [{ service = \"c\" }]", "service.a: needs c, which is no service of this policy; it has a, b"),
        (
            "needs = [{ service = \"b\", regions = [\"z\"] }]",
            "needs b in z, where it does not go: its regions are x, y",
        ),
        ("needs = [{ service = \"b\", regions = [] }]", "in no region"),
    ] {
        let error = with(needs).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(with("").unwrap().order().unwrap(), ["a", "b"]);
    let alone: Policy = toml::from_str("waves = [[\"x\"]]\nneeds = [{ service = \"a\", regions = \"all\" }]").unwrap();
    assert!(alone.validate().unwrap_err().to_string().contains("name them"));
    let word =
        toml::from_str::<Policy>("waves = [[\"x\"]]\nneeds = [{ service = \"a\", regions = \"some\" }]").unwrap_err();
    assert!(word.to_string().contains("\"same\", \"all\" or a list of regions"), "{word}");
}

#[test]
fn a_waiver_of_a_need_covers_that_need() {
    let train = three();
    let policy = train.policy("web").unwrap();
    let missing = decide(&asked("a", "v1"), policy, Inputs::default(), 2);
    let waiver = super::waiver(&missing, &[Code::Missing]);
    let with = |waiver: &crate::Waiver, records: &[Record]| {
        let inputs = Inputs { waivers: vec![waiver.clone()], ..of(records) };
        decide(&asked("a", "v1"), policy, inputs, 2).outcome
    };
    assert_eq!(with(&waiver, &[]), Outcome::Proceed);
    // A waiver of `gate region`, or of one of the three.
    assert_eq!(with(&crate::Waiver { kind: Kind::Region, ..waiver.clone() }, &[]), Outcome::Hold);
    let mut of_one = waiver.clone();
    of_one.reasons.retain(|reason| reason.service.as_deref() == Some("core"));
    assert_eq!((of_one.reasons.len(), with(&of_one, &[])), (1, Outcome::Hold));
    // What came since: another release of core.
    assert_eq!(with(&waiver, &[verdict_of("core", "a", "v0", "pass", 1)]), Outcome::Hold);
}

#[test]
fn a_failure_that_was_rolled_back_is_no_newer_release() {
    let of_pipeline = |release: &str, conclusion, pipeline, began| {
        let record = verdict_of("core", "a", release, conclusion, began);
        Record { sequence: Some(pipeline), ..record }
    };
    let ask = |wanted: &str, records: &[Record]| {
        let mut question = asked("a", "v1");
        question.needs = [("core".to_owned(), wanted.to_owned())].into();
        let logins = ["a", "b"].map(|region| verdict_of("login", region, "v1", "pass", 1));
        let decision = ask(&question, &[records, &logins].concat(), 6);
        (decision.outcome, decision.reasons[0].code)
    };
    // v1.4 failed, and v1.3 was brought back by a later pipeline.
    let versions = [of_pipeline("v1.4", "fail", 7, 1), of_pipeline("v1.3", "pass", 8, 3)];
    assert_eq!(ask("v1.4", &versions), (Outcome::Refuse, Code::Superseded));
    // Of commits it cannot be told whether the later one has what the failed one had.
    let commits = [of_pipeline("4bd1", "fail", 7, 1), of_pipeline("99ab", "pass", 8, 3)];
    assert_eq!(ask("4bd1", &commits), (Outcome::Hold, Code::OrderUnknown));
    let passed = [of_pipeline("4bd1", "pass", 7, 1), of_pipeline("99ab", "pass", 8, 3)];
    assert_eq!(ask("4bd1", &passed), (Outcome::Proceed, Code::Passed));
}

#[test]
fn a_need_is_judged_by_the_trust_of_its_own_policy() {
    let train = train(
        "[core]\nwaves = [[\"a\"]]\naccounts = [\"2\"]\n[web]\nwaves = [[\"a\"]]\naccounts = [\"1\"]\nneeds = [{ service = \"core\" }]\n",
    )
    .unwrap();
    let with = |account: &str| {
        let core = Record { account: Some(account.to_owned()), ..verdict_of("core", "a", "v1", "pass", 1) };
        decide(&asked("a", "v1"), train.policy("web").unwrap(), of(&[core]), 3).outcome
    };
    assert_eq!((with("2"), with("1")), (Outcome::Proceed, Outcome::Hold));
}

#[test]
fn a_plan_shows_how_far_each_service_has_come() {
    let mut records = vec![verdict_of("core", "a", "v1", "pass", 1), verdict_of("core", "b", "v1", "pass", 1)];
    records.extend([verdict_of("login", "a", "v1", "pass", 2), verdict_of("login", "b", "v1", "fail", 2)]);
    let releases: BTreeMap<String, Planned> =
        ["core", "login", "web"].map(|service| (service.to_owned(), Planned::named("v1", service, &records))).into();
    let states = |inputs: &Inputs| {
        let plan = plan(&three(), &releases, inputs, Timestamp(4 * HOUR), "0.1.0").unwrap();
        let states: Vec<_> =
            plan.steps.iter().map(|step| (format!("{}/{}", step.service, step.region), step.state)).collect();
        (states, plan)
    };
    let (found, plan) = states(&of(&records));
    let expected = [
        ("core/a", State::Passed),
        ("core/b", State::Passed),
        ("login/a", State::Passed),
        ("login/b", State::Failed),
        ("web/a", State::Refuse),
        ("web/b", State::Refuse),
    ];
    assert_eq!(found, expected.map(|(place, state)| (place.to_owned(), state)));
    assert_eq!(plan.arrows.iter().filter(|arrow| arrow.because == "need").count(), 6);
    // Of a service that nobody deployed nothing is known.
    assert_eq!(Planned::newest("web", &records), None);
    assert_eq!(Planned::newest("core", &records).map(|it| it.release), Some("v1".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Nor does a failure of what is needed.
    #[test]
    fn taking_a_verdict_of_a_need_away_never_opens_the_gate(
        worlds in prop::collection::vec((0..3_usize, 0..2_usize, 0..5_usize, 0..3_usize, 0..4_i64), 1..8), at in 0..8_usize,
        fails in any::<bool>(), began in 0..5_i64, pipeline in prop::option::of(1..4_i64),
    ) {
        let records: Vec<Record> = worlds
            .iter()
            .map(|(service, region, conclusion, release, began)| {
                let conclusion = ["pass", "pass", "pass", "fail", "inconclusive"][*conclusion];
                verdict_of(["core", "login", "web"][*service], ["a", "b"][*region], ["v1", "v2", "x"][*release], conclusion, *began)
            })
            .collect();
        let question = asked("a", "v1");
        let before = ask(&question, &records, 6);
        let mut fewer = records.clone();
        let taken = &mut fewer[at % records.len()];
        if fails && taken.service != "web" {
            taken.conclusion = Some("fail".to_owned());
        } else {
            (taken.verdict, taken.conclusion) = (None, None);
        }
        let after = ask(&question, &fewer, 6);
        prop_assert!(before.outcome == Outcome::Proceed || after.outcome != Outcome::Proceed);
        // Nor does a failure of the release that is needed.
        let mut more = records.clone();
        more.push(Record { sequence: pipeline, ..verdict_of("core", "a", "v1", "fail", began) });
        let after = ask(&question, &more, 6);
        prop_assert!(before.outcome == Outcome::Proceed || after.outcome != Outcome::Proceed);
        // A decision follows from what it keeps.
        let policy = &before.policy;
        let again = judge(&question, policy, before.inputs.clone(), before.now, "0.1.0").unwrap();
        prop_assert_eq!(again.digest, before.digest);
    }
}
