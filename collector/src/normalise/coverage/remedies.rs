//! What an operator can do about a source that is not complete.

use super::ledger::Key;
use crate::document::Operation;

pub(crate) fn describe_target_health(arn: &str) -> String {
    format!("aws elbv2 describe-target-health --target-group-arn {arn}")
}

pub(crate) fn describe_instance_health(load_balancer: &str) -> String {
    format!("aws elb describe-instance-health --load-balancer-name {load_balancer}")
}

/// What an operator can do about a gap.
pub(crate) fn remedy(key: &Key, status: &str, problem: bool, log_group: Option<&str>, by: Option<Operation>) -> String {
    let by = by.or_else(|| Operation::by_name(key.operation));
    let action = by.map_or(key.operation, Operation::iam_action);
    match (status, log_group) {
        ("denied", Some(group)) => format!("grant {action} on log group {group} to the role that collects"),
        ("denied", None) => format!("grant {action} to the role that collects"),
        ("throttled", _) => format!("collect again when {action} is less in demand, or raise its quota"),
        ("timeout" | "unreachable", _) => {
            "check --endpoint-url, the region, and the network between this machine and AWS; then collect again"
                .to_owned()
        }
        ("partial", _) if problem && key.feeds == "tasks" => {
            "collect within the hour: ECS forgets a stopped task after about that long".to_owned()
        }
        ("partial", _) if problem && key.operation == Operation::DescribeServices.name() => {
            "check the service's name, --cluster and --region; then collect again".to_owned()
        }
        ("partial", Some(group)) if problem => format!("collect the whole of the stream in log group {group}"),
        ("partial", _) if problem => "see the error, and collect again".to_owned(),
        ("partial", _) => "collect again: not every page was read".to_owned(),
        (_, Some(group)) => format!("check that log group {group} and the stream exist, and collect again"),
        _ if key.feeds == "target_health" => {
            let named = |name: &str| key.parameter(name).unwrap_or_else(|| "...".to_owned());
            let command = match key.operation {
                "DescribeTargetHealth" => describe_target_health(&named("TargetGroupArn")),
                _ => describe_instance_health(&named("LoadBalancerName")),
            };
            format!("see the error, and try {command}")
        }
        _ => format!("see the error, and collect again; {action} must be allowed and known to the endpoint"),
    }
}
