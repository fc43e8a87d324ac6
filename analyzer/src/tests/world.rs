//! A small service in memory: one rollout, seen in a few snapshots.

use casefile_evidence::tables::*;
use casefile_evidence::{AnyRow, Timestamp};

use crate::pack::Pack;
use crate::settings::Settings;
use crate::{Anchor, Expect, Level, Options, Owner, Quorum, Signature, Verdict};

pub(crate) const NEW: &str = "arn:aws:ecs:ap-southeast-2:123456789012:task-definition/bf-manage-core:42";
pub(crate) const OLD: &str = "arn:aws:ecs:ap-southeast-2:123456789012:task-definition/bf-manage-core:41";
pub(crate) const DEPLOYMENT: &str = "ecs-svc/1111111111111111111";
pub(crate) const GROUP: &str = "/ecs/bf-manage-core";

/// Seconds after the deployment was created.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp(1_795_420_800_000 + seconds * 1000)
}

pub(crate) fn stream(task: &str) -> String {
    format!("ecs/app/{task}")
}

/// Rows, and the moments at which they were observed.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) rows: Vec<AnyRow>,
    snapshots: i64,
    now: Timestamp,
    lines: std::collections::BTreeMap<String, i64>,
}

impl World {
    /// A rollout of [`NEW`], seen at these seconds after it was created; every source is complete.
    pub(crate) fn rollout(seconds: &[i64]) -> Self {
        let mut world = Self::default();
        for (snapshot, second) in seconds.iter().enumerate() {
            world.snapshots = snapshot as i64;
            world.now = at(*second);
            world.add(SnapshotRow { snapshot: world.snapshots, observed_at: world.now, documents: 5, assumed: false });
            world.add(ServiceRow {
                snapshot: world.snapshots,
                observed_at: world.now,
                service_arn: "arn:service".to_owned(),
                raw: "{}".to_owned(),
                ..Default::default()
            });
            for (deployment_id, status, task_definition) in
                [(DEPLOYMENT, "PRIMARY", NEW), ("ecs-svc/2222222222222222222", "ACTIVE", OLD)]
            {
                world.add(DeploymentRow {
                    snapshot: world.snapshots,
                    observed_at: world.now,
                    deployment_id: deployment_id.to_owned(),
                    service_arn: "arn:service".to_owned(),
                    status: Some(status.to_owned()),
                    task_definition: Some(task_definition.to_owned()),
                    created_at: Some(at(0)),
                    raw: "{}".to_owned(),
                    ..Default::default()
                });
            }
            for (feeds, operation) in [
                ("services", "DescribeServices"),
                ("service_events", "DescribeServices"),
                ("tasks", "ListTasks"),
                ("tasks", "DescribeTasks"),
                ("task_definitions", "DescribeTaskDefinition"),
            ] {
                world.source(feeds, operation, |_| {});
            }
        }
        world.add(ContainerDefinitionRow {
            task_definition: NEW.to_owned(),
            container: "app".to_owned(),
            essential: true,
            observed_at: at(seconds.first().copied().unwrap_or_default()),
            raw: "{}".to_owned(),
            ..Default::default()
        });
        world
    }

    pub(crate) fn add(&mut self, row: impl Into<AnyRow>) -> &mut Self {
        self.rows.push(row.into());
        self
    }

    /// A source of the last snapshot.
    pub(crate) fn source(&mut self, feeds: &str, operation: &str, change: impl FnOnce(&mut SourceRow)) -> &mut Self {
        let mut row = SourceRow {
            feeds: feeds.to_owned(),
            operation: operation.to_owned(),
            parameters: "{}".to_owned(),
            snapshot: self.snapshots,
            observed_at: self.now,
            status: "complete".to_owned(),
            covered_to: Some(self.now),
            exhausted: true,
            pages: 1,
            ..Default::default()
        };
        change(&mut row);
        // A source that was asked twice in a snapshot has one row.
        self.rows.retain(|other| match other {
            AnyRow::Source(other) => {
                (&other.feeds, &other.operation, &other.parameters, other.snapshot)
                    != (&row.feeds, &row.operation, &row.parameters, row.snapshot)
            }
            _ => true,
        });
        self.add(row)
    }

