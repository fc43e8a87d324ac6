//! Verdicts to render, as the analyzer gives them.

use std::collections::BTreeMap;

use casefile_analyzer::{
    Action, BundleSummary, Cause, CheckVerdict, Conclusion, Conclusive, ConfigSummary, Decision, Engine, EvidenceRow,
    FORMAT, Gap, Impact, Kind, Level, Outcome, Owner, PackSummary, Release, RolloutSummary, Status, Tail, TailLine,
    Target, Verdict,
};
use casefile_evidence::{Digest, Timestamp};

pub(crate) const CREATED: &str = "2026-11-23T07:43:00Z";
pub(crate) const DEPLOYMENT: &str = "ecs-svc/4321567890123456789";
pub(crate) const TASKS: [&str; 6] = [
    "9d85800c30b349039d104d52b506b930",
    "8378fd0fc0d744109128c8d6a0b71524",
    "a25c6c790e254b4791ba6806c0541c63",
    "c3d1f0a2b4e54c6f8a9b0c1d2e3f4a5b",
    "d4e5f6a7b8c94d0e1f2a3b4c5d6e7f80",
    "e0f1a2b3c4d54e6f7081929394a5b6c7",
];
pub(crate) const HOSTILE: &str = "ok\x1b[2K\x1b[1A\x1b[32mPASS  proceed\x1b[0m\rsection_start:1763883780:fake\r\x1b[0K\n\
    ```\n| forged | row |\n<script>alert(1)</script> @all #1 </details> ]]> &amp; \u{202e}drawkcab\u{0}\u{ffff} `x`";

pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp::parse(CREATED).unwrap().plus_millis(seconds * 1000)
}

pub(crate) fn target() -> Target {
    let arn = |family: &str| Some(format!("arn:aws:ecs:ap-southeast-2:123456789012:task-definition/{family}"));
    Target {
        service: "bf-manage-core".to_owned(),
        cluster: Some("production".to_owned()),
        region: Some("ap-southeast-2".to_owned()),
        account: Some("123456789012".to_owned()),
        service_arn: None,
        expected_task_definition: arn("bf-manage-core:42"),
        expectation: "pinned".to_owned(),
        deployment_id: Some(DEPLOYMENT.to_owned()),
        task_definition: arn("bf-manage-core:42"),
        deployment_created_at: Some(after(0)),
        deployment_controller: "ECS".to_owned(),
        window_from: Some(after(2)),
        window_to: Some(after(137)),
        stop_reason: "decided".to_owned(),
        ingestion_grace_ms: 10_000,
        stable_for_ms: 30_000,
        service_deployment_arn: None,
        expected_service_deployment: None,
        expected_deployment: None,
        started_after: None,
        require_rollout: None,
        release: Some("v1.4.0".to_owned()),
        expected_image_digests: None,
    }
}

pub(crate) fn row(status: Status, resource: &str, at: i64, reason: &str) -> EvidenceRow {
    EvidenceRow { at: Some(after(at)), ..EvidenceRow::new(status, resource, reason) }
}

pub(crate) fn check(id: &str, title: &str, outcome: Outcome, reason: &str, rows: Vec<EvidenceRow>) -> CheckVerdict {
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.status).or_default() += 1);
    CheckVerdict {
        id: id.to_owned(),
        title: title.to_owned(),
        kind: Kind::Check,
        level: Level::Block,
        owner: Owner::Service,
        conclusive: Conclusive::Fail,
        outcome,
        reason: reason.to_owned(),
        counts,
        rows,
        rows_omitted: 0,
        unknown_because: Vec::new(),
        advice: None,
    }
}

fn passing() -> Vec<CheckVerdict> {
    let pass = |id: &str, title: &str| check(id, title, Outcome::Pass, "1 judged, all pass", Vec::new());
    let mut skipped = pass("network.unhealthy-targets", "The load balancer found every target healthy");
    (skipped.outcome, skipped.reason) = (Outcome::Skip, "there was nothing to judge".to_owned());
    vec![
        pass("rollout.desired-count", "The service is to run at least one task"),
        pass("tasks.out-of-memory", "No container was killed for lack of memory"),
        skipped,
    ]
}

