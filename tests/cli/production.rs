//! A collector in production: dry run, one file, folded logs, budgets, further redaction rules.

use std::fs;
use std::path::Path;

use casefile_evidence::Bundle;
use casefile_evidence::tables::{LogEventRow, SourceRow};
use serde_json::Value;

use crate::collecting::{Played, play};
use crate::{CASEFILE, Run, casefile, casefile_in, command, command_of, ended, import, text};

/// Runs a collecting verb with a config of its own.
fn run_with(played: &Played, config: &Path, verb: &str, more: &[&str]) -> Run {
    let mut arguments = played.arguments(verb, more);
    let place = arguments.iter().position(|argument| argument == "--config").unwrap() + 1;
    arguments[place] = text(config).to_owned();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    ended(command(config.parent().unwrap(), &arguments).output().unwrap())
}

#[test]
fn a_dry_run_says_what_will_be_asked_and_collects_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("healthy-migration", Vec::new());
    let run = played.run(folder.path(), "collect", &["--dry-run", "--timeout", "60s", "--format", "json"]);
    let shown = played.run(folder.path(), "collect", &["--dry-run", "--timeout", "60s"]);
    let calls = played.endpoint.calls();
    played.stop();
    assert_eq!(run.code, 0, "{}", run.err);
    let plan: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(plan["polls"], 8, "a poll every 10 s, the first and the closing one");
    let policy = plan["policy"].to_string();
    assert!(policy.contains("arn:aws:logs:ap-southeast-2:123456789012:log-group:/ecs/bf-manage-core\""), "{policy}");
    assert!(!policy.contains("log-group:*:"), "no more than is needed: {policy}");
    assert!(shown.out.contains("data \"aws_iam_policy_document\" \"casefile\""), "{}", shown.out);
    let asked: Vec<&str> = calls.keys().map(String::as_str).collect();
    assert_eq!(asked, ["DescribeLogGroups", "DescribeServices", "DescribeTaskDefinition"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn a_dry_run_counts_the_target_groups_of_the_service() {
    let folder = tempfile::tempdir().unwrap();
    for (case, groups) in [("healthy-migration", None), ("blue-green-with-bake-time", Some(2))] {
        let played = play(case, Vec::new());
        let run = played.run(folder.path(), "collect", &["--dry-run", "--timeout", "60s", "--format", "json"]);
        played.stop();
        assert_eq!(run.code, 0, "{}", run.err);
        let plan: Value = serde_json::from_str(&run.out).unwrap();
        let asked = plan["calls"].as_array().unwrap().iter().find(|calls| calls["operation"] == "DescribeTargetHealth");
        assert_eq!(asked.and_then(|calls| calls["per_poll"].as_u64()), groups, "{case}");
        let allowed = plan["policy"].to_string().contains("elasticloadbalancing:DescribeTargetHealth");
        assert_eq!(allowed, groups.is_some(), "{case}");
    }
}

#[test]
fn a_bundle_in_one_file_is_judged_as_one_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("healthy-migration", Vec::new());
    let tar = folder.path().join("a.tar");
    let run = played.run(folder.path(), "collect", &["--timeout", "200s", "--gitlab", "-o", text(&tar)]);
    played.stop();
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.starts_with("\u{1b}[0Ksection_start:"), "{:?}", run.err);
    assert!(run.err.trim_end().ends_with("\u{1b}[0K") && run.err.contains("section_end:"), "{:?}", run.err);
    assert!(run.out.contains("log_events ") && run.out.contains(" calls, "), "{}", run.out);
    assert_eq!(casefile(&["verify", text(&tar)]).code, 0);
    assert_eq!(casefile(&["analyze", text(&tar)]).code, 0);
    let unpacked = folder.path().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let tool = std::process::Command::new("tar").arg("-xf").arg(&tar).current_dir(&unpacked).status().unwrap();
    assert!(tool.success(), "any tar reads it");
    let bag = unpacked.join("casefile-bundle");
    assert_eq!(Bundle::open(&bag).unwrap().digest(), Bundle::open(&tar).unwrap().digest());
    let refused = casefile(&["query", text(&tar), "SELECT 1", "-o", text(&bag.join("data/x"))]);
    assert_eq!(refused.code, 2, "results never go inside a bundle: {}", refused.err);
}

#[test]
fn what_is_said_can_be_json() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("logs-denied", Vec::new());
    let run = played.run(folder.path(), "collect", &["--timeout", "20s", "--log-format", "json", "-v", "-o", "a"]);
    played.stop();
    assert_eq!(run.code, 0, "{}", run.err);
    let lines: Vec<Value> = run.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages = lines.iter().filter_map(|line| line["fields"]["message"].as_str());
    assert!(messages.clone().any(|message| message.starts_with("poll 1:")), "{}", run.err);
    assert!(lines.iter().all(|line| line["level"].is_string()));
    let wrong = casefile(&["analyze", "nowhere", "--log-format", "json"]);
    let said: Value = serde_json::from_str(&wrong.err).unwrap();
    assert_eq!((wrong.code, &said["level"]), (2, &"ERROR".into()));
}

