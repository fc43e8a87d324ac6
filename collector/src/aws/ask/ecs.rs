//! Amazon ECS. The sizes of pages and batches are the API's own limits.

use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{CreatedAt, DesiredStatus};
use casefile_evidence::Timestamp;
use serde_json::Value;

use super::{Asked, OnDocument, all, batches, texts};
use crate::aws::Aws;
use crate::aws::wire::exchange;
use crate::document::Operation;

/// Tasks that DescribeTasks takes at once, and the most that ListTasks gives.
const TASKS: usize = 100;
/// Names that DescribeServiceDeployments and DescribeServiceRevisions take at once.
const ARNS: usize = 20;
/// The most that ListTasks and ListServiceDeployments give at once.
const PAGE: i32 = 100;

/// What a task should be doing, by ECS: `desiredStatus`. Stopped tasks are kept for an hour or so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Tasks that should run, the ones that are still starting included.
    Running,
    /// Tasks that should stop, or did.
    Stopped,
}

/// Whose tasks are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskFilter<'a> {
    /// A service's, by its name or ARN.
    Service(&'a str),
    /// A task definition family's, whoever started them: one-off tasks.
    Family(&'a str),
    /// Those that somebody started under this name. ECS takes no other filter beside it.
    StartedBy(&'a str),
}

/// DescribeServices for one service.
pub async fn describe_services(aws: &Aws, cluster: &str, service: &str, on: OnDocument<'_>) -> Asked {
    let names = [service.to_owned()];
    batches(on, &names, names.len(), |names| {
        exchange(aws, aws.region(), Operation::DescribeServices, move |wire| {
            let call = aws.ecs().describe_services().cluster(cluster).set_services(Some(names));
            call.customize().interceptor(wire).send()
        })
    })
    .await
}

/// ListTasks to its end; finds the ARNs, in the order in which ECS gave them, which means nothing.
pub async fn list_tasks(
    aws: &Aws,
    cluster: &str,
    filter: TaskFilter<'_>,
    status: TaskStatus,
    on: OnDocument<'_>,
) -> Asked<Vec<String>> {
    let status = match status {
        TaskStatus::Running => DesiredStatus::Running,
        TaskStatus::Stopped => DesiredStatus::Stopped,
    };
    let mut arns = Vec::new();
    let ask = |token| {
        let status = status.clone();
        exchange(aws, aws.region(), Operation::ListTasks, move |wire| {
            let call = aws.ecs().list_tasks().cluster(cluster).desired_status(status).max_results(PAGE);
            let call = match filter {
                TaskFilter::Service(service) => call.service_name(service),
                TaskFilter::Family(family) => call.family(family),
                TaskFilter::StartedBy(started_by) => call.started_by(started_by),
            };
            call.set_next_token(token).customize().interceptor(wire).send()
        })
    };
    let Asked { pages, error, .. } = all(on, ask, |page| arns.extend(texts(page, "taskArns").map(str::to_owned))).await;
    Asked { pages, error, found: arns }
}

/// DescribeTasks, a hundred at a time. Without ARNs nothing is asked.
pub async fn describe_tasks(aws: &Aws, cluster: &str, arns: &[String], on: OnDocument<'_>) -> Asked {
    batches(on, arns, TASKS, |arns| {
        exchange(aws, aws.region(), Operation::DescribeTasks, move |wire| {
            let call = aws.ecs().describe_tasks().cluster(cluster).set_tasks(Some(arns));
            call.customize().interceptor(wire).send()
        })
    })
    .await
}

/// DescribeTaskDefinition, by ARN or `family:revision`.
pub async fn describe_task_definition(aws: &Aws, task_definition: &str, on: OnDocument<'_>) -> Asked {
    let names = [task_definition.to_owned()];
    batches(on, &names, names.len(), |names| {
        exchange(aws, aws.region(), Operation::DescribeTaskDefinition, move |wire| {
            let call = aws.ecs().describe_task_definition().set_task_definition(names.into_iter().next());
            call.customize().interceptor(wire).send()
        })
    })
    .await
}

/// ListServiceDeployments to its end, those created after a moment where one is given; finds the ARNs, in
/// the order in which ECS gave them, which means nothing.
pub async fn list_service_deployments(
    aws: &Aws,
    cluster: &str,
    service: &str,
    created_after: Option<Timestamp>,
    on: OnDocument<'_>,
) -> Asked<Vec<String>> {
    let created = created_after.map(|at| CreatedAt::builder().after(DateTime::from_millis(at.as_millis())).build());
    let mut arns = Vec::new();
    let ask = |token| {
        let created = created.clone();
        exchange(aws, aws.region(), Operation::ListServiceDeployments, move |wire| {
            let call = aws.ecs().list_service_deployments().cluster(cluster).service(service).max_results(PAGE);
            call.set_created_at(created).set_next_token(token).customize().interceptor(wire).send()
        })
    };
    let Asked { pages, error, .. } = all(on, ask, |page| {
        let deployments = page.get("serviceDeployments").and_then(Value::as_array).into_iter().flatten();
        arns.extend(deployments.filter_map(|it| it.get("serviceDeploymentArn")?.as_str()).map(str::to_owned));
    })
    .await;
    Asked { pages, error, found: arns }
}

/// DescribeServiceDeployments, twenty at a time. Without ARNs nothing is asked.
pub async fn describe_service_deployments(aws: &Aws, arns: &[String], on: OnDocument<'_>) -> Asked {
    batches(on, arns, ARNS, |arns| {
        exchange(aws, aws.region(), Operation::DescribeServiceDeployments, move |wire| {
            let call = aws.ecs().describe_service_deployments().set_service_deployment_arns(Some(arns));
            call.customize().interceptor(wire).send()
        })
    })
    .await
}

/// DescribeServiceRevisions, twenty at a time. Without ARNs nothing is asked.
pub async fn describe_service_revisions(aws: &Aws, arns: &[String], on: OnDocument<'_>) -> Asked {
    batches(on, arns, ARNS, |arns| {
        exchange(aws, aws.region(), Operation::DescribeServiceRevisions, move |wire| {
            let call = aws.ecs().describe_service_revisions().set_service_revision_arns(Some(arns));
            call.customize().interceptor(wire).send()
        })
    })
    .await
}

/// DescribeTaskSets for one service: what the CODE_DEPLOY and EXTERNAL controllers deploy by.
pub async fn describe_task_sets(aws: &Aws, cluster: &str, service: &str, on: OnDocument<'_>) -> Asked {
    let names = [service.to_owned()];
    batches(on, &names, names.len(), |names| {
        exchange(aws, aws.region(), Operation::DescribeTaskSets, move |wire| {
            let call = aws.ecs().describe_task_sets().cluster(cluster).set_service(names.into_iter().next());
            call.customize().interceptor(wire).send()
        })
    })
    .await
}
