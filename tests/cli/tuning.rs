//! Rules that are tried on an archive, and signatures that it suggests.

use std::path::Path;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::{casefile_in, cases, text};

const KEPT: [&str; 5] = [
    "healthy-migration",
    "migration-multiple-heads",
    "migration-waits-for-a-lock",
    "circuit-breaker-rollback",
    "migration-line-missing",
];

/// An archive of a few deployments, as `kept` in the folder.
fn archive(folder: &Path) {
    for case in KEPT {
        let (bundle, verdict) = (format!("{case}.bundle"), format!("{case}.json"));
        let run = casefile_in(folder, &["import", text(&cases().join(case)), "-o", &bundle]);
        assert_eq!(run.code, 0, "{}", run.err);
        let run = casefile_in(folder, &["analyze", &bundle, "--report", &format!("json={verdict}")]);
        assert!([0, 3, 4].contains(&run.code), "{}", run.err);
        let run = casefile_in(folder, &["archive", "add", &bundle, &verdict, "--archive", "kept"]);
        assert_eq!(run.code, 0, "{}", run.err);
    }
}

fn digest(folder: &Path, case: &str) -> String {
    let verdict = std::fs::read(folder.join(format!("{case}.json"))).unwrap();
    let verdict: Value = serde_json::from_slice(&verdict).unwrap();
    verdict["bundle"]["digest"].as_str().unwrap().to_owned()
}

