//! Every case gives its expected result, with any number of threads and from any folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use casefile_fixtures::cases;
use serde_json::Value;

use crate::{casefile, casefile_in, cases as folder_of_cases, command, ended, import, outcomes, text, verdict};

fn expected_exit(verdict: &str) -> i32 {
    match verdict {
        "pass" => 0,
        "fail" => 3,
        "inconclusive" => 4,
        other => panic!("{other} is no verdict"),
    }
}

/// `casefile test` judges every case in memory; here some go through a sealed bundle, one of each verdict and kind.
#[test]
fn a_bundle_is_judged_as_its_recording_is() {
    let folder = tempfile::tempdir().unwrap();
    let chosen = [
        "circuit-breaker-rollback",
        "healthy-migration",
        "logs-denied",
        "migration-task-failed",
        "nothing-deployed-nine-days-old",
        "field-firelens-records",
    ];
    for case in cases::all().into_iter().filter(|case| chosen.contains(&case.name.as_str())) {
        let (verdict, code) = verdict(&import(&case.name, folder.path()));
        let expected = (case.toml.verdict.to_string(), case.toml.decision.to_string());
        let got = (
            verdict["verdict"].as_str().unwrap().to_owned(),
            verdict["decision"]["action"].as_str().unwrap().to_owned(),
        );
        assert_eq!(got, expected, "{}: {} {:#?}", case.name, verdict["decision"], outcomes(&verdict));
        assert_eq!(code, expected_exit(&expected.0), "{}", case.name);
        for (id, outcome) in &case.toml.outcomes {
            assert!(
                outcomes(&verdict).contains(&(id.clone(), outcome.clone())),
                "{}: {id} {:#?}",
                case.name,
                outcomes(&verdict)
            );
        }
    }
}

#[test]
fn the_verdict_is_the_same_with_any_threads_folder_locale_and_zone() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("circuit-breaker-rollback", folder.path());
    // A config that happens to lie around must not matter: the bundle has its own.
    fs::write(folder.path().join("casefile.toml"), "service = \"something-else\"\n").unwrap();
    let mut texts = Vec::new();
    for (threads, cwd, locale, zone) in [
        ("1", "/", "C", "UTC"),
        ("8", text(folder.path()), "de_DE.UTF-8", "Pacific/Auckland"),
        ("3", "/", "tr_TR", "America/St_Johns"),
    ] {
        let run = ended(
            command(Path::new(cwd), &["analyze", text(&bundle), "--format", "json", "--threads", threads])
                .env("LC_ALL", locale)
                .env("TZ", zone)
                .output()
                .unwrap(),
        );
        assert_eq!(run.code, 3, "{}", run.err);
        texts.push(run.out);
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
}

#[test]
fn two_imports_give_the_same_bytes() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for case in ["healthy-migration", "logs-denied"] {
        let (a, b) = (import(case, a.path()), import(case, b.path()));
        for file in ["tagmanifest-sha256.txt", "manifest-sha256.txt", "data/manifest.json", "data/log_events.parquet"] {
            assert_eq!(fs::read(a.join(file)).unwrap(), fs::read(b.join(file)).unwrap(), "{case}: {file}");
        }
    }
}

