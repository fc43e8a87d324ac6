//! `casefile archive`: an archive on disk, as its users see it.

use std::fs;
use std::path::Path;

use crate::collecting::play;
use crate::{casefile_in, import, text};

/// Imports cases and judges them, and adds each with its verdict.
fn archive(folder: &Path, cases: &[&str]) {
    for case in cases {
        let bundle = import(case, folder);
        let verdict = folder.join(format!("{case}.json"));
        casefile_in(folder, &["analyze", text(&bundle), "--format", "json", "-o", text(&verdict)]);
        let run = casefile_in(folder, &["archive", "add", text(&bundle), text(&verdict), "--archive", "kept"]);
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(run.out.ends_with("added, 1 new of 1 verdicts\n"), "{}", run.out);
    }
}

#[test]
fn what_is_kept_is_listed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let none = casefile_in(folder.path(), &["archive", "list", "--archive", "kept"]);
    assert_eq!((none.code, none.err.contains("`casefile archive add` makes one")), (2, true), "{}", none.err);
    archive(folder.path(), &["healthy-migration", "circuit-breaker-rollback", "logs-denied"]);
    let shown = |arguments: &[&str]| {
        let mut all = vec!["archive"];
        all.extend(arguments);
        all.extend(["--archive", "kept"]);
        let run = casefile_in(folder.path(), &all);
        assert_eq!(run.code, 0, "{}", run.err);
        run.out
    };
    let (list, stats) = (shown(&["list"]), shown(&["stats"]));
    insta::with_settings!({filters => vec![(r"\b[0-9a-f]{12}\b", "[id]")]}, {
        insta::assert_snapshot!("archive-list", list);
        insta::assert_snapshot!("archive-stats", stats);
        insta::assert_snapshot!("archive-stats-csv", shown(&["stats", "--format", "csv"]));
    });
    let of = |more: &[&str]| {
        let mut arguments = vec!["list", "--format", "json"];
        arguments.extend(more);
        serde_json::from_str::<Vec<serde_json::Value>>(&shown(&arguments)).unwrap().len()
    };
    assert_eq!((of(&["--verdict", "fail"]), of(&["--service", "other"]), of(&["--since", "2026-11-24"])), (1, 0, 2));
    assert_eq!(of(&["--region", "ap-southeast-2", "--until", "2026-11-23"]), 1);
}

#[test]
fn a_bundle_is_named_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), &["healthy-migration"]);
    let read = casefile_in(folder.path(), &["verify", "healthy-migration.bundle", "--format", "json"]);
    let digest = serde_json::from_str::<serde_json::Value>(&read.out).unwrap()["digest"].as_str().unwrap().to_owned();
    let direct = casefile_in(folder.path(), &["analyze", "healthy-migration.bundle", "--format", "json"]);
    let kept = |name: &str| casefile_in(folder.path(), &["analyze", name, "--archive", "kept", "--format", "json"]);
    for name in [&digest[..6], &format!("sha256:{digest}"), &format!("archive://kept#{digest}")] {
        assert_eq!(kept(name).out, direct.out, "{name}");
    }
    let unknown = kept("abcdef");
    assert_eq!((unknown.code, unknown.err.contains("casefile archive list")), (2, true), "{}", unknown.err);
    let nothing = kept("no.bundle");
    assert_eq!((nothing.code, nothing.err.contains("no.bundle")), (2, true), "{}", nothing.err);
    let place = casefile_in(folder.path(), &["inspect", "archive://kept"]);
    assert_eq!((place.code, place.err.contains("archive://PLACE#DIGEST")), (2, true), "{}", place.err);
    let fetched =
        casefile_in(folder.path(), &["archive", "fetch", &digest[..6], "--archive", "kept", "-o", "back.tar"]);
    assert_eq!(fetched.code, 0, "{}", fetched.err);
    assert_eq!(casefile_in(folder.path(), &["verify", "back.tar"]).code, 0);
    let again = casefile_in(folder.path(), &["archive", "fetch", &digest[..6], "--archive", "kept", "-o", "back.tar"]);
    assert_eq!((again.code, again.err.contains("exists already")), (2, true), "{}", again.err);
}

