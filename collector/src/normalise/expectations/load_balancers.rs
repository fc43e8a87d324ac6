//! What stands beside the tasks: target groups, Classic Load Balancers and the alarms that ECS watches.

use std::collections::BTreeSet;

use casefile_evidence::tables::SourceRow;

use super::Known;
use crate::document::Operation;
use crate::normalise::coverage::{Key, describe_instance_health, describe_target_health};
use crate::normalise::topology::Topology;

/// The sources that each snapshot should have, by what the service has now.
pub(crate) fn due(topology: &Topology) -> BTreeSet<Key> {
    let groups = topology.target_groups();
    let groups = groups.iter().map(|arn| Key::of_target_group(arn));
    let classic = topology.classic_load_balancers().iter().map(|name| Key::of_classic(name));
    groups.chain(classic).chain((!topology.watched_alarms.is_empty()).then(Key::of_alarms)).collect()
}

/// Target groups and Classic Load Balancers that were never asked for.
pub(crate) fn targets_not_asked(known: &Known<'_>) -> Vec<SourceRow> {
    // A bare answer that no target group could be found for.
    let unnamed = known.coverage.ledger.was_asked(|key| {
        key.operation == Operation::DescribeTargetHealth.name() && key.parameter("TargetGroupArn").is_none()
    });
    let wrapped = if unnamed { ", saved with its request: the answer does not name the target group" } else { "" };
    let groups = known.topology.target_groups();
    let groups = groups.iter().map(|arn| (Key::of_target_group(arn), describe_target_health(arn), wrapped));
    let classic = known.topology.classic_load_balancers();
    let classic = classic.iter().map(|name| (Key::of_classic(name), describe_instance_health(name), ""));
    let unasked = groups.chain(classic).filter(|(key, ..)| !known.coverage.ledger.knows(key));
    let rows = unasked.map(|(key, command, wrapped)| {
        let action = Operation::by_name(key.operation).map_or(key.operation, Operation::iam_action);
        known.not_called(&key, format!("{command} (needs {action}){wrapped}"))
    });
    rows.collect()
}

/// The alarms, where ECS watches any and they were never asked for.
pub(crate) fn alarms_not_asked(known: &Known<'_>) -> Vec<SourceRow> {
    let (key, names) = (Key::of_alarms(), &known.topology.watched_alarms);
    if names.is_empty() || known.coverage.ledger.knows(&key) {
        return Vec::new();
    }
    let names = names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" ");
    let command = "aws cloudwatch describe-alarms --alarm-types MetricAlarm CompositeAlarm --alarm-names";
    let remedy = format!("{command} {names} (needs {})", Operation::DescribeAlarms.iam_action());
    vec![known.not_called(&key, remedy)]
}
