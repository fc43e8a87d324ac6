//! The verbs before the first deployment: `doctor` and `init`.

use std::fs;

use casefile_collector::document::Operation;
use casefile_fixtures::endpoint::{Fault, FaultKind};

use crate::collecting::{Played, play};
use crate::{Run, casefile_in, import, text};

/// `doctor` of a played service, with the example's config.
fn doctor(played: &Played, more: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let arguments = played.arguments("doctor", more);
    // A doctor polls once.
    let arguments: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|it| !["--poll", "10s"].contains(it)).collect();
    casefile_in(folder.path(), &arguments)
}

fn lines_of<'a>(run: &'a Run, sign: &str) -> Vec<&'a str> {
    run.out.lines().filter(|line| line.starts_with(sign)).collect()
}

#[test]
fn a_service_that_can_be_collected_has_no_problem() {
    let played = play("nothing-deployed-and-a-failure-line-in-the-watch", Vec::new());
    let archive = tempfile::tempdir().unwrap();
    let run = doctor(&played, &["--archive", text(archive.path())]);
    played.stop();
    assert_eq!((run.code, lines_of(&run, "✗")), (0, vec![]), "{}{}", run.out, run.err);
    for shown in ["✓ config ", "! credentials ", "✓ service ", "✓ release ", "✓ permissions ", "✓ archive "] {
        assert!(!lines_of(&run, shown).is_empty(), "{shown}: {}", run.out);
    }
    assert!(run.out.contains("STANDARD, "), "{}", run.out);
}

#[test]
fn a_permission_that_is_lacking_is_named_with_its_remedy() {
    let denied = Fault::new(FaultKind::AccessDenied).of(Operation::DescribeLogStreams);
    let played = play("nothing-deployed-and-a-failure-line-in-the-watch", vec![denied]);
    let run = doctor(&played, &["--format", "json"]);
    played.stop();
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    let found: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let denied = found["findings"].as_array().unwrap().iter().find(|it| {
        it["area"] == "permissions"
            && it["text"].as_str().is_some_and(|text| text.starts_with("logs:DescribeLogStreams: AccessDenied"))
    });
    let remedy = denied.unwrap_or_else(|| panic!("{}", run.out))["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("grant logs:DescribeLogStreams on log group "), "{remedy}");
}

#[test]
fn misspelt_names_are_met_with_the_nearest() {
    let played = play("healthy-migration", Vec::new());
    let folder = tempfile::tempdir().unwrap();
    let (url, region) = (played.endpoint.url(), "ap-southeast-2");
    let base = ["doctor", "--endpoint-url", &url, "--region", region, "--cluster", "production", "--service"];
    let run = casefile_in(folder.path(), &[&base[..], &["bf-manage-cor"]].concat());
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.out.contains("did you mean"), "{}", run.out);

    let config = folder.path().join("casefile.toml");
    let signature =
        "[[signature]]\nid = \"a.b\"\ntitle = \"t\"\nexpect = \"failure\"\ncontains = \"x\"\ncontainer = \"ap\"\n";
    fs::write(&config, format!("service = \"bf-manage-core\"\n{signature}")).unwrap();
    let run = doctor(&played, &[]);
    assert!(!lines_of(&run, "✓ config ").is_empty() && !run.out.contains("no container"), "{}", run.out);
    let clock = played.arguments("doctor", &[]);
    let clock = clock.iter().skip_while(|it| *it != "--clock").nth(1).unwrap();
    let run = casefile_in(folder.path(), &[&base[..], &["bf-manage-core", "--clock", clock]].concat());
    played.stop();
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(run.out.contains("the task definition has no container \"ap\", of a.b"), "{}", run.out);
    assert!(run.out.contains("→ did you mean \"app\"?"), "{}", run.out);
}

#[test]
fn a_config_that_is_wrong_is_a_problem_and_not_the_end() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("casefile.toml"), "servic = \"a\"\n").unwrap();
    let run = casefile_in(folder.path(), &["doctor"]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    assert!(run.out.contains("casefile.toml:1: ") && run.out.contains("servic"), "{}", run.out);
    // The rest is looked at all the same.
    assert!(run.out.contains("✗ target  ") && run.err.is_empty(), "{}{}", run.out, run.err);
    let archive = casefile_in(folder.path(), &["doctor", "--archive", "nowhere"]);
    assert!(archive.out.contains("✗ archive "), "{}", archive.out);
}

#[test]
fn a_first_config_comes_from_the_logs_of_the_service() {
    let played = play("nothing-deployed-and-a-failure-line-in-the-watch", Vec::new());
    let folder = tempfile::tempdir().unwrap();
    let url = played.endpoint.url();
    let clock = played.arguments("init", &[]);
    let clock = clock.iter().skip_while(|it| *it != "--clock").nth(1).unwrap().clone();
    // The only cluster and its only service need no name.
    let init = ["init", "--endpoint-url", &url, "--region", "ap-southeast-2", "--clock", &clock];
    let run = casefile_in(folder.path(), &init);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let written = fs::read_to_string(folder.path().join("casefile.toml")).unwrap();
    assert!(written.contains("cluster = \"production\"\nservice = \"bf-manage-core\"\n"), "{written}");

    let again = casefile_in(folder.path(), &init);
    played.stop();
    assert_eq!((again.code, again.out.as_str()), (2, ""));
    assert!(again.err.contains("casefile.toml already exists and is not overwritten"), "{}", again.err);
    let lint = casefile_in(folder.path(), &["check", "lint"]);
    assert_eq!(lint.code, 0, "{}", lint.err);
}

/// The proposed config judges the deployment that it was made of, and the failures of others, as the example's own does.
#[test]
fn a_proposed_config_tells_good_deployments_from_bad_ones() {
    let folder = tempfile::tempdir().unwrap();
    let healthy = import("healthy-migration", folder.path());
    let run = casefile_in(folder.path(), &["init", "--from", text(&healthy)]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(run.out.contains("container app: Alembic, 6 signatures\n"), "{}", run.out);
    insta::assert_snapshot!(
        "init_of_a_healthy_migration",
        fs::read_to_string(folder.path().join("casefile.toml")).unwrap()
    );
    for (case, code) in [("healthy-migration", 0), ("migration-multiple-heads", 3), ("circuit-breaker-rollback", 3)] {
        let bundle = folder.path().join(format!("{case}.bundle"));
        let bundle = if bundle.exists() { bundle } else { import(case, folder.path()) };
        let run = casefile_in(folder.path(), &["analyze", text(&bundle), "--config", "casefile.toml"]);
        assert_eq!(run.code, code, "{case}: {}", run.out);
    }
}

#[test]
fn what_the_running_release_contradicts_is_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let failed = import("migration-multiple-heads", folder.path());
    let run = casefile_in(folder.path(), &["init", "--from", text(&failed), "-o", "-", "--framework", "celery"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let at = run.out.find("id = \"alembic.one-head\"").unwrap();
    let block = run.out[..at].rsplit("\n\n").next().unwrap();
    assert!(
        block.contains("# MATCHES ") && block.contains("#     ERROR [alembic.util.messaging] Multiple head revisions"),
        "{block}"
    );
    assert!(run.out.contains("# id = \"alembic.one-head\""), "{}", run.out);
    assert!(run.out.contains("named by --framework; not recognised in "), "{}", run.out);

    let run = casefile_in(folder.path(), &["init", "--from", text(&failed), "--framework", "alembik"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("did you mean alembic?"), "{}", run.err);
}
