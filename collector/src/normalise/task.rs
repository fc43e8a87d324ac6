//! Tasks and their containers.

use casefile_evidence::Timestamp;
use casefile_evidence::tables::{ContainerRow, TaskRow};
use serde_json::Value;

use super::fields::{Fields, short_name};
use super::sources::{Key, Page};
use super::topology::{SeenTask, SeenTaskContainer};
use super::{Assembly, Current};
use crate::document::Document;

/// ECS keeps a stopped task "at least one hour" (ListTasks, DescribeTasks).
pub(super) const STOPPED_KEPT_MS: i64 = 60 * 60 * 1000;

/// From when on no stopped task was forgotten unseen.
#[derive(Debug, Default)]
pub(super) struct Retention {
    covered_from: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Retention {
    fn cover(&mut self, observed_at: Timestamp) -> Option<Timestamp> {
        let reach = observed_at.plus_millis(-STOPPED_KEPT_MS);
        if self.last.is_none_or(|last| last < reach) {
            self.covered_from = Some(reach);
        }
        self.last = Some(observed_at);
        self.covered_from
    }
}

impl Assembly {
    pub(super) fn listed_tasks(&mut self, document: &Document) {
        let listed = document.response().and_then(|answer| answer.get("taskArns")).and_then(Value::as_array);
        let arns = listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let foreign = document.requested("serviceName").is_some_and(|name| short_name(name) != self.about.service);
        if !foreign {
            self.listed.tasks.extend(arns);
        }
        let listed = listed.map_or(0, Vec::len);
        let key = Key::of("tasks", document);
        let stopped = document.assumed || document.requested("desiredStatus") == Some("STOPPED");
        let page = Page {
            rows: listed,
            last: document.is_last_page(),
            covered_from: if stopped { self.stopped_from(&key) } else { None },
            covered_to: Some(self.current.observed_at),
            ..Page::default()
        };
        self.ledger.page(key, document, page);
    }

    /// From when on no stopped task was forgotten that this list should hold. Each list has a history of its own.
    fn stopped_from(&mut self, key: &Key) -> Option<Timestamp> {
        if self.current.assumed {
            // It may have been taken hours after all that it tells of.
            return Some(self.current.observed_at);
        }
        self.retention.entry(key.parameters.clone()).or_default().cover(self.current.observed_at)
    }