    /// A source that AWS denied.
    pub(crate) fn denied(&mut self, feeds: &str, operation: &str) -> &mut Self {
        self.source(feeds, operation, |row| {
            row.status = "denied".to_owned();
            row.exhausted = false;
            row.error_code = Some("AccessDeniedException".to_owned());
            row.error = Some("not authorized".to_owned());
            row.remedy = Some("grant it".to_owned());
        })
    }

    /// A running task of a deployment with a container `app`, in the last snapshot.
    pub(crate) fn task(
        &mut self,
        id: &str,
        started_by: &str,
        change: impl FnOnce(&mut TaskRow, &mut ContainerRow),
    ) -> &mut Self {
        let mut task = TaskRow {
            snapshot: self.snapshots,
            task_arn: format!("arn:task/{id}"),
            observed_at: self.now,
            task_id: id.to_owned(),
            task_definition: Some(if started_by == DEPLOYMENT { NEW } else { OLD }.to_owned()),
            started_by: Some(started_by.to_owned()),
            last_status: Some("RUNNING".to_owned()),
            started_at: Some(at(20)),
            raw: "{}".to_owned(),
            ..Default::default()
        };
        let mut container = ContainerRow {
            snapshot: self.snapshots,
            task_arn: task.task_arn.clone(),
            container: "app".to_owned(),
            observed_at: self.now,
            task_id: id.to_owned(),
            last_status: Some("RUNNING".to_owned()),
            raw: "{}".to_owned(),
            ..Default::default()
        };
        change(&mut task, &mut container);
        self.add(task).add(container)
    }

    /// A task that died at a second, with an exit code.
    pub(crate) fn dead_task(&mut self, id: &str, second: i64, exit_code: i64) -> &mut Self {
        self.task(id, DEPLOYMENT, |task, container| {
            task.last_status = Some("STOPPED".to_owned());
            task.stop_code = Some("EssentialContainerExited".to_owned());
            task.stopped_reason = Some("Essential container in task exited".to_owned());
            task.stopped_at = Some(at(second));
            container.last_status = Some("STOPPED".to_owned());
            container.exit_code = Some(exit_code);
        })
    }

    /// The log of a task was read to its end.
    pub(crate) fn log(&mut self, task: &str, change: impl FnOnce(&mut SourceRow)) -> &mut Self {
        let id = task.to_owned();
        self.source("log_events", "GetLogEvents", |row| {
            row.log_group = Some(GROUP.to_owned());
            row.log_stream = Some(stream(&id));
            row.container = Some("app".to_owned());
            row.parameters = format!("{{\"logStreamName\":\"{}\"}}", stream(&id));
            row.task_id = Some(id);
            change(row);
        })
    }

    /// A line that a task logged at a second.
    pub(crate) fn line(&mut self, task: &str, second: i64, message: &str) -> &mut Self {
        let numbered = self.lines.entry(task.to_owned()).or_default();
        let seq = *numbered;
        *numbered += 1;
        let row = LogEventRow {
            log_group: GROUP.into(),
            log_stream: stream(task).into(),
            timestamp: at(second),
            seq,
            container: Some("app".into()),
            task_id: Some(task.into()),
            ingestion_time: Some(at(second).plus_millis(800)),
            observed_at: self.now,
            snapshot: self.snapshots,
            message: message.to_owned(),
        };
        self.add(row)
    }

    pub(crate) fn target(&self) -> TargetRow {
        let observed = self.rows.iter().filter_map(|row| match row {
            AnyRow::Snapshot(row) => Some(row.observed_at),
            _ => None,
        });
        let (from, to) = (observed.clone().min(), observed.max());
        TargetRow {
            service: "bf-manage-core".to_owned(),
            cluster: Some("production".to_owned()),
            region: Some("ap-southeast-2".to_owned()),
            expected_task_definition: Some(NEW.to_owned()),
            expectation: "pinned".to_owned(),
            deployment_id: Some(DEPLOYMENT.to_owned()),
            task_definition: Some(NEW.to_owned()),
            deployment_created_at: Some(at(0)),
            deployment_controller: "ECS".to_owned(),
            window_from: from,
            window_to: to,
            stop_reason: "imported".to_owned(),
            ingestion_grace_ms: 10_000,
            stable_for_ms: 30_000,
            ..Default::default()
        }
    }