pub(crate) fn verdict(
    conclusion: Conclusion,
    decision: Decision,
    checks: Vec<CheckVerdict>,
    gaps: Vec<Gap>,
) -> Verdict {
    let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
    Verdict {
        format: FORMAT.to_owned(),
        digest: digest("verdict"),
        verdict: conclusion,
        decision,
        bundle: BundleSummary {
            digest: Some(digest("bundle")),
            format: Some(1),
            ci: BTreeMap::new(),
            target: target(),
        },
        release: Release { name: Some("v1.4.0".to_owned()), images: Vec::new() },
        rollout: RolloutSummary::default(),
        impact: Impact {
            summary: "bf-manage-core:41 (previous revision) runs 2 of 2 desired tasks".to_owned(),
            ..Impact::default()
        },
        as_of: Some(after(137)),
        engine: Engine { casefile: "0.1.0".to_owned(), datafusion: "55.2.0".to_owned() },
        pack: PackSummary { digest: digest("pack"), checks: checks.len() },
        config: ConfigSummary { digest: digest("config"), service: None, owner: None, runbook: None, signatures: 1 },
        checks,
        gaps,
        history: None,
    }
}

pub(crate) fn decision(action: Action, why: &str) -> Decision {
    let causes = vec![Cause { text: why.to_owned(), checks: Vec::new() }];
    Decision { action, to: None, runbook: None, why: why.to_owned(), causes }
}

pub(crate) fn pass() -> Verdict {
    let decision = decision(Action::Proceed, "every blocking check that applies passed (2)");
    verdict(Conclusion::Pass, decision, passing(), Vec::new())
}

