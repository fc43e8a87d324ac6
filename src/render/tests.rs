//! Every format, over a pass, a fail that is delegated, an inconclusive, and text that is out to deceive.

use casefile_analyzer::{Action, Conclusion, Level, Outcome, Owner, Status, Verdict};
use casefile_evidence::tables::{SnapshotRow, SourceRow, TargetRow};
use casefile_evidence::{Digest, Manifest, TableEntry, Window};

use super::testing::{self, HOSTILE, TASKS, after};
use super::text::visible;
use super::{Inspection, Style, inspect, verdict};
use crate::format::{Format, TableFormat};

const PLAIN: Style = Style { color: false, width: 100, verbose: false };

fn show(value: &Verdict, format: Format) -> String {
    verdict(value, format, PLAIN).unwrap()
}

/// All of the evidence, for a terminal.
fn show_all(value: &Verdict) -> String {
    verdict(value, Format::Terminal, Style { verbose: true, ..PLAIN }).unwrap()
}

/// A report runs nothing, asks for nothing, and holds hostile text as text.
#[test]
fn a_page_is_only_a_page() {
    for value in [testing::pass(), testing::fail(), testing::inconclusive(), testing::hostile()] {
        let page = super::html(&value, None);
        let tags: Vec<&str> = page.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()).collect();
        for tag in &tags {
            let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
            assert!(!["script", "iframe", "object", "embed", "form", "link", "base", "img"].contains(&name), "{tag}");
            assert!(!tag.contains(" src=") && !tag.contains(" on"), "{tag}");
            for href in tag.split("href=\"").skip(1) {
                assert!(href.starts_with('#') || href.starts_with("https://"), "{tag}");
            }
        }
        assert!(page.contains("default-src 'none'"));
        let bad = |c: char| c.is_control() && c != '\n';
        assert!(!page.chars().any(bad));
        // Roughly well-formed: what is opened is closed.
        for name in ["section", "article", "table", "pre", "ul", "dl", "details", "main"] {
            let opened = tags.iter().filter(|tag| tag.split(' ').next() == Some(name)).count();
            let closed = tags.iter().filter(|tag| **tag == format!("/{name}")).count();
            assert_eq!(opened, closed, "{name}");
        }
    }
    let page = super::html(&testing::fail(), None);
    let first: String = page.split("<nav").next().unwrap().to_owned();
    assert!(first.contains("FAIL") && first.contains("delegate to"), "{first}");
}

#[test]
fn pass() {
    insta::assert_snapshot!("pass-terminal", show(&testing::pass(), Format::Terminal));
    insta::assert_snapshot!("pass-markdown", show(&testing::pass(), Format::Markdown));
    insta::assert_snapshot!("pass-junit", show(&testing::pass(), Format::Junit));
}

#[test]
fn fail() {
    insta::assert_snapshot!("fail-terminal", show(&testing::fail(), Format::Terminal));
    insta::assert_snapshot!("fail-terminal-verbose", show_all(&testing::fail()));
    insta::assert_snapshot!("fail-markdown", show(&testing::fail(), Format::Markdown));
    insta::assert_snapshot!("fail-junit", show(&testing::fail(), Format::Junit));
}

#[test]
fn inconclusive() {
    insta::assert_snapshot!("inconclusive-terminal", show(&testing::inconclusive(), Format::Terminal));
    insta::assert_snapshot!("inconclusive-terminal-verbose", show_all(&testing::inconclusive()));
    insta::assert_snapshot!("inconclusive-markdown", show(&testing::inconclusive(), Format::Markdown));
    insta::assert_snapshot!("inconclusive-junit", show(&testing::inconclusive(), Format::Junit));
}

#[test]
fn hostile() {
    insta::assert_snapshot!("hostile-terminal", show(&testing::hostile(), Format::Terminal));
    insta::assert_snapshot!("hostile-terminal-verbose", show_all(&testing::hostile()));
    insta::assert_snapshot!("hostile-markdown", show(&testing::hostile(), Format::Markdown));
    insta::assert_snapshot!("hostile-junit", show(&testing::hostile(), Format::Junit));
}