    pub(super) fn tasks(&mut self, document: &Document) {
        let Some(answer) = document.response() else { return self.account("tasks", document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeTasks");
        let tasks = answer.list("tasks", &mut self.remarks);
        let mut written = 0;
        for task in &tasks {
            let is_new = match self.stopped_since(*task) {
                Some((stopped, origin)) => self.task(Fields::new(&stopped, &origin, "detail")),
                None => self.task(*task),
            };
            written += usize::from(is_new);
        }
        // A task that was seen to stop may be forgotten. How another one ended is not known.
        let unknown: Vec<String> = answer
            .list("failures", &mut self.remarks)
            .iter()
            .filter_map(|failure| {
                let arn = failure.text("arn", &mut self.remarks)?;
                self.listed.gone_tasks.insert(short_name(&arn).to_owned());
                let known = self.seen.tasks.get_mut(short_name(&arn)).map(|task| {
                    task.gone = true;
                    task.ended_at.is_some()
                });
                let reason = failure.text("reason", &mut self.remarks).unwrap_or_default();
                match known {
                    Some(true) => None,
                    Some(false) => Some(format!("how {arn} ended is not known: {reason}")),
                    None => Some(format!("{arn}: {reason}")),
                }
            })
            .collect();
        let problem = (!unknown.is_empty()).then(|| unknown.join("; "));
        let key = Key::of("tasks", document);
        let page = Page {
            rows: written,
            last: document.is_last_page(),
            problem,
            // A bare answer stands for the list too, and the list forgets.
            covered_from: if document.assumed { self.stopped_from(&key) } else { None },
            covered_to: Some(self.current.observed_at),
            ..Page::default()
        };
        self.ledger.page(key, document, page);
    }

    /// Takes up one task; says whether it is new in this snapshot.
    pub(super) fn task(&mut self, task: Fields<'_>) -> bool {
        let remarks = &mut self.remarks;
        let Some(task_arn) = task.id("taskArn", remarks) else { return false };
        if self.about.is_elsewhere(&task_arn) {
            remarks.add("DescribeTasks", format!("{task_arn} is of another cluster than the service; it was left out"));
            return false;
        }
        let Current { snapshot, observed_at, .. } = self.current;
        // Asked by RUNNING and by STOPPED, a task that changes between the two comes twice.
        if !self.listed.described_tasks.insert(task_arn.clone()) {
            return false;
        }
        let task_id = short_name(&task_arn).to_owned();
        let mut row = TaskRow {
            snapshot,
            task_arn: task_arn.clone(),
            observed_at,
            task_id: task_id.clone(),
            cluster_arn: task.text("clusterArn", remarks),
            task_definition: task.text("taskDefinitionArn", remarks),
            started_by: task.text("startedBy", remarks),
            task_group: task.text("group", remarks),
            selected_by: None,
            last_status: task.text("lastStatus", remarks),
            desired_status: task.text("desiredStatus", remarks),
            health_status: task.text("healthStatus", remarks),
            stop_code: task.text("stopCode", remarks),
            stopped_reason: task.text("stoppedReason", remarks),
            connectivity: task.text("connectivity", remarks),
            launch_type: task.text("launchType", remarks),
            capacity_provider: task.text("capacityProviderName", remarks),
            availability_zone: task.text("availabilityZone", remarks),
            cpu: task.text("cpu", remarks),
            memory: task.text("memory", remarks),
            created_at: task.time("createdAt", remarks),
            pull_started_at: task.time("pullStartedAt", remarks),
            pull_stopped_at: task.time("pullStoppedAt", remarks),
            started_at: task.time("startedAt", remarks),
            stopping_at: task.time("stoppingAt", remarks),
            execution_stopped_at: task.time("executionStoppedAt", remarks),
            stopped_at: task.time("stoppedAt", remarks),
            raw: task.raw(&["containers"]),
        };
        let mut seen = SeenTask {
            task_definition: row.task_definition.clone(),
            started_by: row.started_by.clone(),
            group: row.task_group.clone(),
            selected_by: None,
            since_ms: 0,
            last_status: row.last_status.clone(),
            created_at: row.created_at.or_else(|| self.seen.tasks.get(&task_id)?.created_at),
            stopped_at: row.stopped_at,
            ended_at: ended_at(&row),
            started: row.started_at.is_some(),
            gone: false,
            containers: std::collections::BTreeMap::new(),
        };
        if let Some(selector) = self.about.tasks.iter().find(|selector| selector.chooses(&seen)) {
            seen.selected_by = Some(selector.to_string());
            seen.since_ms = selector.since_ms;
            row.selected_by.clone_from(&seen.selected_by);
        }
        self.rollouts.observe_task(seen.origin());
        self.rows.push(row.into());
        for container in task.list("containers", remarks) {
            let Some(name) = container.id("name", remarks) else { continue };
            let row = ContainerRow {
                snapshot,
                task_arn: task_arn.clone(),
                container: name.clone(),
                observed_at,
                task_id: task_id.clone(),
                container_arn: container.text("containerArn", remarks),
                image: container.text("image", remarks),
                image_digest: container.text("imageDigest", remarks),
                runtime_id: container.text("runtimeId", remarks),
                last_status: container.text("lastStatus", remarks),
                health_status: container.text("healthStatus", remarks),
                exit_code: container.int("exitCode", remarks),
                reason: container.text("reason", remarks),
                raw: container.raw(&[]),
            };
            let started = row.exit_code.is_some() || row.last_status.as_deref() == Some("RUNNING");
            seen.containers.insert(name, SeenTaskContainer { started, runtime_id: row.runtime_id.clone() });
            self.rows.push(row.into());
        }
        self.seen.tasks.insert(task_id, seen);
        true
    }
}

/// When a task's containers ended. A container of a task that is stopping may write until its `stopTimeout` is over.
fn ended_at(task: &TaskRow) -> Option<Timestamp> {
    let is = |status: &Option<String>, of: &[&str]| status.as_deref().is_some_and(|status| of.contains(&status));
    let has_stopped = is(&task.last_status, &["STOPPED", "DELETED"]);
    let is_stopping = is(&task.last_status, &["DEACTIVATING", "STOPPING", "DEPROVISIONING"])
        || is(&task.desired_status, &["STOPPED"])
        || task.stop_code.as_deref().is_some_and(|code| !code.is_empty());
    let stopped_at = task.stopped_at.filter(|_| has_stopped);
    let at = task.execution_stopped_at.or(stopped_at).unwrap_or(task.observed_at);
    (has_stopped || is_stopping).then_some(at)
}
