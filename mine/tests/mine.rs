//! The proposals of a small made-up set, and that the order of collecting does not show.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use casefile_mine::{
    Collected, Contrast, ContrastOptions, DrainOptions, Expect, Line, Piece, Truth, contrast, new_errors, templates,
};
use proptest::prelude::*;

/// Deployment, container, moment in milliseconds, text.
type Event = (String, &'static str, i64, String);

/// Three good deployments of a Python service with Alembic, and three that do not reach their database.
fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for number in 1..=6_i64 {
        let id = format!("ecs-svc/{number}");
        let mut log = |container, moment: i64, text: String| {
            events.push((id.clone(), container, 20_000 + number * 700 + moment, text));
        };
        let stamp = |second: i64| format!("2026-11-23 01:0{number}:{second:02},{number}23");
        log("otel", 0, format!("{} info service@v0.1.0/telemetry.go:{number}7 Setting up own telemetry...", stamp(1)));
        log("app", 100, "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.".to_owned());
        log("app", 200, format!("{} DEBUG [app.config] loaded {number}2 settings in {number}ms", stamp(2)));
        if number <= 3 {
            log(
                "app",
                900,
                format!("INFO  [alembic.runtime.migration] Running upgrade  -> 3f2a{number}c0d9e8b, add table"),
            );
            log("app", 2_000, format!("[{}] [{number}1] [INFO] Booting worker with pid: {number}1", stamp(3)));
            log("app", 2_500, "INFO:     Application startup complete.".to_owned());
            for request in 0..30 {
                let text = format!("INFO:     10.0.{number}.{request}:4{request}11 - \"GET /health HTTP/1.1\" 200 OK");
                log("app", 5_000 + request * 1_000, text);
            }
            log("app", 9_000, format!("{} ERROR [app.mail] could not send mail to jane{number}@example.com", stamp(9)));
        } else {
            let cause = format!(
                "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server at \"10.0.1.{number}\", port 5432 failed: Connection refused"
            );
            if number < 6 {
                for (offset, text) in [
                    (0, "Traceback (most recent call last):".to_owned()),
                    (0, format!("  File \"/app/alembic/env.py\", line {number}7, in run_migrations_online")),
                    (0, cause),
                ] {
                    log("app", 1_000 + offset, text);
                }
            } else {
                let frame = "Traceback (most recent call last):\n  File \"/app/alembic/env.py\", line 67, in run_migrations_online";
                log(
                    "app",
                    1_000,
                    format!(
                        "{frame}\n{cause}\n\tIs the server running?\n\n(Background on this error at: https://sqlalche.me/e/20/e3q8)"
                    ),
                );
            }
            log("app", 1_500, format!("[{}] [{number}7] [INFO] Worker exiting (pid: {number}7)", stamp(4)));
            log("app", 1_600, "INFO:     Application startup failed. Exiting.".to_owned());
            log("otel", 61_000, format!("{} info Shutdown complete.", stamp(59)));
        }
    }
    events
}

fn truth() -> BTreeMap<String, Truth> {
    let of = |number| if number <= 3 { Truth::Good } else { Truth::Bad };
    (1..=6).map(|number| (format!("ecs-svc/{number}"), of(number))).collect()
}

fn collect(events: &[Event], most: usize) -> Collected {
    let mut collected = Collected::with_limit(most);
    for (deployment, container, moment_ms, text) in events {
        collected.add(deployment, Line { container, moment_ms: *moment_ms, text });
    }
    collected
}

fn found(collected: &Collected) -> Contrast {
    contrast(collected, &truth(), ContrastOptions::default())
}