/// A migration that fails, the crash loop that follows, and the rollback that follows that.
pub(crate) fn fail() -> Verdict {
    let mut exits: Vec<EvidenceRow> = TASKS
        .iter()
        .zip(0..)
        .map(|(id, number)| {
            let reason = "container app exited with 1: Essential container in task exited";
            let mut row = row(Status::Fail, &format!("task {id}"), 31 + 17 * number, reason);
            row.observed = Some("EssentialContainerExited".to_owned());
            row.expected = Some("it runs".to_owned());
            row.more = BTreeMap::from([
                ("exit_codes".to_owned(), "app=1".to_owned()),
                ("task_id".to_owned(), (*id).to_owned()),
            ]);
            row
        })
        .collect();
    let mut exited = check(
        "tasks.exited",
        "No essential container of the release exited",
        Outcome::Fail,
        &exits[0].reason.clone(),
        Vec::new(),
    );
    exited.reason.push_str(" (and 22 more)");
    exits[5].reason = "container app exited with 137: Essential container in task exited".to_owned();
    let line = |at: i64, line: &str| TailLine { at: after(at), line: line.to_owned() };
    exits[0].tail = Some(Tail {
        container: Some("app".to_owned()),
        log_stream: Some(format!("app/app/{}", TASKS[0])),
        lines: vec![
            line(28, "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl."),
            line(29, "Traceback (most recent call last):"),
            line(29, "  File \"/app/migrate.py\", line 7, in <module>"),
            line(29, "alembic.util.exc.CommandError: Multiple head revisions are present for given argument 'head'"),
        ],
        ..Tail::default()
    });
    for row in &mut exits[1..4] {
        row.tail = Some(Tail { same_as: Some(format!("task {}", TASKS[0])), ..Tail::default() });
    }
    exits[4].tail = Some(Tail { note: Some("no line was logged".to_owned()), ..Tail::default() });
    let denied = "its log was not read: log_events: GetLogEvents app/app (denied)";
    exits[5].tail = Some(Tail { note: Some(denied.to_owned()), ..Tail::default() });
    exited.rows = exits;
    exited.counts = BTreeMap::from([(Status::Fail, 23), (Status::Pass, 1)]);
    exited.rows_omitted = 18;
    exited.advice = Some("Read the last log lines of the container that exited first.".to_owned());

    let line = "FAILED: Multiple head revisions are present for given argument 'head'; please specify a specific target revision, '<branchname>@head' to narrow to a specific head, or 'heads' for all heads";
    let lines = TASKS[..3].iter().zip(0..).map(|(id, number)| {
        let mut row = row(Status::Fail, &format!("task {id}"), 29 + 17 * number, line);
        row.more = BTreeMap::from([
            ("container".to_owned(), "app".to_owned()),
            ("log_group".to_owned(), "/ecs/bf-manage-core".to_owned()),
            ("log_stream".to_owned(), format!("app/app/{id}")),
        ]);
        row
    });
    let mut migration = check(
        "migration.failed",
        "Alembic reports no failure",
        Outcome::Fail,
        "it was logged 3 times",
        lines.collect(),
    );
    migration.kind = Kind::Signature;

    let mut rolled_back = row(
        Status::Fail,
        &format!("service deployment {}", TASKS[3]),
        120,
        "ROLLBACK_SUCCESSFUL: Service deployment rolled back because the circuit breaker threshold was exceeded.",
    );
    rolled_back.observed = Some("ROLLBACK_SUCCESSFUL".to_owned());
    rolled_back.expected = Some("SUCCESSFUL".to_owned());
    let mut rollback = check(
        "rollout.not-rolled-back",
        "The rollout was not rolled back, failed or stopped",
        Outcome::Fail,
        &rolled_back.reason.clone(),
        vec![rolled_back],
    );
    rollback.owner = Owner::Shared;

    let mut held = row(Status::Fail, &format!("task {}", TASKS[0]), 50, "is not AZ balanced");
    held.observed = Some("3 tasks in one zone".to_owned());
    let mut advise =
        check("rollout.balanced", "Tasks are spread over zones", Outcome::Fail, "is not AZ balanced", vec![held]);
    (advise.level, advise.owner) = (Level::Advise, Owner::Platform);

    let gap = Gap {
        source: "target_health: DescribeTargetHealth".to_owned(),
        status: "denied".to_owned(),
        error: "AccessDenied: not authorized to perform elasticloadbalancing:DescribeTargetHealth".to_owned(),
        remedy: "grant elasticloadbalancing:DescribeTargetHealth to the role that collects".to_owned(),
    };
    let cause = |check: &CheckVerdict| Cause { text: check.reason.clone(), checks: vec![check.id.clone()] };
    let ended = "container app exited with 1: Essential container in task exited: FAILED: Multiple head revisions are present for given argument 'head' (and 22 more)";
    let ended = Cause { text: ended.to_owned(), checks: vec![exited.id.clone(), migration.id.clone()] };
    let mut decision = decision(Action::Delegate, &ended.text);
    decision.causes = vec![ended, cause(&rollback)];
    decision.to = Some("manage-core team".to_owned());
    decision.runbook = Some("https://runbooks.example.com/bf-manage-core".to_owned());
    let mut checks = vec![rollback, exited, advise];
    checks.extend(passing());
    checks.push(migration);
    verdict(Conclusion::Fail, decision, checks, vec![gap])
}

/// The logs may not be read, the service is scaled to nothing, and a deadline is not over.
pub(crate) fn inconclusive() -> Verdict {
    let gaps: Vec<Gap> = TASKS
        .iter()
        .map(|id| Gap {
            source: format!("log_events: GetLogEvents /ecs/bf-manage-core app/app/{id}"),
            status: "denied".to_owned(),
            error: format!("AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: logs:GetLogEvents on resource: arn:aws:logs:ap-southeast-2:123456789012:log-group:/ecs/bf-manage-core:log-stream:app/app/{id}"),
            remedy: "grant logs:GetLogEvents on log group /ecs/bf-manage-core to the role that collects".to_owned(),
        })
        .collect();
    let unknown = |id: &str, title: &str| {
        let mut check = check(
            id,
            title,
            Outcome::Unknown,
            &format!("evidence is missing: {} (and 5 more gaps)", gaps[0].error),
            Vec::new(),
        );
        check.kind = Kind::Signature;
        check.unknown_because.clone_from(&gaps);
        check
    };
    let zero =
        row(Status::Unknown, "service bf-manage-core", 137, "desired count is 0: nothing runs, so nothing shows");
    let mut checks = vec![
        check(
            "rollout.desired-count",
            "The service is to run at least one task",
            Outcome::Unknown,
            &zero.reason.clone(),
            vec![zero],
        ),
        unknown("migration.upgraded", "Alembic finished its upgrade"),
        unknown("migration.failed", "Alembic reports no failure"),
        check(
            "service.started",
            "Uvicorn answers",
            Outcome::Pending,
            "it may still be logged: the deadline is 2026-11-23T07:46:00Z, and lines may arrive until 2026-11-23T07:46:10Z",
            Vec::new(),
        ),
    ];
    checks.extend(passing().split_off(1));
    let why = "GetLogEvents /ecs/bf-manage-core app/app: access denied (and 5 more); 2 checks lack evidence";
    let mut verdict = verdict(Conclusion::Inconclusive, decision(Action::Alert, why), checks, gaps);
    verdict.bundle.target.expectation = "newest".to_owned();
    verdict.bundle.target.stop_reason = "timeout".to_owned();
    verdict
}

