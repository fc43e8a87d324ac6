//! What is judged again in parts is the same as what is judged as a whole.

use std::collections::BTreeMap;

use casefile_analyzer::{Analyzer, Change, Evidence, Expect, Level, Options, Pack, Settings, Signature, Together};
use futures::future::join_all;

use crate::corpus;

/// Edits of the settings, each with its name.
fn edits(of: &Settings) -> Vec<(&'static str, Settings)> {
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = of.clone();
        change(&mut settings);
        settings
    };
    let added = |expect: Expect, pattern: &str| {
        let mut signature: Signature = toml::from_str(
            "id = \"tried.signature\"\ntitle = \"A signature that is tried\"\nexpect = \"failure\"\ncontains = \"x\"\n",
        )
        .unwrap();
        signature.expect = expect;
        signature.contains = Some(pattern.to_owned());
        signature.within = (expect == Expect::Success).then(|| "150s".to_owned());
        signature
    };
    let other = |signature: &mut Signature| {
        (signature.pattern, signature.contains) = (None, Some("Application startup complete".to_owned()));
        signature.json.clear();
    };
    vec![
        ("nothing", of.clone()),
        ("patterns", with(&|settings| settings.signature.iter_mut().for_each(other))),
        ("a failure added", with(&|settings| settings.signature.push(added(Expect::Failure, "ERROR")))),
        ("a success added", with(&|settings| settings.signature.push(added(Expect::Success, "startup complete")))),
        ("signatures removed", with(&|settings| settings.signature.clear())),
        ("levels", with(&|settings| settings.signature.iter_mut().for_each(|it| it.level = Level::Advise))),
        (
            "a check's level",
            with(&|settings| {
                settings.checks.entry("rollout.completed".to_owned()).or_default().level = Some(Level::Advise);
            }),
        ),
        ("the owner", with(&|settings| settings.owner = Some("others".to_owned()))),
        ("tolerated deaths", with(&|settings| settings.rollout.tolerated_deaths = Some(7))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_judges_again_what_it_has_an_effect_on() {
    let pack = Pack::embedded().unwrap();
    let options = Options { threads: 1, ..Options::default() };
    let old = Analyzer::new(pack.clone(), &options).await.unwrap();
    // One check that says otherwise, and one that is gone.
    let files = pack.to_json()["checks"].clone();
    let mut files: BTreeMap<String, String> = serde_json::from_value(files).unwrap();
    let (_, text) = files.iter_mut().find(|(name, _)| name.ends_with("rollout/desired-count.sql")).unwrap();
    *text = text.replace("'pass'", "'fail'");
    files.retain(|name, _| !name.ends_with("tasks/out-of-memory.sql"));
    let other = Analyzer::new(Pack::from_files("other", files).unwrap(), &options).await.unwrap();
    let cases = corpus::built_in(&pack, None).unwrap();
    let mut judged = 0;
    for case in cases.iter().step_by(15) {
        let evidence = Evidence::rows(case.rows(&case.held)).unwrap();
        let base = old.analyze(&evidence, &case.settings, &options).await.unwrap();
        for (name, settings) in edits(&case.settings) {
            for analyzer in [&old, &other] {
                let change = Change::between((old.pack(), &case.settings), (analyzer.pack(), &settings));
                assert_eq!(change.is_none(), analyzer.pack().digest() == pack.digest() && settings == case.settings);
                let again = analyzer.analyze_again(&evidence, &base, &change, &settings, &options).await.unwrap();
                let whole = analyzer.analyze(&evidence, &settings, &options).await.unwrap();
                assert_eq!(again, whole, "{}: {name}", case.name);
                judged += 1;
            }
        }
    }
    assert!(judged > 100, "{judged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_that_are_judged_together_have_the_verdicts_that_they_have_alone() {
    let pack = Pack::embedded().unwrap();
    let options = Options { threads: 1, ..Options::default() };
    let analyzer = Analyzer::new(pack.clone(), &options).await.unwrap();
    let cases = corpus::built_in(&pack, None).unwrap();
    for cases in cases.chunks(24) {
        let together = Together::default();
        let seats: Vec<_> = cases.iter().map(|case| (case, together.seat())).collect();
        let with_others = Options { together: Some(together), ..options.clone() };
        let judged = seats.into_iter().map(|(case, _seat)| {
            let (analyzer, with_others) = (&analyzer, &with_others);
            async move {
                let evidence = Evidence::rows(case.rows(&case.held)).unwrap();
                (case, analyzer.analyze(&evidence, &case.settings, with_others).await.unwrap(), evidence)
            }
        });
        for (case, verdict, evidence) in join_all(judged).await {
            let alone = analyzer.analyze(&evidence, &case.settings, &options).await.unwrap();
            assert_eq!(verdict, alone, "{}", case.name);
        }
    }
}
