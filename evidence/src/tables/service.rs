//! The service and its rollouts, as each snapshot saw them.

use crate::table;
use crate::time::Timestamp;

table! {
    /// The service in one snapshot (`DescribeServices`).
    ServiceRow => "services", version 1, sort 2 {
        /// The snapshot.
        snapshot: i64,
        /// `serviceArn`.
        service_arn: String,
        /// When it was observed.
        observed_at: Timestamp,
        /// `serviceName`.
        service_name: Option<String>,
        /// `clusterArn`.
        cluster_arn: Option<String>,
        /// `status`: ACTIVE, DRAINING or INACTIVE.
        status: Option<String>,
        /// `taskDefinition`.
        task_definition: Option<String>,
        /// `desiredCount`.
        desired_count: Option<i64>,
        /// `runningCount`.
        running_count: Option<i64>,
        /// `pendingCount`.
        pending_count: Option<i64>,
        /// `launchType`.
        launch_type: Option<String>,
        /// `platformVersion`.
        platform_version: Option<String>,
        /// `schedulingStrategy`: REPLICA or DAEMON.
        scheduling_strategy: Option<String>,
        /// `deploymentController.type`.
        deployment_controller: Option<String>,
        /// `deploymentConfiguration.strategy`: ROLLING, BLUE_GREEN, LINEAR or CANARY.
        deployment_strategy: Option<String>,
        /// `deploymentConfiguration.minimumHealthyPercent`.
        minimum_healthy_percent: Option<i64>,
        /// `deploymentConfiguration.maximumPercent`.
        maximum_percent: Option<i64>,
        /// `deploymentConfiguration.deploymentCircuitBreaker.enable`.
        circuit_breaker: Option<bool>,
        /// `deploymentConfiguration.deploymentCircuitBreaker.rollback`.
        circuit_breaker_rollback: Option<bool>,
        /// `healthCheckGracePeriodSeconds`.
        health_check_grace_period_seconds: Option<i64>,
        /// How many load balancers the service registers with.
        load_balancers: i64,
        /// How many entries `deployments` has: more than one while a rollout runs.
        deployments: i64,
        /// `createdAt`.
        created_at: Option<Timestamp>,
        /// The redacted JSON, without deployments, events and task sets.
        raw: String,
    }
}

table! {
    /// One entry of `services[].deployments` in one snapshot.
    DeploymentRow => "deployments", version 1, sort 2 {
        /// The snapshot.
        snapshot: i64,
        /// `id`, e.g. `ecs-svc/1234567890123456789`.
        deployment_id: String,
        /// When it was observed.
        observed_at: Timestamp,
        /// The service's ARN.
        service_arn: String,
        /// `status`: PRIMARY, ACTIVE or INACTIVE.
        status: Option<String>,
        /// `taskDefinition`.
        task_definition: Option<String>,
        /// `rolloutState`: IN_PROGRESS, COMPLETED or FAILED; absent behind a Classic Load Balancer.
        rollout_state: Option<String>,
        /// `rolloutStateReason`.
        rollout_state_reason: Option<String>,
        /// `desiredCount`.
        desired_count: Option<i64>,
        /// `runningCount`.
        running_count: Option<i64>,
        /// `pendingCount`.
        pending_count: Option<i64>,
        /// `failedTasks`: consecutive; ECS may set it back to 0.
        failed_tasks: Option<i64>,
        /// `launchType`.
        launch_type: Option<String>,
        /// `createdAt`.
        created_at: Option<Timestamp>,
        /// `updatedAt`.
        updated_at: Option<Timestamp>,
        /// The redacted JSON.
        raw: String,
    }
}

table! {
    /// One task set in one snapshot (CODE_DEPLOY and EXTERNAL controllers).
    TaskSetRow => "task_sets", version 1, sort 2 {
        /// The snapshot.
        snapshot: i64,
        /// `id`, e.g. `ecs-svc/1234567890123456789`.
        task_set_id: String,
        /// When it was observed.
        observed_at: Timestamp,
        /// `taskSetArn`.
        task_set_arn: Option<String>,
        /// `serviceArn`.
        service_arn: Option<String>,
        /// `status`: PRIMARY, ACTIVE or DRAINING.
        status: Option<String>,
        /// `taskDefinition`.
        task_definition: Option<String>,
        /// `stabilityStatus`: STEADY_STATE or STABILIZING.
        stability_status: Option<String>,
        /// `computedDesiredCount`.
        computed_desired_count: Option<i64>,
        /// `runningCount`.
        running_count: Option<i64>,
        /// `pendingCount`.
        pending_count: Option<i64>,
        /// `startedBy`.
        started_by: Option<String>,
        /// `externalId`.
        external_id: Option<String>,
        /// `createdAt`.
        created_at: Option<Timestamp>,
        /// `updatedAt`.
        updated_at: Option<Timestamp>,
        /// `stabilityStatusAt`.
        stability_status_at: Option<Timestamp>,
        /// The redacted JSON.
        raw: String,
    }
}

