//! Rows of services, deployments, events, task sets, service deployments and service revisions.

use casefile_evidence::tables::{
    DeploymentRow, ServiceDeploymentRow, ServiceEventRow, ServiceRevisionRow, ServiceRow, TaskSetRow,
};

use crate::normalise::fields::Fields;
use crate::normalise::{Current, Remarks};

pub(crate) fn service(service: Fields<'_>, service_arn: String, at: Current, remarks: &mut Remarks) -> ServiceRow {
    let configuration = service.object("deploymentConfiguration", remarks);
    let breaker = configuration.object("deploymentCircuitBreaker", remarks);
    let load_balancers = service.list("loadBalancers", remarks).len();
    ServiceRow {
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        service_name: service.text("serviceName", remarks),
        cluster_arn: service.text("clusterArn", remarks),
        status: service.text("status", remarks),
        task_definition: service.text("taskDefinition", remarks),
        desired_count: service.int("desiredCount", remarks),
        running_count: service.int("runningCount", remarks),
        pending_count: service.int("pendingCount", remarks),
        launch_type: service.text("launchType", remarks),
        platform_version: service.text("platformVersion", remarks),
        scheduling_strategy: service.text("schedulingStrategy", remarks),
        deployment_controller: service.object("deploymentController", remarks).text("type", remarks),
        deployment_strategy: configuration.text("strategy", remarks),
        minimum_healthy_percent: configuration.int("minimumHealthyPercent", remarks),
        maximum_percent: configuration.int("maximumPercent", remarks),
        circuit_breaker: breaker.boolean("enable", remarks),
        circuit_breaker_rollback: breaker.boolean("rollback", remarks),
        health_check_grace_period_seconds: service.int("healthCheckGracePeriodSeconds", remarks),
        load_balancers: i64::try_from(load_balancers).unwrap_or(i64::MAX),
        deployments: i64::try_from(service.list("deployments", remarks).len()).unwrap_or(i64::MAX),
        created_at: service.time("createdAt", remarks),
        raw: service.raw(&["deployments", "events", "taskSets"]),
        service_arn,
    }
}

pub(crate) fn deployment(
    deployment: Fields<'_>,
    service_arn: &str,
    at: Current,
    remarks: &mut Remarks,
) -> Option<DeploymentRow> {
    let deployment_id = deployment.id("id", remarks)?;
    Some(DeploymentRow {
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        service_arn: service_arn.to_owned(),
        status: deployment.text("status", remarks),
        task_definition: deployment.text("taskDefinition", remarks),
        rollout_state: deployment.text("rolloutState", remarks),
        rollout_state_reason: deployment.text("rolloutStateReason", remarks),
        desired_count: deployment.int("desiredCount", remarks),
        running_count: deployment.int("runningCount", remarks),
        pending_count: deployment.int("pendingCount", remarks),
        failed_tasks: deployment.int("failedTasks", remarks),
        launch_type: deployment.text("launchType", remarks),
        created_at: deployment.time("createdAt", remarks),
        updated_at: deployment.time("updatedAt", remarks),
        raw: deployment.raw(&[]),
        deployment_id,
    })
}

pub(crate) fn service_event(
    event: Fields<'_>,
    service_arn: &str,
    at: Current,
    remarks: &mut Remarks,
) -> Option<ServiceEventRow> {
    Some(ServiceEventRow {
        event_id: event.id("id", remarks)?,
        created_at: event.time("createdAt", remarks),
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        service_arn: service_arn.to_owned(),
        message: event.text("message", remarks).unwrap_or_default(),
    })
}

pub(crate) fn task_set(set: Fields<'_>, at: Current, remarks: &mut Remarks) -> Option<TaskSetRow> {
    let task_set_id = set.id("id", remarks)?;
    Some(TaskSetRow {
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        task_set_arn: set.text("taskSetArn", remarks),
        service_arn: set.text("serviceArn", remarks),
        status: set.text("status", remarks),
        task_definition: set.text("taskDefinition", remarks),
        stability_status: set.text("stabilityStatus", remarks),
        computed_desired_count: set.int("computedDesiredCount", remarks),
        running_count: set.int("runningCount", remarks),
        pending_count: set.int("pendingCount", remarks),
        started_by: set.text("startedBy", remarks),
        external_id: set.text("externalId", remarks),
        created_at: set.time("createdAt", remarks),
        updated_at: set.time("updatedAt", remarks),
        stability_status_at: set.time("stabilityStatusAt", remarks),
        raw: set.raw(&[]),
        task_set_id,
    })
}

pub(crate) fn service_deployment(item: Fields<'_>, at: Current, remarks: &mut Remarks) -> Option<ServiceDeploymentRow> {
    let service_deployment_arn = item.id("serviceDeploymentArn", remarks)?;
    let revision = item.object("targetServiceRevision", remarks);
    let target = revision.text("arn", remarks).or_else(|| item.text("targetServiceRevisionArn", remarks));
    let breaker = item.object("deploymentCircuitBreaker", remarks);
    let rollback = item.object("rollback", remarks);
    let alarms = item.object("alarms", remarks).texts("triggeredAlarmNames");
    Some(ServiceDeploymentRow {
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        service_arn: item.text("serviceArn", remarks),
        status: item.text("status", remarks),
        status_reason: item.text("statusReason", remarks),
        target_service_revision_arn: target,
        requested_task_count: revision.int("requestedTaskCount", remarks),
        running_task_count: revision.int("runningTaskCount", remarks),
        pending_task_count: revision.int("pendingTaskCount", remarks),
        circuit_breaker_status: breaker.text("status", remarks),
        circuit_breaker_failures: breaker.int("failureCount", remarks),
        circuit_breaker_threshold: breaker.int("threshold", remarks),
        rollback_reason: rollback.text("reason", remarks),
        rollback_service_revision_arn: rollback.text("serviceRevisionArn", remarks),
        rollback_started_at: rollback.time("startedAt", remarks),
        triggered_alarms: (!alarms.is_empty()).then(|| alarms.join(",")),
        lifecycle_stage: item.text("lifecycleStage", remarks),
        created_at: item.time("createdAt", remarks),
        started_at: item.time("startedAt", remarks),
        finished_at: item.time("finishedAt", remarks),
        stopped_at: item.time("stoppedAt", remarks),
        updated_at: item.time("updatedAt", remarks),
        raw: item.raw(&[]),
        service_deployment_arn,
    })
}

pub(crate) fn service_revision(
    item: Fields<'_>,
    service_revision_arn: String,
    at: Current,
    remarks: &mut Remarks,
) -> ServiceRevisionRow {
    ServiceRevisionRow {
        service_revision_arn,
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        service_arn: item.text("serviceArn", remarks),
        task_definition: item.text("taskDefinition", remarks),
        launch_type: item.text("launchType", remarks),
        created_at: item.time("createdAt", remarks),
        raw: item.raw(&[]),
    }
}