/// The config of the example, with a change.
fn config(folder: &Path, from: &str, to: &str) {
    let config = std::fs::read_to_string(cases().join("../../examples/bf-manage-core/casefile.toml")).unwrap();
    assert!(config.contains(from), "{from}");
    std::fs::write(folder.join("tried.toml"), config.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_backtest_tells_which_verdicts_a_change_turns() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    archive(folder);
    let backtest = |arguments: &[&str]| casefile_in(folder, &[&["backtest", "--archive", "kept"], arguments].concat());
    let same = backtest(&[]);
    assert_eq!(same.code, 0, "{}", same.err);
    assert!(same.out.contains("5 have these rules already"), "{}", same.out);
    assert!(same.out.contains("these rules turn none of 5 verdicts"), "{}", same.out);

    // A pattern that finds the same lines turns nothing, and no check runs.
    config(
        folder,
        "contains = \"Can't locate revision identified by\"",
        "contains = \"locate revision identified by\"",
    );
    let wider = backtest(&["--config", "tried.toml"]);
    assert_eq!(wider.code, 0, "{}{}", wider.out, wider.err);
    assert!(wider.out.contains("5 by their log lines, which match as before"), "{}", wider.out);

    // One that no deployment logs turns the good one.
    config(folder, "Will assume (non-)?transactional DDL", "Will assume nothing");
    let never = backtest(&["--config", "tried.toml", "--resume", "done.jsonl", "--outcomes", "all.jsonl"]);
    assert_eq!(never.code, 3, "{}{}", never.out, never.err);
    let healthy = digest(folder, "healthy-migration");
    let expected = [
        "pass → fail  2026-".to_owned(),
        "migration.confirmed pass → fail: ".to_owned(),
        format!("casefile analyze {} --archive kept", &healthy[..12]),
        "these rules turn 1 of 5 verdicts: 1 pass → fail".to_owned(),
    ];
    for part in expected {
        assert!(never.out.contains(&part), "{part}: {}", never.out);
    }
    let outcomes = std::fs::read_to_string(folder.join("all.jsonl")).unwrap();
    assert_eq!(outcomes.lines().count(), 5);
    // Again: nothing is judged twice, and the result is the same.
    let again = backtest(&["--config", "tried.toml", "--resume", "done.jsonl", "--allow-flips"]);
    assert_eq!((again.code, &again.out), (0, &never.out), "{}", again.err);
    let base = cases().join("../../examples/bf-manage-core/casefile.toml");
    let file = backtest(&["--config", "tried.toml", "--base", text(&base), "--format", "json"]);
    let json: Value = serde_json::from_str(&file.out).unwrap();
    assert_eq!((file.code, &json["flips"], &json["judged"]["whole"]), (3, &1.into(), &5.into()), "{}", file.err);
    let note = backtest(&["--config", "tried.toml", "--format", "markdown"]);
    assert!(note.out.starts_with("### Backtest: these rules turn 1 of 5 verdicts"), "{}", note.out);
    let junit = backtest(&["--config", "tried.toml", "--format", "junit"]);
    assert!(junit.out.contains("failures=\"1\""), "{}", junit.out);
}

/// Columns of a Parquet file, each cell as text; null is `-`.
fn cells(file: &Path, columns: &[&str]) -> Vec<Vec<String>> {
    let file = std::fs::File::open(file).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let options = FormatOptions::new().with_null("-");
    let mut rows = Vec::new();
    for batch in batches.map(Result::unwrap) {
        let columns = columns.iter().map(|name| batch.column_by_name(name).unwrap_or_else(|| panic!("no {name}")));
        let columns: Vec<_> = columns.map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        let cells = |row| columns.iter().map(|column| column.value(row).to_string()).collect();
        rows.extend((0..batch.num_rows()).map(cells));
    }
    rows
}

#[test]
fn outcomes_are_a_table_where_their_file_is_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    archive(folder);
    config(folder, "Will assume (non-)?transactional DDL", "Will assume nothing");
    let backtest = |arguments: &[&str]| {
        let tried = ["backtest", "--archive", "kept", "--config", "tried.toml"];
        casefile_in(folder, &[&tried[..], arguments].concat())
    };
    let run = backtest(&["--outcomes", "new/all.parquet", "--resume", "done.jsonl"]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    let of = |columns: &[&str]| cells(&folder.join("new/all.parquet"), columns);
    let rows = of(&["kind", "bundle", "verdict_before", "verdict_after", "turns", "check_id", "created_at"]);
    let deployments: Vec<_> = rows.iter().filter(|row| row[0] == "deployment").collect();
    assert_eq!(deployments.len(), KEPT.len(), "{rows:#?}");
    assert!(deployments.is_sorted_by_key(|row| (&row[6], &row[1])) && deployments.iter().all(|row| row[5] == "-"));
    let turning: Vec<_> = deployments.iter().filter(|row| row[4] == "true").collect();
    assert_eq!((turning.len(), &turning[0][1..4].join(" ")), (1, &format!("{} pass fail", digest(folder, KEPT[0]))));
    // What a check says stands beside what it said.
    let checks = of(&["bundle", "check_id", "level", "differs", "outcome_before", "outcome_after", "reason_before"]);
    let confirmed = checks.iter().find(|row| row[0] == turning[0][1] && row[1] == "migration.confirmed").unwrap();
    assert_eq!(confirmed[2..6].join(" "), "block true pass fail");
    assert!(confirmed[6].starts_with("it was logged "), "{confirmed:?}");
    let fails = |row: &&Vec<String>| row[1] == "migration.one-head";
    assert_eq!(checks.iter().find(fails).unwrap()[2..].join(" "), "block false fail fail -", "it fails as before");
    let decided = of(&["check_id", "decided_at", "decided_ms"]);
    assert!(decided.iter().any(|row| row[0] == "migration.one-head" && row[1].starts_with("20") && row[2] != "-"));

    // The same bytes, judged or taken from an earlier run.
    let again = backtest(&["--outcomes", "again.parquet", "--resume", "done.jsonl", "--threads", "1"]);
    assert_eq!((again.code, again.out), (3, run.out), "{}", again.err);
    let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
    assert!(read("again.parquet") == read("new/all.parquet"));

    // Where nothing can be compared, the table has no rows.
    let bundle = format!("{}.bundle", KEPT[0]);
    assert_eq!(casefile_in(folder, &["archive", "add", &bundle, "--archive", "bare"]).code, 0);
    let bare = casefile_in(folder, &["backtest", "--archive", "bare", "--outcomes", "bare.PARQUET"]);
    assert_eq!((bare.code, cells(&folder.join("bare.PARQUET"), &["bundle"]).len()), (4, 0), "{}", bare.err);

    for (arguments, problem) in [
        (["--resume", "done.parquet"], "done.parquet: --resume keeps JSON lines, and not Parquet"),
        (["--resume", "again.parquet.jsonl"], "again.parquet.jsonl is not a file that --resume wrote"),
        (["--outcomes", "-"], "--outcomes and --resume need the name of a file"),
        (["--outcomes", "kept/"], "kept/ is a folder: name a file in it"),
    ] {
        std::fs::copy(folder.join("again.parquet"), folder.join("again.parquet.jsonl")).unwrap();
        let wrong = backtest(&arguments);
        assert_eq!((wrong.code, wrong.err.contains(problem)), (2, true), "{problem}: {}", wrong.err);
    }
}

/// An outcome that was kept, and whose deployment got a newer verdict since.
#[test]
fn a_deployment_has_one_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    archive(folder);
    let backtest = |file: &str| {
        casefile_in(folder, &["backtest", "--archive", "kept", "--resume", "done.jsonl", "--outcomes", file])
    };
    assert_eq!(backtest("first.jsonl").code, 0);
    let kept = std::fs::read_to_string(folder.join("done.jsonl")).unwrap();
    let (base, digest) = ("\"base\":\"", digest(folder, KEPT[0]));
    let older: Vec<String> = kept
        .lines()
        .map(|line| match line.split_once(base).filter(|_| line.contains(&digest)) {
            Some((before, after)) => format!("{before}{base}{}{}\n", "0".repeat(64), &after[64..]),
            None => format!("{line}\n"),
        })
        .collect();
    std::fs::write(folder.join("done.jsonl"), older.concat()).unwrap();
    let run = backtest("all.jsonl");
    let lines = std::fs::read_to_string(folder.join("all.jsonl")).unwrap();
    assert_eq!((run.code, lines.lines().count()), (0, KEPT.len()), "{}{lines}", run.err);
    assert!(!lines.contains(&"0".repeat(64)), "{lines}");
}

