//! `casefile test`: every recorded case gives what it says; what is taken away never turns into a pass, and benign
//! noise never into a failure.

use std::fs;
use std::path::Path;

use crate::{casefile, cases as folder_of_cases, text};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// A folder with one case of the corpus, and the config that it is judged with.
fn one_case(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("cases").join(name);
    copy(&folder_of_cases().join(name), &case);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bf-manage-core/casefile.toml");
    fs::copy(shipped, case.join("casefile.toml")).unwrap();
    let recording = case.join("recording.toml");
    let changed = fs::read_to_string(&recording)
        .unwrap()
        .lines()
        .map(|line| if line.starts_with("config") { "config = \"casefile.toml\"" } else { line })
        .collect::<Vec<_>>()
        .join("\n");
    fs::write(recording, changed).unwrap();
    folder
}

#[test]
fn every_case_gives_what_it_says_and_every_blocking_check_is_tried_both_ways() {
    // The one place where the whole corpus is judged: by the binary, as it is built in.
    let run = casefile(&["test", "--format", "json"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let told: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let cases = told["cases"].as_array().unwrap();
    // The cases on disk are the ones that are built in.
    let on_disk = fs::read_dir(folder_of_cases()).unwrap().count();
    assert_eq!(cases.len(), on_disk);
    let modes: std::collections::BTreeSet<u64> =
        cases.iter().flat_map(|case| case["modes"].as_array().unwrap()).filter_map(serde_json::Value::as_u64).collect();
    let missing: Vec<u64> = (1..=45).filter(|mode| !modes.contains(mode)).collect();
    assert_eq!(missing, [0_u64; 0], "failure modes without a case");
}

#[test]
fn another_result_is_a_difference_until_it_is_accepted() {
    let folder = one_case("migration-multiple-heads");
    let cases = folder.path().join("cases");
    let file = cases.join("migration-multiple-heads/case.toml");
    let written = fs::read_to_string(&file).unwrap();
    let wrong = written
        .replace("verdict = \"fail\"", "verdict = \"pass\" # so they said")
        .replace("[provenance]", "[forbidden]\n\"migration.one-head\" = [\"fail\"]\n\n[provenance]");
    fs::write(&file, &wrong).unwrap();
    let report = folder.path().join("report.xml");
    let run = casefile(&["test", text(&cases), "--partial", "--report", &format!("junit={}", report.display())]);
    assert_eq!(run.code, 3, "{}{}", run.out, run.err);
    for told in ["pass → fail", "verdict: expected pass, got fail", "migration.one-head: expected not fail, got fail"]
    {
        assert!(run.out.contains(told), "{told}: {}", run.out);
    }
    let junit = fs::read_to_string(&report).unwrap();
    assert!(junit.contains("failures=\"1\"") && junit.contains("expected pass, got fail"), "{junit}");

    assert_eq!(casefile(&["test", text(&cases), "--partial", "--accept"]).code, 0);
    let accepted = fs::read_to_string(&file).unwrap();
    assert!(accepted.contains("verdict = \"fail\" # so they said"), "a comment stays: {accepted}");
    // `[forbidden]` stays: `--accept` must not remove it.
    assert_eq!(casefile(&["test", text(&cases), "--partial"]).code, 3);
    fs::write(&file, accepted.replace("[\"fail\"]", "[\"pass\"]")).unwrap();
    assert_eq!(casefile(&["test", text(&cases), "--partial"]).code, 0);
    // One case does not try every blocking check both ways.
    let run = casefile(&["test", text(&cases)]);
    assert_eq!(run.code, 3);
    assert!(run.out.contains("no case makes it pass"), "{}", run.out);
}

#[test]
fn a_case_that_nobody_described_yet_is_described() {
    let folder = one_case("healthy-migration");
    let case = folder.path().join("cases/healthy-migration");
    fs::remove_file(case.join("case.toml")).unwrap();
    let run = casefile(&["test", text(&case), "--partial"]);
    assert_eq!(run.code, 3);
    assert!(run.out.contains("--accept"), "{}", run.out);
    assert_eq!(casefile(&["test", text(&case), "--partial", "--accept"]).code, 0);
    assert_eq!(casefile(&["test", text(&case), "--partial"]).code, 0);
    assert!(fs::read_to_string(case.join("case.toml")).unwrap().contains("verdict = \"pass\""));
}

#[test]
fn what_cannot_be_tested_is_an_error_and_no_success() {
    let folder = one_case("healthy-migration");
    let cases = folder.path().join("cases");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (arguments, told) in [
        (vec!["test", text(&empty)], "there is no case in"),
        (vec!["test", "no/such/folder"], "no/such/folder"),
        (vec!["test", text(&cases), "--only", "nothing-like-it"], "no case has \"nothing-like-it\" in its name"),
        (vec!["test", "--accept"], "DIR"),
    ] {
        let run = casefile(&arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}{}", run.out, run.err);
        assert!(run.err.contains(told), "{arguments:?}: {}", run.err);
    }
    let file = cases.join("healthy-migration/case.toml");
    let written = fs::read_to_string(&file).unwrap();
    fs::write(&file, written.replace("verdict = \"pass\"", "verdict = \"fine\"")).unwrap();
    let run = casefile(&["test", text(&cases)]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("case.toml:3: unknown variant `fine`"), "{}", run.err);
    fs::write(&file, written + "\n[outcomes]\n\"no.such-check\" = \"pass\"\n").unwrap();
    let run = casefile(&["test", text(&cases), "--partial"]);
    assert!(run.code == 2 || run.code == 3, "{}{}", run.out, run.err);
}

/// Every loss on a few cases, and every gain on the one that passes; `casefile test --mutate` tries them on all.
#[test]
fn evidence_that_is_changed_turns_no_verdict_around() {
    let run = casefile(&[
        "test",
        "--mutate",
        "--only",
        "circuit-breaker-rollback",
        "--only",
        "healthy-migration",
        "--only",
        "secret-",
    ]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(run.out.contains("losses and 17 gains, nothing turned"), "{}", run.out);
}
