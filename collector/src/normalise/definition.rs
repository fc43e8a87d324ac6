//! Task definitions and how their containers log.

use std::collections::BTreeMap;

use casefile_evidence::tables::{ContainerDefinitionRow, TaskDefinitionRow};

use super::fields::Fields;
use super::streams::StreamNaming;
use super::topology::SeenContainer;
use super::{Assembly, Current, Remarks, log_group_id};
use crate::document::Document;

impl Assembly {
    pub(super) fn task_definition(&mut self, document: &Document) {
        let feeds = "task_definitions";
        let Some(answer) = document.response() else { return self.account(feeds, document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeTaskDefinition");
        let definition = answer.object("taskDefinition", &mut self.remarks);
        let Some(arn) = definition.id("taskDefinitionArn", &mut self.remarks) else {
            return self.account(feeds, document, 0, Some("the answer names no task definition".to_owned()));
        };
        self.account(feeds, document, 1, None);
        if !self.is_new("task_definitions", &arn) {
            return;
        }
        let Current { snapshot, observed_at, .. } = self.current;
        let remarks = &mut self.remarks;
        let row = TaskDefinitionRow {
            task_definition: arn.clone(),
            snapshot,
            observed_at,
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
        };
        self.rollouts.observe_task_definition(&row);
        self.rows.push(row.into());
        let mut containers = BTreeMap::new();
        for container in definition.list("containerDefinitions", remarks) {
            let Some(name) = container.id("name", remarks) else { continue };
            let log = container.object("logConfiguration", remarks);
            let driver = log.text("logDriver", remarks);
            let destination = Destination::of(driver.as_deref(), log.object("options", remarks), remarks);
            let row = ContainerDefinitionRow {
                task_definition: arn.clone(),
                container: name.clone(),
                snapshot,
                observed_at,
                image: container.text("image", remarks),
                essential: container.boolean("essential", remarks).unwrap_or(true),
                cpu: container.int("cpu", remarks),
                memory: container.int("memory", remarks),
                memory_reservation: container.int("memoryReservation", remarks),
                health_check: container.get("healthCheck").is_some(),
                log_driver: driver,
                log_group: destination
                    .group
                    .map(|name| log_group_id::of_container(&arn, name, destination.region.as_deref())),
                log_region: destination.region,
                log_stream_prefix: destination.prefix,
                log_mode: destination.mode,
                raw: container.raw(&[]),
            };
            containers.insert(
                name,
                SeenContainer {
                    essential: row.essential,
                    log_driver: row.log_driver.clone(),
                    log_group: row.log_group.clone(),
                    log_plugin: destination.plugin,
                    naming: destination.naming,
                },
            );
            self.rows.push(row.into());
        }
        self.seen.definitions.insert(arn, containers);
    }
}

/// Where a container's lines go.
#[derive(Debug, Default)]
struct Destination {
    group: Option<String>,
    region: Option<String>,
    prefix: Option<String>,
    mode: Option<String>,
    plugin: Option<String>,
    naming: Option<StreamNaming>,
}

impl Destination {
    fn of(driver: Option<&str>, options: Fields<'_>, remarks: &mut Remarks) -> Self {
        let mut text = |key: &str| options.text_of_any_case(key, remarks);
        let mode = text("mode");
        match driver {
            Some("awsfirelens") => {
                let plugin = text("Name");
                // Fluent Bit has two outputs that write to CloudWatch Logs, and they take the same options.
                if !matches!(plugin.as_deref(), Some("cloudwatch" | "cloudwatch_logs")) {
                    return Self { mode, plugin, ..Self::default() };
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
                Self { group, region, prefix, mode, plugin, naming }
            }
            _ => {
                let (group, region) = (text("awslogs-group"), text("awslogs-region"));
                let prefix = text("awslogs-stream-prefix").filter(|prefix| !prefix.is_empty());
                let naming = match &prefix {
                    _ if driver != Some("awslogs") || group.is_none() => None,
                    Some(prefix) => Some(StreamNaming::Prefixed(prefix.clone())),
                    None => Some(StreamNaming::RuntimeId),
                };
                Self { group, region, prefix, mode, plugin: None, naming }
            }
        }
    }
}