#[test]
fn a_budget_ends_the_reading_and_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("casefile.toml");
    let (bundle, recorded, again) = (folder.path().join("a"), folder.path().join("recorded"), folder.path().join("b"));
    let played = play("healthy-migration", Vec::new());
    fs::write(&config, "[collect]\nmax_lines = 20\n").unwrap();
    let more = ["--timeout", "150s", "-o", text(&bundle), "--record", text(&recorded)];
    let run = run_with(&played, &config, "collect", &more);
    played.stop();
    assert_eq!(run.code, 0, "{}", run.err);
    let opened = Bundle::open(&bundle).unwrap();
    let cut = |source: &&SourceRow| source.error_code.as_deref() == Some("casefile:Truncated");
    let sources = opened.rows::<SourceRow>().unwrap();
    let cut = sources.iter().find(cut).unwrap_or_else(|| panic!("{sources:?}"));
    assert_eq!(cut.status, "partial");
    assert_eq!(cut.remedy.as_deref(), Some("raise [collect] max_lines and max_log_bytes, or leave them out"));
    let judged = casefile(&["analyze", text(&bundle), "--config", "examples/bf-manage-core/casefile.toml"]);
    assert_ne!(judged.code, 0, "what was not read is no good news: {}", judged.out);
    // An import of the recording has it too.
    assert_eq!(casefile(&["import", text(&recorded), "-o", text(&again)]).code, 0);
    for table in ["sources", "log_events"] {
        let of = |bundle: &Path| fs::read(bundle.join(format!("data/{table}.parquet"))).unwrap();
        assert_eq!(of(&bundle), of(&again), "{table}");
    }
    fs::write(&config, "[collect]\nquota_share = 2\n").unwrap();
    let wrong = casefile_in(folder.path(), &["collect", "--cluster", "c", "--service", "s", "--region", "eu-west-1"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("[collect] quota_share = 2 is not above 0 and at most 1"), "{}", wrong.err);
}

#[test]
fn a_bundle_is_redacted_anew_and_names_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let config = folder.path().join("casefile.toml");
    let rules = "[redact]\nkey_env = \"CASEFILE_TEST_KEY\"\n[[redact.rule]]\nname = \"address\"\npattern = '\\d+\\.\\d+\\.\\d+\\.\\d+:(\\d+)'\n";
    fs::write(&config, rules).unwrap();
    let out = folder.path().join("shared.bundle");
    let arguments = ["redact", text(&bundle), "--config", text(&config), "-o", text(&out)];
    let without = casefile(&arguments);
    assert_eq!((without.code, without.err.contains("CASEFILE_TEST_KEY")), (2, true), "{}", without.err);
    let run = command(folder.path(), &arguments).env("CASEFILE_TEST_KEY", "0123456789abcdef0123").output().unwrap();
    let run = ended(run);
    assert_eq!(run.code, 0, "{}", run.err);
    let (old, new) = (Bundle::open(&bundle).unwrap(), Bundle::open(&out).unwrap());
    assert_eq!(new.manifest().parent, Some(format!("sha256:{}", old.digest())));
    assert!(new.manifest().pseudonym_key.is_some());
    let redacted = new.manifest().redactions["address"];
    let lines = new.rows::<LogEventRow>().unwrap();
    let with = lines.iter().filter(|line| line.message.contains("[redacted:address:")).count() as u64;
    assert!(with > 0 && with <= redacted, "{with} lines, {redacted} counted");
    assert_eq!(lines.len(), old.rows::<LogEventRow>().unwrap().len());
    let bad = rules.replace("name = \"address\"", "name = \"address\"\nredacts = [\"nothing\"]");
    fs::write(&config, bad).unwrap();
    let wrong = command(folder.path(), &arguments).env("CASEFILE_TEST_KEY", "0123456789abcdef0123").output().unwrap();
    let wrong = ended(wrong);
    assert_eq!((wrong.code, wrong.err.contains("it takes nothing out of")), (2, true), "{}", wrong.err);
}

/// Limits the size of files, like a full disk. The shell ignores the signal.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_no_poll_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("healthy-migration", Vec::new());
    let bundle = folder.path().join("b.bundle");
    let arguments = played.arguments("collect", &["--timeout", "200s", "-o", text(&bundle)]);
    let mut shell =
        command_of("sh", folder.path(), &["-c", "ulimit -f 24; trap '' XFSZ; exec \"$0\" \"$@\"", CASEFILE]);
    // Runs are short, and the tables that they are merged into are longer.
    let run = ended(shell.args(arguments).output().unwrap());
    played.stop();
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.contains("error: cannot write"), "{}", run.err);
    let partial = folder.path().join("b.bundle.partial");
    assert!(run.err.contains(&format!("`casefile seal {}`", text(&partial))), "{}", run.err);
    assert!(!bundle.exists());
    let sealed = casefile(&["seal", text(&partial)]);
    assert_eq!(sealed.code, 0, "{}", sealed.err);
    assert_eq!(casefile(&["verify", text(&bundle)]).code, 0);
    assert!(Bundle::open(&bundle).unwrap().rows::<LogEventRow>().unwrap().len() > 10);
}
