//! Tasks and their containers.

use casefile_evidence::Timestamp;
use casefile_evidence::tables::ContainerRow;
use serde_json::Value;

use crate::document::Document;
use crate::normalise::coverage::{Key, Page};
use crate::normalise::fields::{Fields, short_name};
use crate::normalise::topology::SeenTask;
use crate::normalise::{Assembly, rows};

impl Assembly {
    pub(super) fn listed_tasks(&mut self, document: &Document) {
        let listed = document.response().and_then(|answer| answer.get("taskArns")).and_then(Value::as_array);
        let arns = listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let foreign =
            document.requested("serviceName").is_some_and(|name| short_name(name) != self.topology.about.service);
        if !foreign {
            self.coverage.listed.tasks.extend(arns);
        }
        let listed = listed.map_or(0, Vec::len);
        let key = Key::of("tasks", document);
        let stopped = document.assumed || document.requested("desiredStatus") == Some("STOPPED");
        let page = Page {
            rows: listed,
            last: document.is_last_page(),
            covered_from: if stopped { self.stopped_from(&key) } else { None },
            covered_to: Some(self.current.observed_at),
            ..Page::default()
        };
        self.coverage.ledger.page(key, document, page);
    }

    /// From when on no stopped task was forgotten that this list should hold. Each list has a history of its own.
    fn stopped_from(&mut self, key: &Key) -> Option<Timestamp> {
        if self.current.assumed {
            // It may have been taken hours after all that it tells of.
            return Some(self.current.observed_at);
        }
        self.coverage.retention.entry(key.parameters.clone()).or_default().cover(self.current.observed_at)
    }

    pub(super) fn tasks(&mut self, document: &Document) {
        let Some(answer) = document.response() else { return self.account("tasks", document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeTasks");
        let tasks = answer.list("tasks", &mut self.remarks);
        let mut written = 0;
        for task in &tasks {
            let is_new = match self.stopped_since(*task) {
                Some((stopped, origin)) => self.task(Fields::new(&stopped, &origin, "detail")),
                None => self.task(*task),
            };
            written += usize::from(is_new);
        }
        // A task that was seen to stop may be forgotten. How another one ended is not known.
        let unknown: Vec<String> = answer
            .list("failures", &mut self.remarks)
            .iter()
            .filter_map(|failure| {
                let arn = failure.text("arn", &mut self.remarks)?;
                self.coverage.listed.gone_tasks.insert(short_name(&arn).to_owned());
                let known = self.topology.tasks.get_mut(short_name(&arn)).map(|task| {
                    task.gone = true;
                    task.ended_at.is_some()
                });
                let reason = failure.text("reason", &mut self.remarks).unwrap_or_default();
                match known {
                    Some(true) => None,
                    Some(false) => Some(format!("how {arn} ended is not known: {reason}")),
                    None => Some(format!("{arn}: {reason}")),
                }
            })
            .collect();
        let problem = (!unknown.is_empty()).then(|| unknown.join("; "));
        let key = Key::of("tasks", document);
        let page = Page {
            rows: written,
            last: document.is_last_page(),
            problem,
            // A bare answer stands for the list too, and the list forgets.
            covered_from: if document.assumed { self.stopped_from(&key) } else { None },
            covered_to: Some(self.current.observed_at),
            ..Page::default()
        };
        self.coverage.ledger.page(key, document, page);
    }

    /// Takes up one task; says whether it is new in this snapshot.
    pub(super) fn task(&mut self, task: Fields<'_>) -> bool {
        let remarks = &mut self.remarks;
        let Some(mut row) = rows::task(task, self.current, remarks) else { return false };
        if self.topology.about.is_elsewhere(&row.task_arn) {
            let remark = format!("{} is of another cluster than the service; it was left out", row.task_arn);
            remarks.add("DescribeTasks", remark);
            return false;
        }
        // A task that stops between the list of running tasks and that of stopped ones is in both.
        if !self.coverage.listed.described_tasks.insert(row.task_arn.clone()) {
            return false;
        }
        row.selected_by = self.topology.selector_of(&SeenTask::from(&row)).map(ToString::to_string);
        let containers = task.list("containers", remarks);
        let containers: Vec<ContainerRow> =
            containers.iter().filter_map(|it| rows::container(*it, &row, self.current, remarks)).collect();
        self.topology.observe_task(&row, &containers);
        self.output.push(row);
        containers.into_iter().for_each(|row| self.output.push(row));
        true
    }
}