table! {
    /// One service deployment in one snapshot (`ListServiceDeployments`, `DescribeServiceDeployments`).
    ServiceDeploymentRow => "service_deployments", version 1, sort 2 {
        /// The snapshot.
        snapshot: i64,
        /// `serviceDeploymentArn`.
        service_deployment_arn: String,
        /// When it was observed.
        observed_at: Timestamp,
        /// `serviceArn`.
        service_arn: Option<String>,
        /// `status`: PENDING, IN_PROGRESS, SUCCESSFUL, STOP_REQUESTED, STOPPED, ROLLBACK_REQUESTED, ROLLBACK_IN_PROGRESS, ROLLBACK_SUCCESSFUL, ROLLBACK_FAILED.
        status: Option<String>,
        /// `statusReason`.
        status_reason: Option<String>,
        /// `targetServiceRevision.arn` (or `targetServiceRevisionArn`).
        target_service_revision_arn: Option<String>,
        /// `targetServiceRevision.requestedTaskCount`.
        requested_task_count: Option<i64>,
        /// `targetServiceRevision.runningTaskCount`.
        running_task_count: Option<i64>,
        /// `targetServiceRevision.pendingTaskCount`.
        pending_task_count: Option<i64>,
        /// `deploymentCircuitBreaker.status`.
        circuit_breaker_status: Option<String>,
        /// `deploymentCircuitBreaker.failureCount`.
        circuit_breaker_failures: Option<i64>,
        /// `deploymentCircuitBreaker.threshold`.
        circuit_breaker_threshold: Option<i64>,
        /// `rollback.reason`.
        rollback_reason: Option<String>,
        /// `rollback.serviceRevisionArn`.
        rollback_service_revision_arn: Option<String>,
        /// `rollback.startedAt`.
        rollback_started_at: Option<Timestamp>,
        /// `alarms.triggeredAlarmNames`, comma-separated; null where none.
        triggered_alarms: Option<String>,
        /// `lifecycleStage`.
        lifecycle_stage: Option<String>,
        /// `createdAt`.
        created_at: Option<Timestamp>,
        /// `startedAt`.
        started_at: Option<Timestamp>,
        /// `finishedAt`.
        finished_at: Option<Timestamp>,
        /// `stoppedAt`.
        stopped_at: Option<Timestamp>,
        /// `updatedAt`.
        updated_at: Option<Timestamp>,
        /// The redacted JSON.
        raw: String,
    }
}

table! {
    /// One service event, with the snapshot that first saw it. ECS keeps the last 100.
    ServiceEventRow => "service_events", version 1, sort 2 {
        /// `createdAt`. Null times sort first.
        created_at: Option<Timestamp>,
        /// `id`.
        event_id: String,
        /// The snapshot that first saw it.
        snapshot: i64,
        /// When it was first observed.
        observed_at: Timestamp,
        /// The service's ARN.
        service_arn: String,
        /// `message`. Its wording changes without notice.
        message: String,
    }
}

table! {
    /// One load balancer target in one snapshot (`DescribeTargetHealth`; `DescribeInstanceHealth` of a Classic Load Balancer).
    TargetHealthRow => "target_health", version 1, sort 4 {
        /// The snapshot.
        snapshot: i64,
        /// The target group that was asked about, or the name of the Classic Load Balancer; null where the document does not
        /// say.
        target_group_arn: Option<String>,
        /// `Target.Id`: an address or an instance.
        target_id: String,
        /// `Target.Port`.
        port: Option<i64>,
        /// When it was observed.
        observed_at: Timestamp,
        /// `Target.AvailabilityZone`.
        availability_zone: Option<String>,
        /// `TargetHealth.State`: initial, healthy, unhealthy, unused, draining, unavailable. Of a Classic Load Balancer, InService
        /// is healthy, OutOfService unhealthy, and Unknown unavailable.
        state: Option<String>,
        /// `TargetHealth.Reason`, e.g. `Target.ResponseCodeMismatch`.
        reason: Option<String>,
        /// `TargetHealth.Description`.
        description: Option<String>,
        /// The redacted JSON.
        raw: String,
    }
}

table! {
    /// One CloudWatch alarm that ECS watches during a deployment, in one snapshot (`DescribeAlarms`).
    AlarmRow => "alarms", version 1, sort 2 {
        /// The snapshot.
        snapshot: i64,
        /// `AlarmName`.
        alarm_name: String,
        /// When it was observed.
        observed_at: Timestamp,
        /// `AlarmArn`.
        alarm_arn: Option<String>,
        /// `StateValue`: OK, ALARM, INSUFFICIENT_DATA.
        state: Option<String>,
        /// `StateReason`.
        reason: Option<String>,
        /// `StateTransitionedTimestamp`: since when it is in that state.
        changed_at: Option<Timestamp>,
        /// The redacted JSON.
        raw: String,
    }
}
