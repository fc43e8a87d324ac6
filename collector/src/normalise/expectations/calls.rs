//! The calls without which a deployment cannot be judged.

use casefile_evidence::tables::SourceRow;
use serde_json::json;

use super::Known;
use super::contradictions::undescribed_deployments;
use crate::document::Operation;
use crate::normalise::coverage::{Key, is_of_the_service};

/// A call that should have been made. That it was made is enough, whatever came of it: the ledger says what did.
struct Call {
    operation: Operation,
    feeds: &'static [&'static str],
    /// Whether the evidence should have it.
    due: fn(&Known<'_>) -> bool,
    /// The command of the AWS CLI, with `CLUSTER` and `SERVICE`.
    command: &'static str,
}

const CALLS: [Call; 5] = [
    Call {
        operation: Operation::DescribeServices,
        feeds: &["services", "service_events"],
        due: |_| true,
        command: "aws ecs describe-services --cluster CLUSTER --services SERVICE",
    },
    Call {
        operation: Operation::DescribeTasks,
        feeds: &["tasks"],
        due: |known| !known.was_called(Operation::ListTasks) || known.coverage.standing.tasks_listed,
        command: "aws ecs describe-tasks --cluster CLUSTER --tasks (those that list-tasks names)",
    },
    Call {
        operation: Operation::DescribeServiceDeployments,
        feeds: &["service_deployments"],
        due: |known| !known.was_called(Operation::ListServiceDeployments),
        command: "aws ecs list-service-deployments --cluster CLUSTER --service SERVICE, and describe-service-deployments",
    },
    Call {
        operation: Operation::DescribeServiceRevisions,
        feeds: &["service_revisions"],
        due: |known| known.topology.rollouts().has_service_deployments(),
        command: "aws ecs describe-service-revisions (those that describe-service-deployments names)",
    },
    Call {
        operation: Operation::DescribeTaskSets,
        feeds: &["task_sets"],
        due: |known| {
            let controller = known.topology.controller.as_deref();
            !matches!(controller, None | Some("ECS")) && known.topology.deployments.is_empty()
        },
        command: "aws ecs describe-task-sets --cluster CLUSTER --service SERVICE",
    },
];

impl Known<'_> {
    pub(crate) fn was_called(&self, operation: Operation) -> bool {
        self.coverage.ledger.was_asked(|key| key.operation == operation.name())
    }

    /// Whether an answer of the operation does not include its request: whom it was about is not known then.
    pub(crate) fn is_bare(&self, operation: Operation) -> bool {
        self.coverage.standing.was_assumed(operation)
    }

    /// A gap of a call that was not made.
    pub(crate) fn not_called(&self, key: &Key, remedy: String) -> SourceRow {
        self.gap(key, "not_attempted", format!("{} was not called", key.operation), remedy)
    }

    fn command(&self, command: &str) -> String {
        let named = |word: &str| match word.trim_end_matches(',') {
            "CLUSTER" => word.replace("CLUSTER", self.topology.cluster()),
            "SERVICE" => word.replace("SERVICE", &self.topology.about.service),
            _ => word.to_owned(),
        };
        command.split(' ').map(named).collect::<Vec<_>>().join(" ")
    }
}

pub(crate) fn not_called(known: &Known<'_>) -> Vec<SourceRow> {
    let due = CALLS.iter().filter(|call| (call.due)(known) && !known.was_called(call.operation));
    let gaps = due.flat_map(|call| {
        let key = |feeds| Key { feeds, ..Key::by(call.operation, &json!({})) };
        call.feeds.iter().map(move |feeds| known.not_called(&key(feeds), known.command(call.command)))
    });
    gaps.collect()
}

/// The service's tasks are listed by RUNNING and by STOPPED. Bare answers stand for both.
pub(crate) fn tasks_not_listed(known: &Known<'_>) -> Vec<SourceRow> {
    if known.is_bare(Operation::DescribeTasks) || known.is_bare(Operation::ListTasks) {
        return Vec::new();
    }
    let unlisted = ["RUNNING", "STOPPED"].into_iter().filter(|status| {
        !known.coverage.ledger.was_asked(|key| {
            key.operation == Operation::ListTasks.name()
                && key.desired_status() == *status
                && is_of_the_service(&key.parameters)
        })
    });
    let gaps = unlisted.map(|status| {
        let key = Key::by(Operation::ListTasks, &json!({ "desiredStatus": status }));
        let command = "aws ecs list-tasks --cluster CLUSTER --service-name SERVICE --desired-status";
        let remedy = format!("{} {status}, and describe-tasks", known.command(command));
        let error = match known.was_called(Operation::ListTasks) {
            true => format!("the service's {status} tasks were not listed"),
            false => format!("{} was not called", Operation::ListTasks),
        };
        known.gap(&key, "not_attempted", error, remedy)
    });
    gaps.collect()
}

/// The task definition of the release, which says where its containers log.
pub(crate) fn task_definition_not_described(known: &Known<'_>) -> Vec<SourceRow> {
    let Some(named) = known.unknown_definition() else { return Vec::new() };
    let key = Key::by(Operation::DescribeTaskDefinition, &json!({ "taskDefinition": named }));
    if known.coverage.ledger.knows(&key) {
        return Vec::new();
    }
    vec![known.not_called(&key, describe_task_definition(&named))]
}

pub(crate) fn describe_task_definition(named: &str) -> String {
    format!("aws ecs describe-task-definition --task-definition {named}")
}

impl Known<'_> {
    /// The task definition of the release, where it was not described.
    pub(crate) fn unknown_definition(&self) -> Option<String> {
        let expected = || self.topology.rollouts().expected().task_definition.clone();
        match self.topology.judged().rollout.task_definition.or_else(expected) {
            Some(arn) => (!self.topology.definitions.contains_key(&arn)).then_some(arn),
            None => Some("the deployment's task definition".to_owned()),
        }
    }
}

/// Service deployments that were listed, where nothing was ever described.
pub(crate) fn service_deployments_not_described(known: &Known<'_>) -> Vec<SourceRow> {
    let operation = Operation::DescribeServiceDeployments;
    let undescribed = undescribed_deployments(known).filter(|_| !known.was_called(operation));
    let gap = |(problem, remedy)| known.gap(&Key::by(operation, &json!({})), "missing", problem, remedy);
    undescribed.map(gap).into_iter().collect()
}
