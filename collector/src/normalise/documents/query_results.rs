//! Results of CloudWatch Logs Insights.

use std::collections::BTreeSet;

use casefile_evidence::Name;
use casefile_objects::AwsPartition;
use serde_json::{Map, Value};

use crate::document::line_query::{of_streams, streams_of};
use crate::document::{Document, LogEvent};
use crate::normalise::Assembly;
use crate::normalise::coverage::QUERY;
use crate::normalise::topology::is_arn;

impl Assembly {
    /// Takes up StartQuery: keeps its request in the form of a request of FilterLogEvents, until the results come.
    pub(super) fn query_started(&mut self, document: &Document) {
        let Some(request) = &document.request else { return };
        let mut asked = Map::new();
        let identifiers = request.get("logGroupIdentifiers").and_then(|it| it.get(0));
        let group = request.get("logGroupName").map(|name| ("logGroupName", name));
        if let Some((key, group)) = group.or(identifiers.map(|arn| ("logGroupIdentifier", arn))) {
            asked.insert(key.to_owned(), group.clone());
        }
        let query = document.requested("queryString").unwrap_or_default();
        let streams = streams_of(query);
        if query != of_streams(&streams) {
            // Any other query may leave out lines.
            asked.insert("filterPattern".to_owned(), query.into());
        }
        asked.insert("logStreamNames".to_owned(), streams.into());
        for key in ["startTime", "endTime"] {
            if let Some(seconds) = request.get(key).and_then(Value::as_i64) {
                asked.insert(key.to_owned(), seconds.saturating_mul(1000).into());
            }
        }
        match document.response().and_then(|answer| answer.get("queryId")).and_then(Value::as_str) {
            Some(id) => drop(self.coverage.queries.insert(id.to_owned(), asked)),
            // Its streams are not read.
            None => self.filtered_events(&Document { request: Some(asked), ..document.clone() }, Vec::new()),
        }
    }

    /// Results are lines of several streams, like those of FilterLogEvents.
    pub(super) fn query_results(&mut self, document: &Document, events: Vec<LogEvent>) {
        if let Some(asked) = document.requested("queryId").and_then(|id| self.coverage.queries.get(id)) {
            let request = Some(asked.clone());
            return self.filtered_events(&Document { request, ..document.clone() }, events);
        }
        // Without its query, the answer proves only that its lines exist.
        let document = &Document { assumed: true, ..document.clone() };
        let mut missing: BTreeSet<&'static str> = BTreeSet::new();
        let of_path = document.requested("logStreamName").map(Name::from);
        let mut lines = Vec::with_capacity(events.len());
        for mut line in events {
            line.log_stream = line.log_stream.or_else(|| of_path.clone());
            let fields = [
                ("@timestamp", line.timestamp.is_some()),
                ("@message", line.message.is_some()),
                ("@logStream", line.log_stream.is_some()),
            ];
            if fields.iter().all(|(_, has)| *has) {
                lines.push(line);
            }
            missing.extend(fields.into_iter().filter_map(|(field, has)| (!has).then_some(field)));
        }
        if !missing.is_empty() {
            let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
            let remark = format!("results without {missing} were left out: begin the query with {QUERY}");
            self.remarks.add(&document.origin, remark);
        }
        if document.requested("logGroupName").is_some() {
            return self.filtered_events(document, lines);
        }
        let Some(group) = self.only_group() else { return self.filtered_events(document, lines) };
        let request = Map::from_iter([("logGroupName".to_owned(), Value::from(group))]);
        self.filtered_events(&Document { request: Some(request), ..document.clone() }, lines);
    }

    /// The log group that `@log` names: `ACCOUNT:NAME`.
    pub(super) fn group_of_result(&self, named: &str) -> String {
        let Some((account, name)) = named.split_once(':').filter(|_| !is_arn(named)) else {
            return self.topology.log_group(named);
        };
        match self.topology.own_place() {
            (Some(region), Some(own)) if own != account => {
                let partition = AwsPartition::of(&region).name;
                self.topology.log_group(&format!("arn:{partition}:logs:{region}:{account}:log-group:{name}"))
            }
            _ => self.topology.log_group(name),
        }
    }

    /// The log group, where only one is known.
    fn only_group(&self) -> Option<String> {
        let of_containers = self.topology.log_groups_of_containers().map(str::to_owned);
        let mut groups: BTreeSet<String> = of_containers.chain(self.topology.chosen_log_groups()).collect();
        let only = groups.pop_first()?;
        groups.is_empty().then_some(only)
    }
}