    /// The rows with their target.
    pub(crate) fn all(&self) -> Vec<AnyRow> {
        let mut rows = self.rows.clone();
        rows.push(self.target().into());
        rows
    }

    pub(crate) async fn judge(&self, pack: &Pack, settings: &Settings) -> Verdict {
        let evidence = crate::Evidence::rows(self.all()).unwrap();
        crate::analyze(&evidence, pack, settings, &Options::default()).await.unwrap()
    }
}

/// A rollout that went well: two tasks that run, and a migration that one of them logged after 40 s.
pub(crate) fn healthy(seconds: &[i64]) -> World {
    let mut world = World::rollout(seconds);
    for task in ["aaa", "bbb"] {
        world.task(task, DEPLOYMENT, |_, _| {}).log(task, |_| {});
        world.line(task, 30, "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.");
        world.line(task, 50, "INFO:     Uvicorn running on http://0.0.0.0:8000");
    }
    world.line("aaa", 40, "INFO  [alembic.runtime.migration] Running upgrade 1975ea83b712 -> ae1027a6acf, add column");
    world
}

/// A check file with this query.
pub(crate) fn check(id: &str, requires: &str, conclusive: &str, sql: &str) -> String {
    format!(
        "-- id = \"{id}\"\n-- title = \"title of {id}\"\n-- level = \"block\"\n-- owner = \"service\"\n\
         -- requires = [{requires}]\n-- conclusive = \"{conclusive}\"\n{sql}\n"
    )
}

pub(crate) fn pack(files: &[(&str, String)]) -> Pack {
    let files = files.iter().map(|(path, content)| ((*path).to_owned(), content.clone())).collect();
    Pack::from_files("q", files).unwrap()
}

/// The errors of a pack.
pub(crate) async fn refused(pack: Pack) -> Vec<crate::SpecError> {
    match crate::Analyzer::new(pack, &Options::default()).await {
        Ok(_) => Vec::new(),
        Err(crate::AnalyzeError::Specification(errors)) => errors,
        Err(other) => panic!("{other}"),
    }
}

/// One check that passes for every judged task that runs and fails for every other.
pub(crate) fn running_tasks() -> Pack {
    let sql = "SELECT concat('task ', task_id) AS resource,
  CASE WHEN last_status = 'RUNNING' THEN 'pass' ELSE 'fail' END AS status,
  concat('it is ', last_status) AS reason, stopped_at AS at
FROM latest_tasks WHERE judged";
    pack(&[("tasks.sql", check("tasks.running", "\"tasks\"", "fail", sql))])
}

pub(crate) fn signature(id: &str, expect: Expect, contains: &str) -> Signature {
    Signature {
        id: id.to_owned(),
        title: format!("title of {id}"),
        expect,
        pattern: None,
        contains: Some(contains.to_owned()),
        json: std::collections::BTreeMap::new(),
        family: None,
        log_group: None,
        anchor: Anchor::default(),
        quorum: Quorum::default(),
        container: Some("app".to_owned()),
        within: (expect == Expect::Success).then(|| "150s".to_owned()),
        level: Level::Block,
        owner: Owner::Service,
        advice: None,
    }
}

/// A migration that must be logged, and an error that must not.
pub(crate) fn settings() -> Settings {
    Settings {
        rollout: Default::default(),
        service: Some("bf-manage-core".to_owned()),
        owner: Some("manage-core team".to_owned()),
        runbook: Some("https://runbooks.example/manage-core".to_owned()),
        signature: vec![
            signature("migration.upgraded", Expect::Success, "Running upgrade"),
            signature("migration.heads", Expect::Failure, "Multiple head revisions"),
        ],
        checks: std::collections::BTreeMap::new(),
    }
}

/// `id: outcome (reason)`, one line a check.
pub(crate) fn outcomes(verdict: &Verdict) -> String {
    let line = |check: &crate::CheckVerdict| format!("{}: {:?} ({})", check.id, check.outcome, check.reason);
    verdict.checks.iter().map(line).collect::<Vec<_>>().join("\n")
}
