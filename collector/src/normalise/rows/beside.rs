//! Rows of what stands beside the tasks: targets of load balancers, and alarms.

use casefile_evidence::tables::{AlarmRow, TargetHealthRow};

use crate::normalise::fields::Fields;
use crate::normalise::{Current, Remarks};

/// Makes the row of a target: of its object, and of what it is registered in.
pub(crate) type TargetRowOf = fn(Fields<'_>, Option<&str>, Current, &mut Remarks) -> Option<TargetHealthRow>;

pub(crate) fn target(
    item: Fields<'_>,
    target_group: Option<&str>,
    at: Current,
    remarks: &mut Remarks,
) -> Option<TargetHealthRow> {
    let target = item.object("Target", remarks);
    let health = item.object("TargetHealth", remarks);
    Some(TargetHealthRow {
        snapshot: at.snapshot,
        target_group_arn: target_group.map(str::to_owned),
        target_id: target.id("Id", remarks)?,
        port: target.int("Port", remarks),
        observed_at: at.observed_at,
        availability_zone: target.text("AvailabilityZone", remarks),
        state: health.text("State", remarks),
        reason: health.text("Reason", remarks),
        description: health.text("Description", remarks),
        raw: item.raw(&[]),
    })
}

/// An instance of a Classic Load Balancer.
pub(crate) fn instance(
    item: Fields<'_>,
    load_balancer: Option<&str>,
    at: Current,
    remarks: &mut Remarks,
) -> Option<TargetHealthRow> {
    let state = item.text("State", remarks).map(|state| match state.as_str() {
        "InService" => "healthy".to_owned(),
        "OutOfService" => "unhealthy".to_owned(),
        "Unknown" => "unavailable".to_owned(),
        _ => state,
    });
    Some(TargetHealthRow {
        snapshot: at.snapshot,
        target_group_arn: load_balancer.map(str::to_owned),
        target_id: item.id("InstanceId", remarks)?,
        port: None,
        observed_at: at.observed_at,
        availability_zone: None,
        state,
        reason: item.text("ReasonCode", remarks).filter(|reason| reason != "N/A"),
        description: item.text("Description", remarks).filter(|description| description != "N/A"),
        raw: item.raw(&[]),
    })
}

pub(crate) fn alarm(item: Fields<'_>, alarm_name: String, at: Current, remarks: &mut Remarks) -> AlarmRow {
    AlarmRow {
        snapshot: at.snapshot,
        alarm_name,
        observed_at: at.observed_at,
        alarm_arn: item.text("AlarmArn", remarks),
        state: item.text("StateValue", remarks),
        reason: item.text("StateReason", remarks),
        changed_at: item
            .time("StateTransitionedTimestamp", remarks)
            .or_else(|| item.time("StateUpdatedTimestamp", remarks)),
        raw: item.raw(&[]),
    }
}
