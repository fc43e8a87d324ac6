//! Events of ECS that EventBridge delivered: the last states of tasks, and service events.
//!
//! They were not asked for, so they add nothing to the coverage, and take nothing from it. All events of a snapshot were
//! observed in it, like its other documents: of a task the newest state counts.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;
use casefile_evidence::tables::ServiceEventRow;
use serde_json::{Map, Value};

use crate::document::{Delivered, DeliveredTask, Document};
use crate::normalise::Assembly;
use crate::normalise::fields::{Fields, short_name};
use crate::normalise::topology::SeenTask;

/// What events tell of tasks.
#[derive(Debug, Default)]
pub(crate) struct DeliveredTasks {
    /// The newest state of each task in this snapshot, by ARN, until an answer describes it.
    held: BTreeMap<String, Held>,
    /// The last snapshot before this one.
    before: Option<Timestamp>,
}

#[derive(Debug)]
struct Held {
    state: DeliveredTask,
    task: Map<String, Value>,
    origin: String,
}

impl Held {
    fn has_stopped(&self) -> bool {
        has_stopped(self.task.get("lastStatus").and_then(Value::as_str))
    }
}

fn has_stopped(last_status: Option<&str>) -> bool {
    last_status == Some("STOPPED")
}

impl Assembly {
    pub(super) fn delivered(&mut self, document: &Document) {
        let Some(answer) = document.response() else { return };
        let (mut foreign, mut other) = (0_usize, BTreeMap::<&str, usize>::new());
        for event in Delivered::all(answer) {
            let is_own = match event.kind() {
                Some("ECS Task State Change") => self.delivered_task(event, &document.origin),
                Some("ECS Deployment State Change" | "ECS Service Action") => {
                    self.delivered_service_event(event, &document.origin)
                }
                kind => {
                    *other.entry(kind.unwrap_or("not of ECS")).or_default() += 1;
                    true
                }
            };
            foreign += usize::from(!is_own);
        }
        if foreign > 0 {
            let remark = format!("events of other services and tasks were left out: {foreign}");
            self.remarks.add(&document.origin, remark);
        }
        for (kind, count) in other {
            self.remarks
                .add(&document.origin, format!("events of a kind that is not read were left out ({kind}): {count}"));
        }
    }

    /// Keeps the newest state of a task; says whether the task is the service's, or one that was chosen.
    fn delivered_task(&mut self, event: Delivered<'_>, origin: &str) -> bool {
        let task = Fields::new(event.detail(), origin, "detail");
        let Some(arn) = task.id("taskArn", &mut self.remarks) else { return true };
        let seen = SeenTask {
            task_definition: task.text("taskDefinitionArn", &mut self.remarks),
            started_by: task.text("startedBy", &mut self.remarks),
            group: task.text("group", &mut self.remarks),
            ..SeenTask::default()
        };
        let service = seen.group.as_deref().map(|group| group.strip_prefix("service:"));
        let is_own = service.is_none_or(|service| service == Some(self.topology.about.service.as_str()));
        let is_chosen = self.topology.selector_of(&seen).is_some();
        if self.topology.about.is_elsewhere(&arn) || !(is_own || is_chosen) {
            return false;
        }
        let state = event.task();
        if self.delivered_tasks.held.get(&arn).is_none_or(|held| held.state < state) {
            let held = Held { state, task: event.detail().clone(), origin: origin.to_owned() };
            self.delivered_tasks.held.insert(arn, held);
        }
        true
    }

    /// The last state of a task that an answer of this snapshot describes as not stopped, where events know that it
    /// stopped.
    pub(super) fn stopped_since(&mut self, task: Fields<'_>) -> Option<(Map<String, Value>, String)> {
        let arn = task.get("taskArn")?.as_str()?;
        self.coverage.listed.open_tasks.remove(short_name(arn));
        let held = self.delivered_tasks.held.remove(arn)?;
        let is_older = has_stopped(task.get("lastStatus").and_then(Value::as_str));
        (held.has_stopped() && !is_older).then_some((held.task, held.origin))
    }

    /// Takes up the tasks of this snapshot that only events tell of.
    pub(crate) fn take_delivered_tasks(&mut self) {
        for (arn, held) in std::mem::take(&mut self.delivered_tasks.held) {
            let id = short_name(&arn);
            let is_old = self.topology.tasks.contains_key(id) && held.state.at() <= self.delivered_tasks.before;
            if is_old || self.topology.is_stopped(&arn) {
                continue;
            }
            self.task(Fields::new(&held.task, &held.origin, "detail"));
            if held.has_stopped() {
                self.coverage.listed.open_tasks.remove(id);
            } else {
                self.coverage.listed.open_tasks.insert(id.to_owned());
            }
        }
        self.delivered_tasks.before = Some(self.current.observed_at);
    }