#[test]
fn json_is_the_verdict() {
    let value = testing::fail();
    let text = show(&value, Format::Json);
    assert_eq!(text, value.to_canonical_json().unwrap() + "\n");
    assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), value);
}

#[test]
fn colour_adds_nothing_but_colour() {
    for value in [testing::pass(), testing::fail(), testing::inconclusive(), testing::hostile()] {
        let plain = show(&value, Format::Terminal);
        let coloured = verdict(&value, Format::Terminal, Style { color: true, ..PLAIN }).unwrap();
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
        let first = coloured.lines().next().unwrap();
        let colour = match value.verdict {
            Conclusion::Pass => "\x1b[32m",
            Conclusion::Fail => "\x1b[31m",
            Conclusion::Inconclusive => "\x1b[33m",
            Conclusion::Error => "\x1b[35m",
        };
        assert!(first.contains(colour), "{first:?}");
    }
}

#[test]
fn no_line_is_wider_than_asked_for() {
    for value in [testing::pass(), testing::fail(), testing::inconclusive(), testing::hostile()] {
        for width in [60, 80, 160] {
            let text = verdict(&value, Format::Terminal, Style { width, ..PLAIN }).unwrap();
            for line in text.lines() {
                assert!(textwrap::core::display_width(line) <= width, "{width}: {line:?}");
            }
        }
    }
}

#[test]
fn a_log_line_cannot_act() {
    let terminal = show(&testing::hostile(), Format::Terminal) + &show_all(&testing::hostile());
    let markdown = show(&testing::hostile(), Format::Markdown);
    for text in [&terminal, &markdown] {
        assert!(text.chars().all(|c| c == '\n' || visible(&c.to_string()) == c.to_string()), "{text:?}");
    }
    // Only the verdict's first line names the action.
    assert_eq!(terminal.lines().filter(|line| line.trim_start().starts_with("PASS")).count(), 0);
    assert!(!terminal.lines().any(|line| line.starts_with("section_start")));
    let mut fence: Option<usize> = None;
    for line in markdown.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) if ticks >= open && line.len() == ticks => fence = None,
            Some(_) => {}
            None if ticks >= 3 => fence = Some(ticks),
            None => {
                // GitLab looks for no mention in code.
                let text = line.split("<code>").map(|part| part.rsplit("</code>").next().unwrap()).collect::<String>();
                assert!(!line.contains("<script") && !text.contains(" @all"), "{line}");
                assert!(!line.contains("</details>") || line == "</details>", "{line}");
            }
        }
    }
    assert_eq!(fence, None, "every block is closed");
}

/// GitLab shows the last lines of a failed job, and folds sections.
#[test]
fn the_log_of_a_job_ends_with_the_verdict_and_the_address_of_the_report() {
    let url = "https://gitlab.example.com/a/b/-/jobs/1/artifacts/file/report.html";
    let text = super::job_log(&testing::fail(), Some(url), PLAIN);
    let (folded, rest) = text.split_once("\x1b[0Ksection_end:").unwrap();
    assert!(folded.starts_with("\x1b[0Ksection_start:"), "{folded}");
    assert!(folded.contains(":casefile_evidence[collapsed=true]\r\x1b[0KAll of the evidence\n"), "{folded}");
    let last: Vec<&str> = rest.lines().rev().take(9).collect();
    assert!(last[0].ends_with(url), "{last:?}");
    assert!(last.iter().any(|line| line.starts_with("FAIL  delegate to ")), "{last:?}");
    let hostile = super::job_log(&testing::hostile(), None, PLAIN);
    assert_eq!(
        (hostile.matches("\x1b[0Ksection_start:").count(), hostile.matches("\x1b[0Ksection_end:").count()),
        (1, 1)
    );
}