/// Answers that an operator saved with the AWS CLI: bare, in one folder, without the time of each call.
fn flatten(case: &Path, flat: &Path) {
    fs::create_dir_all(flat).unwrap();
    let lines = fs::read_to_string(case.join("recording.jsonl")).unwrap();
    let documents: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = documents.last().unwrap()["observed_at"].clone();
    for (number, document) in documents.iter().enumerate() {
        let (definition, lines) =
            (document["operation"] == "DescribeTaskDefinition", document["operation"] == "GetLogEvents");
        let Some(response) = document.get("response") else { continue };
        if document["observed_at"] != last && !definition && !lines {
            continue;
        }
        if !lines {
            fs::write(flat.join(format!("{number}.json")), response.to_string()).unwrap();
            continue;
        }
        let mut events = response["events"].as_array().unwrap().clone();
        for event in &mut events {
            event["logStreamName"] = document["request"]["logStreamName"].clone();
            event["eventId"] = number.to_string().into();
        }
        if !events.is_empty() {
            let page = serde_json::json!({ "events": events, "searchedLogStreams": [] });
            fs::write(flat.join(format!("logs-{number}.json")), page.to_string()).unwrap();
        }
    }
    let toml = fs::read_to_string(case.join("recording.toml")).unwrap();
    let toml = toml.replace("../../../examples", text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")));
    fs::write(flat.join("recording.toml"), toml).unwrap();
    if case.join("casefile.toml").exists() {
        fs::copy(case.join("casefile.toml"), flat.join("casefile.toml")).unwrap();
    }
}

#[test]
fn every_recording_is_importable_as_bare_cli_documents() {
    let folder = tempfile::tempdir().unwrap();
    let mut told: BTreeMap<(bool, String), u32> = BTreeMap::new();
    // One in twelve: each is imported and judged by a process of its own.
    // Some are bare documents already. Where nothing was deployed, the watched window is judged, and one look has none.
    let is_bare = |name: &str| {
        let info = fs::read_to_string(folder_of_cases().join(name).join("recording.toml")).unwrap();
        info.contains("staged after public reports")
    };
    let staged =
        cases::all().into_iter().filter(|case| !case.name.starts_with("nothing-deployed-") && !is_bare(&case.name));
    for case in staged.step_by(12) {
        let flat = folder.path().join(&case.name);
        flatten(&folder_of_cases().join(&case.name), &flat);
        // As they are, the answers of filter-log-events show lines and no absence; then it is stated that they are whole.
        for complete in ["", "complete = [\"filter-log-events\"]\n"] {
            let info = flat.join("recording.toml");
            fs::write(&info, format!("{complete}{}", fs::read_to_string(&info).unwrap())).unwrap();
            let bundle = folder.path().join(format!("{}-{}.bundle", case.name, complete.len()));
            let run = casefile(&["import", text(&flat), "-o", text(&bundle)]);
            assert_eq!(run.code, 0, "{}: {}", case.name, run.err);
            let (verdict, _) = verdict(&bundle);
            let got = verdict["verdict"].as_str().unwrap();
            let expected = case.toml.verdict.to_string();
            // One snapshot can tell less; it never tells the opposite.
            assert!(got == expected || got == "inconclusive", "{}: {got} {:#?}", case.name, outcomes(&verdict));
            if expected != "pass" {
                assert_ne!(got, "pass", "{}", case.name);
            }
            *told.entry((complete.is_empty(), got.to_owned())).or_insert(0) += 1;
        }
    }
    // Present documents prove failures; a pass needs a folder with the time of its calls.
    let failed = |bare: bool| told.get(&(bare, "fail".to_owned())).copied().unwrap_or_default();
    assert!(failed(true) > 0 && failed(false) >= failed(true), "{told:?}");
}

#[test]
fn the_result_is_read_in_five_seconds() {
    let folder = tempfile::tempdir().unwrap();
    for case in ["circuit-breaker-rollback", "healthy-migration", "logs-denied"] {
        let bundle = import(case, folder.path());
        let run = casefile(&["analyze", text(&bundle)]);
        insta::with_settings!({ filters => vec![(r"sha256:[0-9a-f…]+", "sha256:DIGEST"), (r"\b[0-9a-f]{12,64}…?", "HEX"), (r"/\S*/([\w-]+\.bundle)", "$1")] }, {
            insta::assert_snapshot!(format!("terminal_{case}"), run.out);
        });
    }
}

/// What the first screen of a failure must say, as the verdict's JSON has it; `None` where the failure has no such fact.
fn facts(verdict: &serde_json::Value) -> [(&'static str, Option<String>); 4] {
    let causes = &verdict["decision"]["causes"][0];
    let ids: Vec<&str> = causes["checks"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let checks = verdict["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == ids[0]).unwrap();
    let row = check["rows"].as_array().unwrap().iter().find(|row| row["status"] == "fail").unwrap();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let reason = row["reason"].as_str().unwrap();
    let exit = reason.find("exited with ").map(|at| {
        reason[at..]
            .split_whitespace()
            .take(3)
            .collect::<Vec<_>>()
            .join(" ")
            .trim_end_matches([',', ':', ')'])
            .to_owned()
    });
    let last = row["tail"]["lines"].as_array().and_then(|lines| lines.last()).and_then(|line| text(&line["line"]));
    [
        ("container", text(&row["container"]).or_else(|| text(&row["more"]["container"]))),
        ("exit code", exit),
        ("last line", last),
        ("owner", text(&verdict["decision"]["to"])),
    ]
}

/// A text without the marks and the wrapping of its format.
fn squeezed(text: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !['│', '\\', '…'].contains(&c);
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
        .replace("&quot;", "\"")
        .chars()
        .filter(|c| plain(*c))
        .collect()
}

/// The five-second test: ten failures, each of whose facts is on the first screen of the terminal, of the HTML report and of
/// Markdown. The table is the answer.
#[test]
fn the_first_screen_of_a_failure_says_what_a_person_needs() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = String::from("case | fact | terminal | html | markdown\n");
    let mut lacking = Vec::new();
    for case in [
        "circuit-breaker-rollback",
        "container-health-checks-fail",
        "crash-after-completed",
        "image-cannot-be-pulled",
        "init-container-fails-on-fargate",
        "killed-by-load-balancer-checks",
        "migration-multiple-heads",
        "out-of-memory",
        "secret-cannot-be-read",
        "service-connect-container-exited",
    ] {
        let (bundle, page) = (import(case, folder.path()), folder.path().join("report.html"));
        let json = folder.path().join("verdict.json");
        let (html, json_report) = (format!("html={}", text(&page)), format!("json={}", text(&json)));
        let terminal = casefile(&["analyze", text(&bundle), "--report", &html, "--report", &json_report]).out;
        assert!(terminal.lines().count() <= 30, "{terminal}");
        let markdown = casefile(&["analyze", text(&bundle), "--format", "markdown"]).out;
        let html = std::fs::read_to_string(&page).unwrap();
        let screens = [
            terminal.as_str(),
            // The head, and the first of what happened.
            &html[html.find("<body").unwrap()..html.find("</article>").unwrap()],
            markdown.split("<details").next().unwrap(),
        ];
        let verdict: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
        for (fact, value) in facts(&verdict) {
            let Some(value) = value else { continue };
            // The beginning of a line tells it; a long one is cut.
            let wanted: String = squeezed(&value).chars().take(30).collect();
            let has = screens.map(|screen| squeezed(screen).contains(&wanted));
            let signs = has.map(|has| if has { "yes" } else { "NO" });
            table.push_str(&format!("{case} | {fact}: {value:.60} | {}\n", signs.join(" | ")));
            if has.contains(&false) {
                lacking.push(format!("{case}: {fact}: {wanted} {has:?}"));
            }
        }
    }
    insta::assert_snapshot!("five_seconds", table);
    assert_eq!(lacking, Vec::<String>::new(), "{table}");
}

/// The head of each report.
#[test]
fn the_first_lines_say_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let mut heads = String::new();
    for case in [
        "crash-after-completed",
        "first-deployment-failed",
        "hook-waits-for-an-answer",
        "killed-by-load-balancer-checks",
        "migration-multiple-heads",
        "never-deployed",
        "nothing-deployed-and-interrupted",
        "nothing-deployed-nine-days-old",
        "percent-deadlock",
        "restarts-in-place",
        "rolled-back-by-an-alarm",
        "secret-cannot-be-read",
        "stopped-by-a-person",
        "superseded-by-hand-after-completion",
    ] {
        let run = casefile(&["analyze", text(&import(case, folder.path()))]);
        let (head, _) = run.out.split_once("\n\n").unwrap();
        heads.push_str(&format!("{case}\n{head}\n\n"));
    }
    insta::assert_snapshot!(heads);
}

#[test]
fn reports_are_written_before_a_failing_exit() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("migration-multiple-heads", folder.path());
    let junit = folder.path().join("deep/er/report.xml");
    let json = folder.path().join("verdict.json");
    let run = casefile(&[
        "analyze",
        text(&bundle),
        "--report",
        &format!("junit={}", text(&junit)),
        "--report",
        &format!("json={}", text(&json)),
        "--format",
        "markdown",
        "-o",
        text(&folder.path().join("report.md")),
    ]);
    assert_eq!((run.code, run.out.as_str()), (3, ""), "{}", run.err);
    assert!(fs::read_to_string(&junit).unwrap().contains("<failure"));
    assert_eq!(serde_json::from_str::<Value>(&fs::read_to_string(&json).unwrap()).unwrap()["verdict"], "fail");
    assert!(fs::read_to_string(folder.path().join("report.md")).unwrap().to_lowercase().contains("fail"));
}

#[test]
fn replay_shows_when_it_was_decidable() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("crash-after-completed", folder.path());
    let run = casefile(&["replay", text(&bundle), "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let replay: Value = serde_json::from_str(&run.out).unwrap();
    let verdicts: Vec<&str> =
        replay["moments"].as_array().unwrap().iter().map(|moment| moment["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts.last(), Some(&"fail"), "{verdicts:?}");
    assert_eq!(verdicts.first(), Some(&"inconclusive"), "{verdicts:?}");
    let failed = verdicts.iter().position(|verdict| *verdict == "fail").unwrap();
    assert!(verdicts[failed..].iter().all(|verdict| *verdict == "fail"), "a failure healed: {verdicts:?}");
}

#[test]
fn an_earlier_moment_judges_the_newest_rollout_of_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("watch-began-before-its-rollout", folder.path());
    for (moment, created) in [("2027-02-02T05:20:18Z", "2027-01-24T"), ("2027-02-02T05:20:42Z", "2027-02-02T05:20:33")]
    {
        let run = casefile(&["analyze", text(&bundle), "--as-of", moment, "--format", "json"]);
        let verdict: Value = serde_json::from_str(&run.out).unwrap();
        let found = verdict["bundle"]["target"]["deployment_created_at"].as_str().unwrap();
        assert!(found.starts_with(created), "{moment}: {found}");
    }
    let run = casefile(&["analyze", text(&bundle), "--as-of", "2027-02-02T05:00:00Z"]);
    assert_eq!(run.code, 2, "{}", run.out);
    assert!(run.err.contains("before the first snapshot of the bundle"), "{}", run.err);
    let run = casefile(&["replay", text(&bundle), "--format", "json"]);
    let replay: Value = serde_json::from_str(&run.out).unwrap();
    // Time counts from the rollout that is judged at the end.
    assert_eq!(replay["moments"][0]["since_creation_s"], -41);
    assert_eq!(replay["timeouts"][0]["verdict"], "inconclusive");
}

#[test]
fn where_nothing_was_deployed_time_counts_from_the_first_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("nothing-deployed-nine-days-old", folder.path());
    let run = casefile(&["replay", text(&bundle)]);
    assert!(run.out.contains("seconds after the first snapshot"), "{}", run.out);
    assert!(run.out.starts_with("PASS since +0 s"), "{}", run.out);
}

#[test]
fn what_could_match_no_rollout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let case = folder_of_cases().join("healthy-migration");
    let other = "arn:aws:ecs:ap-southeast-2:123456789012:service-deployment/production/other/abc";
    for (flag, value, says) in [
        ("--started-after", "2030-01-01T00:00:00Z", "is later than the observation"),
        ("--expect-service-deployment", other, "is of the service other"),
        ("--service", "other", "does not tell of the service other"),
    ] {
        let run = casefile_in(folder.path(), &["import", text(&case), flag, value, "-o", "bundle"]);
        assert_eq!(run.code, 2, "{flag}: {}", run.err);
        assert!(run.err.contains(says), "{}", run.err);
        assert!(!folder.path().join("bundle").exists(), "{flag}");
    }
}

#[test]
fn a_demo_is_judged_as_its_case_says() {
    let folder = tempfile::tempdir().unwrap();
    let told = [
        ("circuit-breaker-rollback", 3, "ModuleNotFoundError: No module named 'payments_client'"),
        ("healthy-migration", 0, "PASS"),
        ("nothing-deployed-nine-days-old", 0, "nothing was deployed: bf-manage-core:222"),
    ];
    for (case, code, said) in told {
        let bundle = folder.path().join(format!("{case}.demo"));
        let run = casefile_in(folder.path(), &["demo", case, "--speed", "100", "-o", text(&bundle)]);
        assert_eq!(run.code, code, "{case}: {}{}", run.out, run.err);
        assert!(run.out.contains(said), "{case}: {}", run.out);
        assert!(run.err.contains("http://127.0.0.1:"), "{}", run.err);
        assert_eq!(casefile(&["verify", text(&bundle)]).code, 0);
    }
}

#[test]
fn a_report_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("circuit-breaker-rollback", folder.path());
    let run = casefile_in(folder.path(), &["report", text(&bundle), "-o", "out/report.html"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    let said = |what: &str| assert!(page.contains(what), "{what}");
    // The first screen, the timeline, the difference to the revision before.
    said("<p class=\"word\">FAIL</p>");
    said("exited with 1 after 3 s: ModuleNotFoundError");
    for what in
        ["<svg ", "href=\"#task-244039db\"", "id=\"task-244039db\"", "class=\"pending\"", "containers.app.image"]
    {
        said(what);
    }
    assert!(!page.contains("<script") && page.len() < 200_000, "{} bytes", page.len());
    // `analyze` writes the same, and again the same.
    let reports = ["analyze", text(&bundle), "--report", "html=again.html", "--format", "html", "-o", "third.html"];
    assert_eq!(casefile_in(folder.path(), &reports).code, 3);
    for name in ["again.html", "third.html"] {
        assert_eq!(std::fs::read_to_string(folder.path().join(name)).unwrap(), page);
    }
    let corpus = casefile_in(folder.path(), &["test", "--only", "healthy-migration", "--report", "html=x.html"]);
    assert_eq!((corpus.code, corpus.err.contains("casefile report BUNDLE")), (2, true), "{}", corpus.err);
}
