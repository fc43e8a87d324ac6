//! Task definitions and how their containers log.

use std::collections::BTreeMap;

use crate::document::Document;
use crate::normalise::fields::Fields;
use crate::normalise::rows::Destination;
use crate::normalise::topology::SeenContainer;
use crate::normalise::{Assembly, rows};

impl Assembly {
    pub(super) fn task_definition(&mut self, document: &Document) {
        let feeds = "task_definitions";
        let Some(answer) = document.response() else { return self.account(feeds, document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeTaskDefinition");
        let remarks = &mut self.remarks;
        let definition = answer.object("taskDefinition", remarks);
        let Some(row) = rows::task_definition(definition, self.current, remarks) else {
            return self.account(feeds, document, 0, Some("the answer names no task definition".to_owned()));
        };
        let arn = row.task_definition.clone();
        if self.output.is_new(feeds, &arn) {
            self.topology.rollouts_mut().observe_task_definition(&row);
            self.output.push(row);
            let mut containers = BTreeMap::new();
            for container in definition.list("containerDefinitions", remarks) {
                let log = Destination::of(container, remarks);
                let (plugin, naming) = (log.plugin.clone(), log.naming.clone());
                let row = rows::container_definition(container, log, &arn, self.current, remarks);
                let Some(row) = row else { continue };
                let seen = SeenContainer {
                    essential: row.essential,
                    log_driver: row.log_driver.clone(),
                    log_group: row.log_group.clone(),
                    log_plugin: plugin,
                    naming,
                };
                containers.insert(row.container.clone(), seen);
                self.output.push(row);
            }
            self.topology.definitions.insert(arn, containers);
        }
        self.account(feeds, document, 1, None);
    }
}