#[test]
fn damage_ends_in_the_exit_code_of_integrity() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), &["healthy-migration", "superseded"]);
    let verify = |more: &[&str]| {
        let mut arguments = vec!["archive", "verify", "--archive", "kept"];
        arguments.extend(more);
        casefile_in(folder.path(), &arguments)
    };
    let sound = verify(&["--resume", "sound.txt"]);
    assert_eq!((sound.code, sound.out.as_str()), (0, "kept: intact  (2 of 2 bundles checked, 2 verdicts)\n"));
    let done = fs::read_to_string(folder.path().join("sound.txt")).unwrap();
    assert_eq!(done.lines().count(), 2);
    let object = folder.path().join("kept").join(done.lines().next().unwrap());
    let mut bytes = fs::read(&object).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&object, bytes).unwrap();
    let damaged = verify(&[]);
    assert_eq!((damaged.code, damaged.out.contains("was changed: ")), (6, true), "{}", damaged.out);
    let resumed = verify(&["--resume", "sound.txt"]);
    assert_eq!(resumed.code, 0, "what was found sound is not read again");
    assert!(resumed.out.contains("2 of 2 bundles checked, 2 of them by an earlier run"), "{}", resumed.out);
    let other = verify(&["--resume", "superseded.json"]);
    assert_eq!((other.code, other.err.contains("is not a list that --resume wrote")), (2, true), "{}", other.err);
    let digest = object.file_stem().unwrap().to_str().unwrap();
    let fetched = casefile_in(folder.path(), &["archive", "fetch", digest, "--archive", "kept", "-o", "got.tar"]);
    assert_eq!((fetched.code, fetched.err.starts_with("error: bundles/service=")), (6, true), "{}", fetched.err);
    assert!(!folder.path().join("got.tar").exists(), "nobody takes it for the bundle");
    let index = casefile_in(folder.path(), &["archive", "index", "--archive", "kept"]);
    assert_eq!((index.code, index.err.contains("left out: bundles/")), (6, true), "{}", index.err);
    let told = verify(&[]).out;
    assert!(told.contains("is not in the index"), "a bundle that is not sound is left out: {told}");
}

#[test]
fn validate_adds_to_the_archive_and_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("healthy-migration", Vec::new());
    let run = played.run(folder.path(), "validate", &["-o", "own.bundle", "--archive", "kept"]);
    played.stop();
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(run.err.contains("added, 1 new of 1 verdicts"), "{}", run.err);
    assert_eq!(casefile_in(folder.path(), &["verify", "own.bundle"]).code, 0);
    let list = casefile_in(folder.path(), &["archive", "list", "--archive", "kept", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!((list[0]["verdict"].as_str(), list[0]["stop_reason"].as_str()), (Some("pass"), Some("decided")));
    // An archive that cannot be written is told, and the verdict stands.
    fs::write(folder.path().join("file"), "").unwrap();
    let played = play("healthy-migration", Vec::new());
    let refused = played.run(folder.path(), "validate", &["-o", "other.bundle", "--archive", "file/kept"]);
    played.stop();
    assert_eq!(refused.code, 1, "before anything is collected: {}", refused.err);
    assert!(!folder.path().join("other.bundle").exists() && refused.err.contains("file/kept"), "{}", refused.err);
}

#[test]
fn a_verdict_is_judged_again_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), &["healthy-migration", "superseded"]);
    let run = |arguments: &[&str]| casefile_in(folder.path(), arguments);
    // With the rules that the bundle and the program have, and with those of the archive.
    let alone = run(&["reproduce", "superseded.json", "--bundle", "superseded.bundle"]);
    assert_eq!((alone.code, alone.out.starts_with("same  fail, verdict ")), (0, true), "{}{}", alone.out, alone.err);
    let verdict: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("superseded.json")).unwrap()).unwrap();
    let digest = verdict["digest"].as_str().unwrap();
    let kept = run(&["reproduce", &digest[..10], "--archive", "kept", "--threads", "1"]);
    assert_eq!((kept.code, &kept.out), (0, &alone.out), "{}", kept.err);
    // Other settings and other checks give another verdict, and the reasons are named.
    let lenient = "[checks.\"rollout.expected-revision\"]\nlevel = \"advise\"\n[checks.\"rollout.completed\"]\nlevel = \"advise\"\n";
    fs::write(folder.path().join("lenient.toml"), lenient).unwrap();
    let checks = folder.path().join("checks/rollout");
    fs::create_dir_all(&checks).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/rollout/completed.sql");
    let shipped = fs::read_to_string(shipped).unwrap();
    fs::write(checks.join("completed.sql"), shipped.replace("'fail'", "'skip'")).unwrap();
    let other = ["--config", "lenient.toml", "--extra-queries", "checks"];
    let mut again = vec!["reproduce", "superseded.json", "--bundle", "superseded.bundle"];
    again.extend(other);
    let differs = run(&again);
    assert_eq!(differs.code, 3, "{}", differs.err);
    insta::with_settings!({filters => vec![(r"\b[0-9a-f]{12}\b", "[id]")]}, {
        insta::assert_snapshot!("reproduce-differs", differs.out.lines().take(12).collect::<Vec<_>>().join("\n"));
    });
    // A verdict of those rules, which the archive has, is reproduced by it without them.
    let mut judge = vec!["analyze", "superseded.bundle", "--format", "json", "-o", "other.json"];
    judge.extend(other);
    run(&judge);
    let mut add = vec!["archive", "add", "superseded.bundle", "other.json", "--archive", "kept"];
    add.extend(other);
    assert_eq!(run(&add).code, 0);
    let reproduced = run(&["reproduce", "other.json", "--archive", "kept"]);
    assert_eq!(
        (reproduced.code, reproduced.out.starts_with("same  ")),
        (0, true),
        "{}{}",
        reproduced.out,
        reproduced.err
    );
    let diff = run(&["diff", "superseded.json", "other.json", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&diff.out).unwrap();
    assert_eq!((diff.code, told["same"].as_bool()), (3, Some(false)));
    assert!(told["outcomes"].as_array().unwrap().iter().any(|flip| flip["check"] == "rollout.completed"), "{told:#}");
    assert_eq!(run(&["diff", "other.json", "other.json"]).code, 0);
    // What is not at hand, or was changed, is an error with its remedy.
    for (arguments, code, remedy) in [
        (&["reproduce", "superseded.json"][..], 2, "give --bundle, or the --archive that has it"),
        (&["reproduce", "superseded.json", "--bundle", "healthy-migration.bundle"], 2, "give --bundle that one"),
        (&["reproduce", "ffffff", "--archive", "kept"], 2, "no verdict of kept has a digest"),
        (&["diff", "lenient.toml", "other.json"], 2, "is not a verdict of casefile"),
    ] {
        let refused = run(arguments);
        assert_eq!((refused.code, refused.err.contains(remedy)), (code, true), "{arguments:?}: {}", refused.err);
    }
}