/// Text from outside that tries to be more than text, everywhere where text from outside can stand.
pub(crate) fn hostile() -> Verdict {
    let mut evidence = row(Status::Fail, HOSTILE, 10, HOSTILE);
    evidence.observed = Some(HOSTILE.to_owned());
    evidence.expected = Some(HOSTILE.to_owned());
    evidence.more = BTreeMap::from([("container".to_owned(), HOSTILE.to_owned())]);
    let lines = HOSTILE.lines().map(|line| TailLine { at: after(9), line: line.to_owned() });
    evidence.tail = Some(Tail {
        container: Some(HOSTILE.to_owned()),
        log_stream: Some(HOSTILE.to_owned()),
        lines: lines.chain([TailLine { at: after(9), line: HOSTILE.to_owned() }]).collect(),
        telling: Some(HOSTILE.to_owned()),
        same_as: None,
        note: Some(HOSTILE.to_owned()),
    });
    let gap = Gap {
        source: HOSTILE.to_owned(),
        status: "denied".to_owned(),
        error: HOSTILE.to_owned(),
        remedy: HOSTILE.to_owned(),
    };
    let mut failing = check("logs.failure", HOSTILE, Outcome::Fail, HOSTILE, vec![evidence.clone()]);
    failing.advice = Some(HOSTILE.to_owned());
    let mut silent = evidence.clone();
    silent.tail = Some(Tail { note: Some(HOSTILE.to_owned()), ..Tail::default() });
    let mut twin = evidence.clone();
    twin.tail = Some(Tail { same_as: Some(format!("another {HOSTILE}")), ..Tail::default() });
    failing.rows.extend([silent, twin]);
    let mut noticed = failing.clone();
    (noticed.id, noticed.level) = ("logs.noticed".to_owned(), Level::Advise);
    let mut unknown = check("logs.unknown", HOSTILE, Outcome::Unknown, HOSTILE, Vec::new());
    unknown.unknown_because.push(gap.clone());
    let broken = check("logs.broken", HOSTILE, Outcome::Error, HOSTILE, Vec::new());
    evidence.status = Status::Pending;
    let pending = check("logs.pending", HOSTILE, Outcome::Pending, HOSTILE, vec![evidence]);
    let passed = check("logs.passed", HOSTILE, Outcome::Pass, HOSTILE, Vec::new());
    let mut decision = decision(Action::Delegate, HOSTILE);
    decision.to = Some(HOSTILE.to_owned());
    decision.runbook = Some(HOSTILE.to_owned());
    let mut verdict =
        verdict(Conclusion::Fail, decision, vec![failing, noticed, unknown, broken, pending, passed], vec![gap]);
    verdict.impact.summary = HOSTILE.to_owned();
    let target = &mut verdict.bundle.target;
    target.service = HOSTILE.to_owned();
    target.stop_reason = HOSTILE.to_owned();
    for name in
        [&mut target.cluster, &mut target.region, &mut target.expected_task_definition, &mut target.deployment_id]
    {
        *name = Some(HOSTILE.to_owned());
    }
    verdict
}