/// A comment on GitHub takes 65,536 characters.
#[test]
fn markdown_fits_a_comment_and_keeps_the_first_screen() {
    let mut value = testing::fail();
    let check = value.checks.iter().find(|check| check.id == "tasks.exited").unwrap().clone();
    value.checks.extend((0..200).map(|n| {
        let mut check = check.clone();
        check.id = format!("a.b{n}");
        check.rows.iter_mut().for_each(|row| row.reason = "x".repeat(1500));
        check
    }));
    let text = show(&value, Format::Markdown);
    assert!(text.len() <= 60_000, "{}", text.len());
    assert!(
        text.starts_with("### ❌ FAIL: delegate to ") && text.contains("see the HTML or the JSON report.\n"),
        "{text}"
    );
    assert!(text.contains(value.bundle.digest.as_deref().unwrap()), "the digests are lost");
    let count = |what: &str| text.matches(what).count();
    assert_eq!(count("<details"), count("</details>"));
}

#[test]
fn junit_is_well_formed_and_counts() {
    for (value, failures, errors, skipped) in [
        (testing::pass(), 0, 0, 1),
        (testing::fail(), 3, 0, 2),
        (testing::inconclusive(), 0, 4, 1),
        (testing::hostile(), 1, 1, 3),
    ] {
        let xml = show(&value, Format::Junit);
        let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        let suite = &report.test_suites[0];
        assert_eq!((suite.failures, suite.errors, suite.skipped), (failures, errors, skipped), "{xml}");
        assert_eq!(suite.tests, value.checks.len());
        for case in &suite.test_cases {
            // GitLab prints an element that has attributes and no text as a hash.
            let text = match &case.status {
                quick_junit::TestCaseStatus::Success { .. } => continue,
                quick_junit::TestCaseStatus::NonSuccess { description, .. }
                | quick_junit::TestCaseStatus::Skipped { description, .. } => description,
            };
            assert!(text.as_ref().is_some_and(|text| !text.is_empty()), "{:?}", case.name);
        }
        let names: std::collections::BTreeSet<_> = suite.test_cases.iter().map(|case| &case.name).collect();
        assert_eq!(names.len(), suite.tests, "each name once");
        // Characters of XML 1.0, without control characters.
        assert!(xml.chars().all(|c| c == '\n' || visible(&c.to_string()) == c.to_string()), "{xml:?}");
    }
}

#[test]
fn nothing_judged_is_not_a_green_report() {
    let mut value = testing::pass();
    value.verdict = Conclusion::Inconclusive;
    value.decision = testing::decision(Action::Alert, "no blocking check applied: see the gaps");
    value.checks.retain(|check| check.outcome == Outcome::Skip);
    let report = quick_junit::Report::deserialize_from_str(&show(&value, Format::Junit)).unwrap();
    assert_eq!(report.errors, 1);
}

#[test]
fn causes_are_read_before_consequences_and_said_once() {
    let mut value = testing::fail();
    let mut twin = value.checks.iter().find(|check| check.id == "tasks.exited").unwrap().clone();
    (twin.id, twin.owner) = ("tasks.exited-again".to_owned(), Owner::Shared);
    value.checks.push(twin);
    let text = show_all(&value);
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in {text}"));
    assert!(place("✗ tasks.exited ") < place("✗ rollout.not-rolled-back"));
    assert!(place("✗ migration.failed") < place("✗ rollout.not-rolled-back"));
    assert!(place("✗ tasks.exited-again") < place("the same evidence as tasks.exited"));
    let body = &text[place("✗ tasks.exited ")..];
    assert_eq!(body.matches("container app exited with 1:").count(), 1, "{body}");
}

#[test]
fn what_does_not_gate_is_never_red_in_junit() {
    for outcome in [Outcome::Fail, Outcome::Unknown, Outcome::Pending] {
        let mut value = testing::pass();
        let mut check = testing::check("a.b", "t", outcome, "r", vec![testing::row(Status::Fail, "task a", 1, "r")]);
        check.level = Level::Advise;
        value.checks.push(check);
        let report = quick_junit::Report::deserialize_from_str(&show(&value, Format::Junit)).unwrap();
        assert_eq!((report.failures, report.errors, report.skipped), (0, 0, 2), "{outcome:?}");
    }
}