#[test]
fn the_cause_is_proposed_before_its_consequences() {
    let found = found(&collect(&events(), 1_000));
    let mut text = String::new();
    for proposal in found.failures.iter().chain(&found.successes) {
        let first = &proposal.first;
        writeln!(
            text,
            "support {} against {} precision {:.2} recall {:.2} others {} first {} at {} ms\nexample: {}\n{}",
            proposal.support,
            proposal.against,
            proposal.precision,
            proposal.recall,
            proposal.others,
            first.deployment,
            first.moment_ms,
            proposal.examples.join("\n         "),
            proposal.toml(),
        )
        .unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_block_is_toml_and_every_pattern_matches_its_examples() {
    let found = found(&collect(&events(), 1_000));
    let mut ids = BTreeSet::new();
    for proposal in found.failures.iter().chain(&found.successes) {
        let file: toml::Table = proposal.toml().parse().unwrap();
        let block = &file["signature"][0];
        assert_eq!(block["pattern"].as_str(), Some(proposal.pattern.as_str()));
        assert_eq!(block["level"].as_str(), Some("advise"));
        assert_eq!(block.get("within").is_some(), proposal.expect == Expect::Success);
        assert!(ids.insert(proposal.id.clone()));
        let regex = regex_automata::meta::Regex::new(&proposal.pattern).unwrap();
        assert!(proposal.examples.iter().all(|example| regex.is_match(example.as_str())), "{proposal:?}");
    }
}

#[test]
fn without_both_sides_nothing_is_proposed() {
    let mut truth = truth();
    truth.retain(|_, truth| *truth == Truth::Bad);
    truth.insert("ecs-svc/9".to_owned(), Truth::Good);
    let found = contrast(&collect(&events(), 1_000), &truth, ContrastOptions::default());
    assert_eq!((found.good, found.bad, found.unlabelled), (0, 3, 3));
    assert_eq!(found.not_collected, ["ecs-svc/9"]);
    assert!(found.failures.is_empty() && found.successes.is_empty());
}

#[test]
fn one_template_of_both_sides_is_split() {
    let mut collected = Collected::default();
    for (id, end) in [("1", "complete"), ("2", "complete"), ("3", "failed"), ("4", "failed")] {
        let text = format!("INFO the long start of the application {end}");
        collected.add(id, Line { container: "app", moment_ms: 1, text: &text });
    }
    let truth = [("1", Truth::Good), ("2", Truth::Good), ("3", Truth::Bad), ("4", Truth::Bad)];
    let truth = truth.map(|(id, truth)| (id.to_owned(), truth)).into();
    let found = contrast(&collected, &truth, ContrastOptions::default());
    assert!(found.failures[0].pattern.ends_with("failed"), "{:?}", found.failures);
    assert!(found.successes[0].pattern.ends_with("complete"), "{:?}", found.successes);
}

#[test]
fn a_success_that_a_bad_deployment_logs_too_late_counts() {
    let mut collected = Collected::default();
    for (id, moment_ms) in [("1", 1_000), ("2", 2_000), ("3", 60_000)] {
        collected.add(id, Line { container: "app", moment_ms, text: "server ready" });
    }
    let truth = [("1", Truth::Good), ("2", Truth::Good), ("3", Truth::Bad)];
    let truth = truth.map(|(id, truth)| (id.to_owned(), truth)).into();
    let found = contrast(&collected, &truth, ContrastOptions::default());
    assert_eq!(found.successes[0].within_s, Some(5));
}

#[test]
fn an_error_is_new_if_no_earlier_good_deployment_logged_it() {
    let collected = collect(&events(), 1_000);
    let earlier = ["ecs-svc/1", "ecs-svc/2"].map(str::to_owned).into();
    let new = |id| new_errors(&collected, id, &earlier, DrainOptions::default());
    assert!(new("ecs-svc/3").is_empty(), "the mail error is known");
    let bad = new("ecs-svc/4");
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert!(bad[0].template.starts_with("sqlalchemy.exc.OperationalError"));
    assert!(new_errors(&collected, "ecs-svc/4", &BTreeSet::new(), DrainOptions::default()).is_empty());
}

#[test]
fn a_cut_collection_says_so() {
    assert!(collect(&events(), 4).is_cut());
    assert!(!collect(&events(), 1_000).is_cut());
    assert!(collect(&events(), 4).distinct() <= 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn order_and_workers_do_not_show(
        shuffled in Just(events()).prop_shuffle(),
        workers in 1..5_usize,
        reverse: bool,
        most in prop_oneof![Just(4_usize), Just(10), Just(1_000)],
        lines in 0..6_usize,
    ) {
        let expected = collect(&events(), most);
        let mut parts: Vec<Collected> = shuffled.chunks(shuffled.len().div_ceil(workers)).map(|part| collect(part, most)).collect();
        if reverse {
            parts.reverse();
        }
        // Each part is sent in pieces.
        let pieces = parts.into_iter().flat_map(|part| part.pieces(lines));
        let sent = pieces.map(|piece| serde_json::from_str::<Piece>(&serde_json::to_string(&piece).unwrap()).unwrap());
        let merged = sent.map(Collected::from).fold(Collected::with_limit(most), Collected::merge);
        prop_assert_eq!(found(&merged), found(&expected));
        prop_assert_eq!(merged.distinct(), expected.distinct());
        let earlier = ["ecs-svc/1".to_owned()].into();
        prop_assert_eq!(
            new_errors(&merged, "ecs-svc/5", &earlier, DrainOptions::default()),
            new_errors(&expected, "ecs-svc/5", &earlier, DrainOptions::default())
        );
    }

    #[test]
    fn templates_do_not_depend_on_the_order(lines in prop::collection::vec("(error|ok|a1|b) (open|shut) [a-d]{1,2} [0-9]{1,2}", 1..40)) {
        let set = |lines: &[String]| {
            let (of_line, names) = templates(lines.iter().map(String::as_str), DrainOptions::default());
            lines.iter().cloned().zip(of_line.into_iter().map(|at| names[at].clone())).collect::<BTreeMap<_, _>>()
        };
        let mut reversed = lines.clone();
        reversed.reverse();
        prop_assert_eq!(set(&lines), set(&reversed));
    }
}
