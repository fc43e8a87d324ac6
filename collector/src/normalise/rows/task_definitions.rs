//! Rows of task definitions and their containers.

use casefile_evidence::tables::{ContainerDefinitionRow, TaskDefinitionRow};

use crate::normalise::fields::Fields;
use crate::normalise::topology::{StreamNaming, of_container};
use crate::normalise::{Current, Remarks};

pub(crate) fn task_definition(definition: Fields<'_>, at: Current, remarks: &mut Remarks) -> Option<TaskDefinitionRow> {
    Some(TaskDefinitionRow {
        task_definition: definition.id("taskDefinitionArn", remarks)?,
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        family: definition.text("family", remarks),
        revision: definition.int("revision", remarks),
        status: definition.text("status", remarks),
        network_mode: definition.text("networkMode", remarks),
        cpu: definition.text("cpu", remarks),
        memory: definition.text("memory", remarks),
        execution_role_arn: definition.text("executionRoleArn", remarks),
        task_role_arn: definition.text("taskRoleArn", remarks),
        registered_at: definition.time("registeredAt", remarks),
        raw: definition.raw(&["containerDefinitions"]),
    })
}

pub(crate) fn container_definition(
    container: Fields<'_>,
    log: Destination,
    task_definition: &str,
    at: Current,
    remarks: &mut Remarks,
) -> Option<ContainerDefinitionRow> {
    Some(ContainerDefinitionRow {
        task_definition: task_definition.to_owned(),
        container: container.id("name", remarks)?,
        snapshot: at.snapshot,
        observed_at: at.observed_at,
        image: container.text("image", remarks),
        essential: container.boolean("essential", remarks).unwrap_or(true),
        cpu: container.int("cpu", remarks),
        memory: container.int("memory", remarks),
        memory_reservation: container.int("memoryReservation", remarks),
        health_check: container.get("healthCheck").is_some(),
        log_driver: log.driver,
        log_group: log.group.map(|name| of_container(task_definition, name, log.region.as_deref())),
        log_region: log.region,
        log_stream_prefix: log.prefix,
        log_mode: log.mode,
        raw: container.raw(&[]),
    })
}

/// Where a container's lines go.
#[derive(Debug, Default)]
pub(crate) struct Destination {
    driver: Option<String>,
    group: Option<String>,
    region: Option<String>,
    prefix: Option<String>,
    mode: Option<String>,
    pub(crate) plugin: Option<String>,
    pub(crate) naming: Option<StreamNaming>,
}

impl Destination {
    pub(crate) fn of(container: Fields<'_>, remarks: &mut Remarks) -> Self {
        let log = container.object("logConfiguration", remarks);
        let driver = log.text("logDriver", remarks);
        let options = log.object("options", remarks);
        let mut text = |key: &str| options.text_of_any_case(key, remarks);
        let mode = text("mode");
        match driver.as_deref() {
            Some("awsfirelens") => {
                let plugin = text("Name");
                // Fluent Bit has two outputs that write to CloudWatch Logs, and they take the same options.
                if !matches!(plugin.as_deref(), Some("cloudwatch" | "cloudwatch_logs")) {
                    return Self { driver, mode, plugin, ..Self::default() };
                }
                let (group, region) = (text("log_group_name"), text("region"));
                let (prefix, name) = (text("log_stream_prefix"), text("log_stream_name"));
                // `$(...)` stands for what only the running container knows.
                let plain = |name: &String| !name.contains('$');
                let naming = match (&prefix, &name) {
                    _ if !group.as_ref().is_some_and(plain) => None,
                    (_, Some(name)) => Some(StreamNaming::Fixed(name.clone())).filter(|_| plain(name)),
                    (Some(prefix), None) => Some(StreamNaming::FireLens(prefix.clone())).filter(|_| plain(prefix)),
                    (None, None) => None,
                };
                Self { driver, group, region, prefix, mode, plugin, naming }
            }
            _ => {
                let (group, region) = (text("awslogs-group"), text("awslogs-region"));
                let prefix = text("awslogs-stream-prefix").filter(|prefix| !prefix.is_empty());
                let naming = match &prefix {
                    _ if driver.as_deref() != Some("awslogs") || group.is_none() => None,
                    Some(prefix) => Some(StreamNaming::Prefixed(prefix.clone())),
                    None => Some(StreamNaming::RuntimeId),
                };
                Self { driver, group, region, prefix, mode, plugin: None, naming }
            }
        }
    }
}