fn inspection(text: &str) -> Inspection {
    let source = |feeds: &str, operation: &str, snapshot: i64, status: &str| SourceRow {
        feeds: feeds.to_owned(),
        operation: operation.to_owned(),
        parameters: "{}".to_owned(),
        snapshot,
        observed_at: after(5 * snapshot),
        status: status.to_owned(),
        exhausted: status == "complete",
        pages: 1,
        rows: 3,
        ..Default::default()
    };
    let denied = |id: &str| SourceRow {
        parameters: format!("{{\"logStreamName\":\"app/app/{id}\"}}"),
        log_group: Some("/ecs/bf-manage-core".to_owned()),
        log_stream: Some(format!("app/app/{id}")),
        error_code: Some("AccessDeniedException".to_owned()),
        error: Some(format!("not authorized on app/app/{id} {text}")),
        remedy: Some("grant logs:GetLogEvents on log group /ecs/bf-manage-core to the role that collects".to_owned()),
        ..source("log_events", "GetLogEvents", 1, "denied")
    };
    let entry = |name: &str, rows: u64| {
        let entry = TableEntry { file: format!("{name}.parquet"), rows, version: 1, sort_key: Vec::new() };
        (name.to_owned(), entry)
    };
    Inspection {
        digest: Digest::of(b"bundle"),
        manifest: Manifest {
            format: 1,
            tool: "casefile 0.1.0".to_owned(),
            ci: Default::default(),
            target: Default::default(),
            window: Window { from: Some(after(2)), to: Some(after(137)) },
            stop_reason: "timeout".to_owned(),
            tables: [entry("target", 1), entry("tasks", 12), entry("log_events", 20_000), entry("task_sets", 0)].into(),
            redactions: [("jwt".to_owned(), 2)].into(),
            pseudonym_key: None,
            config: None,
            remarks: vec![format!("notes.txt is no AWS document {text}")],
            parent: None,
        },
        target: vec![TargetRow {
            service: "bf-manage-core".to_owned(),
            cluster: Some("production".to_owned()),
            region: Some("ap-southeast-2".to_owned()),
            expected_task_definition: Some("bf-manage-core:42".to_owned()),
            expectation: "pinned".to_owned(),
            deployment_id: Some(testing::DEPLOYMENT.to_owned()),
            deployment_created_at: Some(after(0)),
            window_from: Some(after(2)),
            window_to: Some(after(137)),
            stop_reason: "timeout".to_owned(),
            ..Default::default()
        }],
        snapshots: (0..2)
            .map(|snapshot| SnapshotRow { snapshot, observed_at: after(5 * snapshot), documents: 7, assumed: false })
            .collect(),
        sources: vec![
            source("services", "DescribeServices", 0, "complete"),
            source("tasks", "ListTasks", 0, "throttled"),
            source("tasks", "ListTasks", 1, "complete"),
            denied(TASKS[0]),
            denied(TASKS[1]),
        ],
    }
}

#[test]
fn a_bundle_and_what_it_lacks() {
    insta::assert_snapshot!("inspect-terminal", inspect(&inspection(""), TableFormat::Terminal, PLAIN).unwrap());
    insta::assert_snapshot!("inspect-markdown", inspect(&inspection(""), TableFormat::Markdown, PLAIN).unwrap());
    let json: serde_json::Value =
        serde_json::from_str(&inspect(&inspection(""), TableFormat::Json, PLAIN).unwrap()).unwrap();
    assert_eq!(json["coverage"]["tasks"]["complete"], true, "the last row of a source says how it stands");
    assert_eq!(json["coverage"]["log_events"]["gaps"].as_array().unwrap().len(), 2);
    let hostile = inspect(&inspection(HOSTILE), TableFormat::Terminal, PLAIN).unwrap();
    assert!(hostile.chars().all(|c| c == '\n' || visible(&c.to_string()) == c.to_string()), "{hostile:?}");
}
