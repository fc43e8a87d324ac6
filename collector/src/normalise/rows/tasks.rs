//! Rows of tasks and their containers.

use casefile_evidence::tables::{ContainerRow, TaskRow};

use crate::normalise::fields::{Fields, short_name};
use crate::normalise::{Current, Remarks};

pub(crate) fn task(task: Fields<'_>, at: Current, remarks: &mut Remarks) -> Option<TaskRow> {
    let task_arn = task.id("taskArn", remarks)?;
    Some(TaskRow {
        snapshot: at.snapshot,
        task_id: short_name(&task_arn).to_owned(),
        task_arn,
        observed_at: at.observed_at,
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
    })
}

pub(crate) fn container(
    container: Fields<'_>,
    task: &TaskRow,
    at: Current,
    remarks: &mut Remarks,
) -> Option<ContainerRow> {
    Some(ContainerRow {
        snapshot: at.snapshot,
        task_arn: task.task_arn.clone(),
        container: container.id("name", remarks)?,
        observed_at: at.observed_at,
        task_id: task.task_id.clone(),
        container_arn: container.text("containerArn", remarks),
        image: container.text("image", remarks),
        image_digest: container.text("imageDigest", remarks),
        runtime_id: container.text("runtimeId", remarks),
        last_status: container.text("lastStatus", remarks),
        health_status: container.text("healthStatus", remarks),
        exit_code: container.int("exitCode", remarks),
        reason: container.text("reason", remarks),
        raw: container.raw(&[]),
    })
}