#[test]
fn labels_tell_what_a_check_is_worth() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    archive(folder);
    for (case, truth) in
        [("healthy-migration", "good"), ("migration-multiple-heads", "bad"), ("migration-line-missing", "good")]
    {
        let digest = digest(folder, case);
        let label = [
            "archive",
            "label",
            &digest[..12],
            "--truth",
            truth,
            "--why",
            "incident 4711",
            "--by",
            "me",
            "--archive",
            "kept",
        ];
        let run = casefile_in(folder, &label);
        assert_eq!((run.code, run.out.ends_with(&format!("{truth}: incident 4711\n"))), (0, true), "{}", run.err);
    }
    let run = casefile_in(folder, &["backtest", "--archive", "kept", "--format", "json"]);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.code, &json["labelled"]), (0, &3.into()), "{}", run.err);
    let worth = json["worth"].as_array().unwrap();
    let of = |id: &str| worth.iter().find(|it| it["id"] == id).unwrap_or_else(|| panic!("{id}: {worth:?}"));
    assert_eq!((&of("verdict")["caught"], &of("verdict")["false_alarms"]), (&1.into(), &1.into()));
    let heads = of("migration.one-head");
    assert_eq!((&heads["precision"], &heads["recall"], &heads["missed"]), (&1.0.into(), &1.0.into(), &0.into()));
    let wrong = casefile_in(
        folder,
        &["archive", "label", "0000", "--truth", "bad", "--why", "x", "--by", "me", "--archive", "kept"],
    );
    assert_eq!(wrong.code, 2, "{}", wrong.err);
}

#[test]
fn a_bad_deployment_that_no_check_catches_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    archive(folder);
    let digest = digest(folder, "healthy-migration");
    let label = ["archive", "label", &digest, "--truth", "bad", "--why", "x", "--by", "me", "--archive", "kept"];
    assert_eq!(casefile_in(folder, &label).code, 0);
    let run = casefile_in(folder, &["backtest", "--archive", "kept", "--format", "json"]);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    let verdict = &json["worth"][0];
    assert_eq!((&verdict["id"], &verdict["caught"], &verdict["missed"]), (&"verdict".into(), &0.into(), &1.into()));
    assert_eq!(json["worth"].as_array().map(Vec::len), Some(1), "{}", run.out);
}