#[test]
fn all_bundles_are_asked_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let query = |sql: &str| {
        let run = casefile_in(folder.path(), &["query", sql, "--archive", "kept", "--format", "json"]);
        assert_eq!(run.code, 0, "{sql}: {}", run.err);
        run.out
    };
    let questions: Vec<String> = casefile_evidence::tables::all()
        .iter()
        .map(|table| {
            let name = table.info.name;
            format!("SELECT bundle, service, region, date, count(*) AS n FROM {name} GROUP BY 1, 2, 3, 4 ORDER BY 1")
        })
        .chain(["SELECT i.verdict, count(*) AS n FROM index i JOIN log_events e ON e.bundle = i.bundle GROUP BY 1 ORDER BY 1".to_owned()])
        .collect();
    archive(folder.path(), &["healthy-migration", "circuit-breaker-rollback"]);
    let compact = |more: &[&str]| {
        let mut arguments = vec!["archive", "compact", "--archive", "kept"];
        arguments.extend(more);
        let run = casefile_in(folder.path(), &arguments);
        assert_eq!(run.code, 0, "{}", run.err);
        run.out
    };
    assert!(compact(&[]).starts_with("2026-11  2 bundles read, 2 in "));
    assert!(compact(&[]).ends_with("is up to date\n"));
    archive(folder.path(), &["logs-denied"]);
    // Two bundles are in the copy, and one came since; then all are; then none is.
    let mixed: Vec<String> = questions.iter().map(|sql| query(sql)).collect();
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&mixed[0]).unwrap().len(), 3);
    compact(&["--whole"]);
    let copied: Vec<String> = questions.iter().map(|sql| query(sql)).collect();
    fs::remove_dir_all(folder.path().join("kept/tables")).unwrap();
    let fresh: Vec<String> = questions.iter().map(|sql| query(sql)).collect();
    for (nth, sql) in questions.iter().enumerate() {
        assert_eq!((&mixed[nth], &mixed[nth]), (&copied[nth], &fresh[nth]), "{sql}");
    }
    for (sql, says) in [("SELECT * FROM latest_tasks", "there is no table"), ("DELETE FROM index", "one SELECT")] {
        let run = casefile_in(folder.path(), &["query", sql, "--archive", "kept"]);
        assert!(run.code == 2, "{sql}: {} {says}", run.err);
    }
    let athena = casefile_in(folder.path(), &["archive", "compact", "--archive", "s3://evidence/kept", "--athena"]);
    insta::assert_snapshot!("athena", athena.out.split("\n\n").find(|it| it.contains("EXISTS log_events ")).unwrap());
}

