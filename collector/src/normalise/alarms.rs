//! The CloudWatch alarms that ECS watches during a deployment (`deploymentConfiguration.alarms` of the service).

use std::collections::BTreeSet;

use casefile_evidence::tables::{AlarmRow, SourceRow};

use super::fields::Fields;
use super::sources::Key;
use super::{Assembly, Remarks};
use crate::document::{Document, Operation};

/// The names of the alarms that a service's deployments are watched by; none where that is not enabled.
pub(super) fn watched(service: Fields<'_>, remarks: &mut Remarks) -> BTreeSet<String> {
    let alarms = service.object("deploymentConfiguration", remarks).object("alarms", remarks);
    let enabled = alarms.boolean("enable", remarks).unwrap_or(false);
    alarms.texts("alarmNames").into_iter().filter(|name| enabled && !name.is_empty()).collect()
}

impl Assembly {
    /// The alarms that ECS watches while the service is deployed.
    pub fn watched_alarms(&self) -> &BTreeSet<String> {
        &self.seen.watched_alarms
    }

    pub(super) fn alarms(&mut self, document: &Document) {
        let Some(answer) = document.response() else { return self.account("alarms", document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeAlarms");
        let mut found = BTreeSet::new();
        for list in ["MetricAlarms", "CompositeAlarms"] {
            for item in answer.list(list, &mut self.remarks) {
                let remarks = &mut self.remarks;
                let Some(alarm_name) = item.id("AlarmName", remarks) else { continue };
                // A bare answer may be about all alarms of the account.
                if !self.seen.watched_alarms.contains(&alarm_name) || !found.insert(alarm_name.clone()) {
                    continue;
                }
                let row = AlarmRow {
                    snapshot: self.current.snapshot,
                    alarm_name,
                    observed_at: self.current.observed_at,
                    alarm_arn: item.text("AlarmArn", remarks),
                    state: item.text("StateValue", remarks),
                    reason: item.text("StateReason", remarks),
                    changed_at: item
                        .time("StateTransitionedTimestamp", remarks)
                        .or_else(|| item.time("StateUpdatedTimestamp", remarks)),
                    raw: item.raw(&[]),
                };
                self.rows.push(row.into());
            }
        }
        let asked = document.request.as_ref().map(|request| {
            let request = Fields::new(request, &document.origin, "request");
            request.texts("AlarmNames").into_iter().collect::<BTreeSet<_>>()
        });
        let missing = asked.as_ref().unwrap_or(&self.seen.watched_alarms).difference(&found);
        let missing = missing.map(String::as_str).collect::<Vec<_>>().join(", ");
        let problem = (!missing.is_empty()).then(|| format!("ECS watches {missing}, and the answer has no such alarm"));
        self.account("alarms", document, found.len(), problem);
    }

    /// That the alarms were never asked for, where ECS watches any.
    pub(super) fn unasked_alarms(&self) -> Option<SourceRow> {
        let (key, operation) = (Key::of_alarms(), Operation::DescribeAlarms);
        let names = &self.seen.watched_alarms;
        if names.is_empty() || self.ledger.knows(&key) {
            return None;
        }
        let names = names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" ");
        Some(SourceRow {
            status: "not_attempted".to_owned(),
            error: Some(format!("{operation} was not called")),
            remedy: Some(format!(
                "aws cloudwatch describe-alarms --alarm-types MetricAlarm CompositeAlarm --alarm-names {names} (needs {})",
                operation.iam_action()
            )),
            ..self.row(&key)
        })
    }
}