#[test]
fn mine_proposes_what_failed_deployments_log() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    archive(folder);
    let mine = |arguments: &[&str]| {
        casefile_in(folder, &[&["mine", "--archive", "kept", "--support", "1"], arguments].concat())
    };
    let told = mine(&[]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("Multiple head revisions are present"), "{}", told.out);
    // What it prints is a config that can be used.
    let toml = mine(&["--format", "toml"]);
    std::fs::write(folder.join("mined.toml"), &toml.out).unwrap();
    let lint = casefile_in(folder, &["check", "lint", "--config", "mined.toml"]);
    assert_eq!(lint.code, 0, "{}{}\n{}", lint.out, lint.err, toml.out);
    let tried = casefile_in(
        folder,
        &["backtest", "--archive", "kept", "--config", "mined.toml", "--format", "json", "--allow-flips"],
    );
    assert_eq!(tried.code, 0, "{}", tried.err);
    let new = mine(&["--new-in", &digest(folder, "migration-multiple-heads")[..12], "--format", "json"]);
    assert_eq!(new.code, 0, "{}", new.err);
    let again = mine(&["--format", "toml"]);
    assert_eq!(again.out, toml.out, "the same archive gives the same proposals");
}

#[test]
fn errors_that_no_earlier_good_deployment_logged_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    archive(folder);
    let analyze = |arguments: &[&str]| {
        let run = casefile_in(folder, &[&["analyze", "migration-multiple-heads.bundle"], arguments].concat());
        assert_eq!(run.code, 3, "{}", run.err);
        run
    };
    let check = |json: &str| {
        let verdict: Value = serde_json::from_str(json).unwrap();
        let checks = verdict["checks"].as_array().unwrap();
        (checks.iter().find(|check| check["id"] == "evidence.new-errors").cloned(), verdict)
    };
    let (without, plain) = check(&analyze(&["--format", "json"]).out);
    assert_eq!((without, plain.get("history")), (None, None));

    let told = analyze(&["--history", "kept", "--report", "json=with.json"]);
    let (with, verdict) = check(&std::fs::read_to_string(folder.join("with.json")).unwrap());
    let with = with.unwrap();
    assert_eq!((&with["outcome"], &with["level"]), (&"fail".into(), &"advise".into()), "{with}");
    assert!(with["rows"].to_string().contains("Multiple head revisions are present"), "{with}");
    assert_eq!(verdict["history"]["compared"], serde_json::json!([digest(folder, "healthy-migration")]));
    assert_eq!((&verdict["verdict"], &verdict["decision"]), (&plain["verdict"], &plain["decision"]));
    let verbose = analyze(&["--history", "kept", "-v"]);
    assert!(verbose.out.contains("Nothing logs an error that no earlier good deployment logged"), "{}", told.out);

    // The verdict has all of it: it is the same without the archive.
    let again = ["reproduce", "with.json", "--bundle", "migration-multiple-heads.bundle"];
    let again = casefile_in(folder, &again);
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);

    // The level is set like that of any check.
    let given = std::fs::read_to_string(cases().join("../../examples/bf-manage-core/casefile.toml")).unwrap();
    let blocking = format!("{given}\n[checks.\"evidence.new-errors\"]\nlevel = \"block\"\n");
    std::fs::write(folder.join("blocking.toml"), blocking).unwrap();
    let blocked = analyze(&["--history", "kept", "--config", "blocking.toml", "--format", "json"]);
    assert_eq!(check(&blocked.out).0.unwrap()["level"], "block");

    // What cannot be compared is no good news, and no reason for no verdict.
    let (missing, _) = check(&analyze(&["--history", "not-there", "--format", "json"]).out);
    let missing = missing.unwrap();
    assert_eq!(missing["outcome"], "unknown", "{missing}");
    let first = casefile_in(folder, &["analyze", "healthy-migration.bundle", "--history", "kept", "--format", "json"]);
    assert_eq!((first.code, &check(&first.out).0.unwrap()["outcome"]), (0, &"skip".into()), "{}", first.out);
}