#[test]
fn two_bundles_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), &["healthy-migration", "circuit-breaker-rollback"]);
    let diff = |arguments: &[&str]| {
        let mut all = vec!["diff"];
        all.extend(arguments);
        casefile_in(folder.path(), &all)
    };
    let run = diff(&["healthy-migration.bundle", "circuit-breaker-rollback.bundle"]);
    assert_eq!(run.code, 3, "{}", run.err);
    insta::with_settings!({filters => vec![(r"\b[0-9a-f]{12}\b", "[id]")]}, {
        insta::assert_snapshot!("diff-of-bundles", run.out);
    });
    let digest = |name: &str| {
        let run = casefile_in(folder.path(), &["verify", name, "--format", "json"]);
        serde_json::from_str::<serde_json::Value>(&run.out).unwrap()["digest"].as_str().unwrap().to_owned()
    };
    let digest = digest("healthy-migration.bundle");
    let same = diff(&["healthy-migration.bundle", &digest[..8], "--archive", "kept"]);
    assert_eq!((same.code, same.out.starts_with("same")), (0, true), "{}{}", same.out, same.err);
    // What redaction changed, and nothing else.
    fs::write(
        folder.path().join("rules.toml"),
        "[[redact.rule]]\nname = \"host\"\npattern = \"Uvicorn running\"\nredacts = [\"Uvicorn running\"]\n",
    )
    .unwrap();
    let redact = ["redact", &digest[..8], "--archive", "kept", "--config", "rules.toml", "-o", "less.bundle"];
    let redacted = casefile_in(folder.path(), &redact);
    assert_eq!(redacted.code, 0, "{}", redacted.err);
    let run = diff(&["healthy-migration.bundle", "less.bundle", "--format", "json"]);
    let difference: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let of_lines = difference["tables"].as_array().unwrap().iter().find(|it| it["table"] == "log_events").unwrap();
    assert!(
        of_lines["same"].as_u64() > Some(40) && of_lines["same"].as_u64() < of_lines["before"].as_u64(),
        "{of_lines}"
    );
    for (arguments, says) in [
        (["healthy-migration.bundle", "healthy-migration.json"], "two bundles or two verdicts"),
        (["healthy-migration.bundle", "nothing"], "nothing does not exist"),
    ] {
        let run = diff(&arguments);
        assert_eq!((run.code, run.err.contains(says)), (2, true), "{}", run.err);
    }
}

#[test]
fn an_archive_has_pages() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), &["healthy-migration", "circuit-breaker-rollback", "logs-denied"]);
    let site = |more: &[&str]| {
        let mut arguments = vec!["site", "--archive", "kept", "-o", "public"];
        arguments.extend(more);
        let run = casefile_in(folder.path(), &arguments);
        assert_eq!(run.code, 0, "{}", run.err);
        run.out
    };
    assert!(site(&["--reports", "2"]).ends_with("3 deployments, 2 reports (2 new)\n"));
    // The next run adds what came since.
    assert!(site(&[]).ends_with("3 deployments, 3 reports (1 new)\n"));
    let page = fs::read_to_string(folder.path().join("public/index.html")).unwrap();
    let linked: Vec<&str> = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(linked.len(), 3, "{linked:?}");
    for path in linked {
        let report = fs::read_to_string(folder.path().join("public").join(path)).unwrap();
        assert!(report.contains("<svg ") && report.contains("id=\"provenance\""), "{path}");
    }
    // A report of the archive is the report of the bundle.
    let direct = casefile_in(folder.path(), &["report", "circuit-breaker-rollback.bundle"]);
    let kept = fs::read_dir(folder.path().join("public/reports")).unwrap().map(|entry| entry.unwrap().path());
    assert!(kept.into_iter().any(|path| fs::read_to_string(path).unwrap() == direct.out));
    assert!(page.contains("2 of 3 decided without a person") && !page.contains("<script"), "{page}");
}
