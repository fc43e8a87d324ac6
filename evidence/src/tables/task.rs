//! Tasks and containers, as each snapshot saw them.

use crate::table;
use crate::time::Timestamp;

table! {
    /// One task in one snapshot (`DescribeTasks`). ECS forgets a stopped task after about an hour.
    TaskRow => "tasks", version 1, sort 2 {
        /// The snapshot.
        snapshot: i64,
        /// `taskArn`.
        task_arn: String,
        /// When it was observed.
        observed_at: Timestamp,
        /// The last part of the ARN, which names the task's log streams.
        task_id: String,
        /// `clusterArn`.
        cluster_arn: Option<String>,
        /// `taskDefinitionArn`.
        task_definition: Option<String>,
        /// `startedBy`: the deployment's id for a service's task.
        started_by: Option<String>,
        /// `group`: `service:<name>` or `family:<name>`.
        task_group: Option<String>,
        /// Which of `task_selectors` it is a task of; null for a task of the service itself.
        selected_by: Option<String>,
        /// `lastStatus`: PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED, DELETED.
        last_status: Option<String>,
        /// `desiredStatus`: RUNNING or STOPPED.
        desired_status: Option<String>,
        /// `healthStatus`: HEALTHY, UNHEALTHY or UNKNOWN.
        health_status: Option<String>,
        /// `stopCode`: TaskFailedToStart, EssentialContainerExited, UserInitiated, ServiceSchedulerInitiated, SpotInterruption, TerminationNotice.
        stop_code: Option<String>,
        /// `stoppedReason`. Its wording changes without notice.
        stopped_reason: Option<String>,
        /// `connectivity`.
        connectivity: Option<String>,
        /// `launchType`.
        launch_type: Option<String>,
        /// `capacityProviderName`.
        capacity_provider: Option<String>,
        /// `availabilityZone`.
        availability_zone: Option<String>,
        /// `cpu`, in CPU units.
        cpu: Option<String>,
        /// `memory`, in MiB.
        memory: Option<String>,
        /// `createdAt`.
        created_at: Option<Timestamp>,
        /// `pullStartedAt`.
        pull_started_at: Option<Timestamp>,
        /// `pullStoppedAt`.
        pull_stopped_at: Option<Timestamp>,
        /// `startedAt`: when it reached RUNNING; null for a task that never did.
        started_at: Option<Timestamp>,
        /// `stoppingAt`.
        stopping_at: Option<Timestamp>,
        /// `executionStoppedAt`.
        execution_stopped_at: Option<Timestamp>,
        /// `stoppedAt`.
        stopped_at: Option<Timestamp>,
        /// The redacted JSON, without containers.
        raw: String,
    }
}

table! {
    /// One container of one task in one snapshot.
    ContainerRow => "containers", version 1, sort 3 {
        /// The snapshot.
        snapshot: i64,
        /// The task's ARN.
        task_arn: String,
        /// `name`, as in the task definition.
        container: String,
        /// When it was observed.
        observed_at: Timestamp,
        /// The task's id.
        task_id: String,
        /// `containerArn`.
        container_arn: Option<String>,
        /// `image`.
        image: Option<String>,
        /// `imageDigest`.
        image_digest: Option<String>,
        /// `runtimeId`.
        runtime_id: Option<String>,
        /// `lastStatus`.
        last_status: Option<String>,
        /// `healthStatus`.
        health_status: Option<String>,
        /// `exitCode`; null where the container never ran, or ECS does not know.
        exit_code: Option<i64>,
        /// `reason`. Its wording changes without notice.
        reason: Option<String>,
        /// The redacted JSON.
        raw: String,
    }
}

table! {
    /// One choice of one-off tasks (migrations and the like) that are collected besides the service's own.
    TaskSelectorRow => "task_selectors", version 1, sort 1 {
        /// The choice in words, as `tasks.selected_by` has it, e.g. `family shop-migrate`.
        selector: String,
        /// The first snapshot's number.
        snapshot: i64,
        /// When the first snapshot was observed.
        observed_at: Timestamp,
        /// The task definition family whose tasks are chosen; null where `started_by` chooses.
        family: Option<String>,
        /// The `startedBy` whose tasks are chosen; null where `family` chooses.
        started_by: Option<String>,
        /// How long before the judged deployment was created such a task may have been created, in milliseconds: an older one is of another release.
        since_ms: i64,
    }
}
