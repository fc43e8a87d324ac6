//! What was deployed: things that do not change, each kept once.

use crate::table;
use crate::time::Timestamp;

table! {
    /// One service revision (`DescribeServiceRevisions`).
    ServiceRevisionRow => "service_revisions", version 1, sort 1 {
        /// `serviceRevisionArn`.
        service_revision_arn: String,
        /// The snapshot that first saw it.
        snapshot: i64,
        /// When it was first observed.
        observed_at: Timestamp,
        /// `serviceArn`.
        service_arn: Option<String>,
        /// `taskDefinition`.
        task_definition: Option<String>,
        /// `launchType`.
        launch_type: Option<String>,
        /// `createdAt`.
        created_at: Option<Timestamp>,
        /// The redacted JSON.
        raw: String,
    }
}

table! {
    /// One task definition (`DescribeTaskDefinition`).
    TaskDefinitionRow => "task_definitions", version 1, sort 1 {
        /// `taskDefinitionArn`.
        task_definition: String,
        /// The snapshot that first saw it.
        snapshot: i64,
        /// When it was first observed.
        observed_at: Timestamp,
        /// `family`.
        family: Option<String>,
        /// `revision`.
        revision: Option<i64>,
        /// `status`: ACTIVE or INACTIVE.
        status: Option<String>,
        /// `networkMode`.
        network_mode: Option<String>,
        /// `cpu`, in CPU units.
        cpu: Option<String>,
        /// `memory`, in MiB.
        memory: Option<String>,
        /// `executionRoleArn`.
        execution_role_arn: Option<String>,
        /// `taskRoleArn`.
        task_role_arn: Option<String>,
        /// `registeredAt`.
        registered_at: Option<Timestamp>,
        /// The redacted JSON, without container definitions.
        raw: String,
    }
}

table! {
    /// One container definition of one task definition.
    ContainerDefinitionRow => "container_definitions", version 1, sort 2 {
        /// The task definition's ARN.
        task_definition: String,
        /// `name`.
        container: String,
        /// The snapshot that first saw it.
        snapshot: i64,
        /// When it was first observed.
        observed_at: Timestamp,
        /// `image`.
        image: Option<String>,
        /// `essential`; true where AWS leaves it out, which is its default.
        essential: bool,
        /// `cpu`, in CPU units.
        cpu: Option<i64>,
        /// `memory`: the hard limit, in MiB.
        memory: Option<i64>,
        /// `memoryReservation`: the soft limit, in MiB.
        memory_reservation: Option<i64>,
        /// Whether the container has a health check of its own.
        health_check: bool,
        /// `logConfiguration.logDriver`.
        log_driver: Option<String>,
        /// The log group: `awslogs-group`; `log_group_name` of awsfirelens where its `Name` is cloudwatch or
        /// cloudwatch_logs. Its ARN, where its region is not the service's.
        log_group: Option<String>,
        /// `awslogs-region`, which may differ from the service's; `region` of awsfirelens.
        log_region: Option<String>,
        /// `awslogs-stream-prefix`; `log_stream_prefix` of awsfirelens.
        log_stream_prefix: Option<String>,
        /// `mode`: `non-blocking` may drop lines.
        log_mode: Option<String>,
        /// The redacted JSON.
        raw: String,
    }
}
