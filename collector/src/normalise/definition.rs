//! Task definitions and how their containers log.

use std::collections::BTreeMap;

use casefile_evidence::tables::{ContainerDefinitionRow, TaskDefinitionRow};

use super::fields::Fields;
use super::seen::SeenContainer;
use super::{Assembly, Current};
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
        self.rows.push(row.into());
        let mut containers = BTreeMap::new();
        for container in definition.list("containerDefinitions", remarks) {
            let Some(name) = container.id("name", remarks) else { continue };
            let log = container.object("logConfiguration", remarks);
            let options = log.object("options", remarks);
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
                log_driver: log.text("logDriver", remarks),
                log_group: options.text("awslogs-group", remarks),
                log_region: options.text("awslogs-region", remarks),
                log_stream_prefix: options.text("awslogs-stream-prefix", remarks),
                log_mode: options.text("mode", remarks),
                raw: container.raw(&[]),
            };
            containers.insert(
                name,
                SeenContainer {
                    essential: row.essential,
                    log_driver: row.log_driver.clone(),
                    log_group: row.log_group.clone(),
                    log_region: row.log_region.clone(),
                    log_stream_prefix: row.log_stream_prefix.clone(),
                },
            );
            self.rows.push(row.into());
        }
        self.seen.definitions.insert(arn, containers);
    }
}