    /// Takes up a service action, or a change of a deployment's state; says whether it is of the service.
    fn delivered_service_event(&mut self, event: Delivered<'_>, origin: &str) -> bool {
        let is_own = |arn: &String| self.topology.is_the_service(arn);
        let Some(service_arn) = event.service_arn().filter(is_own) else { return false };
        let remarks = &mut self.remarks;
        let detail = Fields::new(event.detail(), origin, "detail");
        let Some((event_id, name)) = event.id().zip(detail.id("eventName", remarks)) else {
            remarks.add(origin, "an event has no id or no eventName; it was left out".to_owned());
            return true;
        };
        let at = detail.time("createdAt", remarks).or_else(|| detail.time("updatedAt", remarks));
        let created_at = at.or(event.at());
        let deployment = detail.text("deploymentId", remarks);
        let reason = detail.text("reason", remarks);
        let message = message(&self.topology.about.service, &name, deployment.as_deref(), reason.as_deref());
        self.service_event(ServiceEventRow {
            created_at,
            event_id: event_id.to_owned(),
            snapshot: self.current.snapshot,
            observed_at: self.current.observed_at,
            service_arn,
            message,
        });
        true
    }
}

/// An event in the words of the service event that DescribeServices has of it, and its name. Of most events there are no
/// such words: then its name and its reason stand for them.
fn message(service: &str, name: &str, deployment: Option<&str>, reason: Option<&str>) -> String {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    let of_deployment = deployment.map(|id| format!(" (deployment {id})")).unwrap_or_default();
    let known = match (name, reason) {
        ("SERVICE_STEADY_STATE", _) => Some("has reached a steady state.".to_owned()),
        ("SERVICE_TASK_START_IMPAIRED", _) => Some("is unable to consistently start tasks successfully.".to_owned()),
        ("SERVICE_TASK_PLACEMENT_FAILURE", None) => Some("was unable to place a task.".to_owned()),
        ("SERVICE_TASK_PLACEMENT_FAILURE", Some(reason)) => {
            Some(format!("was unable to place a task. Reason: {}", sentence(reason)))
        }
        ("ECS_OPERATION_THROTTLED", _) => Some("operations are being throttled. Will try again later.".to_owned()),
        ("SERVICE_DEPLOYMENT_COMPLETED", _) if deployment.is_some() => Some("deployment completed.".to_owned()),
        ("SERVICE_DEPLOYMENT_FAILED", None) if deployment.is_some() => Some("deployment failed.".to_owned()),
        ("SERVICE_DEPLOYMENT_FAILED", Some(reason)) if deployment.is_some() => {
            Some(format!("deployment failed: {}", sentence(reason)))
        }
        (_, reason) => reason.map(sentence),
    };
    let text = known.map(|known| format!(" {known}")).unwrap_or_default();
    format!("(service {service}){of_deployment}{text} ({name})")
}

fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_like_the_service_event_that_ecs_writes_of_it() {
        let id = Some("ecs-svc/7");
        for (name, deployment, reason, expected) in [
            ("SERVICE_STEADY_STATE", None, None, "(service web) has reached a steady state. (SERVICE_STEADY_STATE)"),
            (
                "SERVICE_TASK_PLACEMENT_FAILURE",
                None,
                Some("RESOURCE:FARGATE"),
                "(service web) was unable to place a task. Reason: RESOURCE:FARGATE. (SERVICE_TASK_PLACEMENT_FAILURE)",
            ),
            (
                "SERVICE_DEPLOYMENT_COMPLETED",
                id,
                Some("ECS deployment ecs-svc/7 completed."),
                "(service web) (deployment ecs-svc/7) deployment completed. (SERVICE_DEPLOYMENT_COMPLETED)",
            ),
            (
                "SERVICE_DEPLOYMENT_FAILED",
                id,
                Some("ECS deployment circuit breaker: tasks failed to start."),
                "(service web) (deployment ecs-svc/7) deployment failed: ECS deployment circuit breaker: tasks failed to \
                 start. (SERVICE_DEPLOYMENT_FAILED)",
            ),
            (
                "SERVICE_DEPLOYMENT_IN_PROGRESS",
                id,
                Some("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/6."),
                "(service web) (deployment ecs-svc/7) ECS deployment circuit breaker: rolling back to deploymentId \
                 ecs-svc/6. (SERVICE_DEPLOYMENT_IN_PROGRESS)",
            ),
            (
                "SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED",
                None,
                None,
                "(service web) (SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED)",
            ),
        ] {
            assert_eq!(message("web", name, deployment, reason), expected);
        }
    }
}
