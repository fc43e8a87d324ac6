//! What a collection will ask of AWS, before it does: how often, and with which permissions.

use std::collections::{BTreeMap, BTreeSet};

use casefile_objects::AwsPartition;
use serde::Serialize;
use serde_json::{Value, json};

use crate::aws::{Quotas, share_of};
use crate::document::Operation;
use crate::normalise::{is_arn, short_name};

/// What is known of the target beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The region of the service.
    pub region: Option<String>,
    /// The account.
    pub account: Option<String>,
    /// The cluster's name or ARN.
    pub cluster: String,
    /// The service's name or ARN.
    pub service: String,
    /// How many tasks the service wants.
    pub tasks: u64,
    /// Log groups that are read (names, or ARNs of other accounts and regions), and how many streams a task has in each.
    pub groups: BTreeMap<String, u64>,
    /// Log groups that only Logs Insights reads.
    pub queried: BTreeSet<String>,
    /// Whether the log groups were read from the task definitions; else there may be others.
    pub groups_are_known: bool,
    /// How many selectors of one-off tasks there are.
    pub selectors: u64,
    /// Whether the service has task sets (CODE_DEPLOY, EXTERNAL).
    pub task_sets: bool,
    /// How many target groups the service has; `None` where that is not known.
    pub target_groups: Option<u64>,
    /// How many Classic Load Balancers the service has; `None` where that is not known.
    pub classic_load_balancers: Option<u64>,
    /// How many CloudWatch alarms ECS watches during a deployment; `None` where that is not known.
    pub alarms: Option<u64>,
    /// Polls at most.
    pub polls: u64,
    /// The ARN of the place in S3 that the bundle goes to, where it does.
    pub archive: Option<String>,
}

/// How often an operation is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calls {
    /// The operation.
    pub operation: &'static str,
    /// In each poll.
    pub per_poll: u64,
    /// Once, over the whole collection.
    pub once: u64,
    /// All polls together, at most.
    pub at_most: u64,
    /// Calls a second that are made at most.
    pub per_second: f64,
}

/// The calls of a collection. Pages of log lines come on top, at most 10,000 lines each.
pub fn calls(known: &Known, quotas: &Quotas) -> Vec<Calls> {
    // While one release replaces another, the tasks of both are there.
    let tasks = known.tasks.max(1) * 2;
    let hundreds = |count: u64| count.div_ceil(100).max(1);
    let lists = 2 * (1 + known.selectors);
    let groups = known.groups.len().max(1) as u64;
    let queried = known.queried.len() as u64;
    let streams: u64 = known.groups.values().sum::<u64>().max(1) * known.tasks.max(1);
    let readings: u64 = known.groups.values().map(|streams| hundreds(streams * tasks)).sum::<u64>().max(1);
    let asked = [
        (Operation::DescribeServices, 1, 0),
        (Operation::DescribeTaskSets, u64::from(known.task_sets), 0),
        (Operation::ListServiceDeployments, 1, 0),
        (Operation::DescribeServiceDeployments, 1, 0),
        (Operation::DescribeServiceRevisions, 0, 2),
        (Operation::ListTasks, lists - 2 + 2 * hundreds(tasks), 0),
        (Operation::DescribeTasks, hundreds(tasks), 0),
        (Operation::DescribeTaskDefinition, 0, 2 + known.selectors),
        (Operation::DescribeTargetHealth, known.target_groups.unwrap_or(1), 0),
        (Operation::DescribeInstanceHealth, known.classic_load_balancers.unwrap_or(0), 0),
        (Operation::DescribeAlarms, known.alarms.unwrap_or(1).div_ceil(100), 0),
        (Operation::DescribeLogGroups, 0, groups),
        (Operation::DescribeLogStreams, 0, streams),
        (Operation::FilterLogEvents, readings, 0),
        (Operation::StartQuery, queried, 0),
        (Operation::GetQueryResults, queried * 3, 0),
    ];
    let region = known.region.as_deref().unwrap_or_default();
    let asked = asked.into_iter().filter(|(_, per_poll, once)| per_poll + once > 0);
    asked
        .map(|(operation, per_poll, once)| Calls {
            operation: operation.name(),
            per_poll,
            once,
            at_most: per_poll * known.polls + once,
            per_second: share_of(quotas, operation, region).0,
        })
        .collect()
}

/// The least that the role which collects must be allowed, as an IAM policy (Service Authorization Reference, Amazon
/// ECS, Amazon CloudWatch Logs and AWS Elastic Load Balancing V2). What is not known of the target is a `*`.
pub fn policy(known: &Known) -> Value {
    let any = "*".to_owned();
    let region = known.region.as_ref().unwrap_or(&any);
    let account = known.account.as_ref().unwrap_or(&any);
    let (cluster, service) = (short_name(&known.cluster), short_name(&known.service));
    let arn = |service: &str, rest: String| {
        format!("arn:{}:{service}:{region}:{account}:{rest}", AwsPartition::of(region).name)
    };
    let group_arn = |group: &String| match is_arn(group) {
        true => group.clone(),
        false => arn("logs", format!("log-group:{group}")),
    };
    let cluster_arn = arn("ecs", format!("cluster/{cluster}"));
    let mut of_service = vec![
        "ecs:DescribeServices",
        "ecs:ListServiceDeployments",
        "ecs:DescribeServiceDeployments",
        "ecs:DescribeServiceRevisions",
    ];
    let mut resources = vec![
        arn("ecs", format!("service/{cluster}/{service}")),
        arn("ecs", format!("service-deployment/{cluster}/{service}/*")),
        arn("ecs", format!("service-revision/{cluster}/{service}/*")),
    ];
    if known.task_sets {
        of_service.push("ecs:DescribeTaskSets");
        resources.push(arn("ecs", format!("task-set/{cluster}/{service}/*")));
    }
    let mut logs: Vec<String> = Vec::new();
    let mut regions: Vec<String> = Vec::new();
    for group in known.groups.keys().map(group_arn) {
        let place = group.split_once(":log-group:").map_or(group.as_str(), |(place, _)| place);
        regions.push(format!("{place}:log-group:*"));
        // Some actions are of the group, some of its streams.
        logs.push(format!("{group}:log-stream:*"));
        logs.push(group);
    }
    logs.sort();
    if logs.is_empty() || !known.groups_are_known {
        regions.push(arn("logs", "log-group:*".to_owned()));
        logs = vec![arn("logs", "log-group:*".to_owned())];
    }
    regions.sort();
    regions.dedup();
    let allow = |sid: &str, actions: &[&str], resources: &[String]| json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources });
    let all = [any.clone()];
    let mut list_tasks = allow("ListTasks", &["ecs:ListTasks"], &all);
    list_tasks["Condition"] = json!({ "ArnEquals": { "ecs:cluster": cluster_arn } });
    let read_logs = ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"];
    let mut statements = vec![
        allow("Service", &of_service, &resources),
        allow("Tasks", &["ecs:DescribeTasks"], &[arn("ecs", format!("task/{cluster}/*"))]),
        list_tasks,
        // IAM knows no resource for it.
        allow("TaskDefinitions", &["ecs:DescribeTaskDefinition"], &all),
        allow("LogGroups", &["logs:DescribeLogGroups"], &regions),
        allow("Logs", &read_logs, &logs),
    ];
    if !known.queried.is_empty() {
        let groups = known.queried.iter().map(group_arn);
        let groups: Vec<String> = groups.flat_map(|group| [format!("{group}:*"), group]).collect();
        statements.push(allow("LogsInsights", &["logs:StartQuery"], &groups));
        // IAM knows no resource for it.
        statements.push(allow("LogsInsightsResults", &["logs:GetQueryResults"], &all));
    }
    // IAM knows no resource for the first two; the names of alarms change without a deployment.
    for (sid, operation, count) in [
        ("TargetHealth", Operation::DescribeTargetHealth, known.target_groups),
        ("InstanceHealth", Operation::DescribeInstanceHealth, known.classic_load_balancers.or(Some(0))),
        ("Alarms", Operation::DescribeAlarms, known.alarms),
    ] {
        if count != Some(0) {
            statements.push(allow(sid, &[operation.iam_action()], &all));
        }
    }
    if let Some(arn) = &known.archive {
        let write = ["s3:PutObject", "s3:AbortMultipartUpload"];
        statements.push(allow("Archive", &write, &[arn.clone(), format!("{arn}/*")]));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// A policy as the document that Terraform makes it of.
pub fn terraform(policy: &Value, name: &str) -> String {
    let mut text = format!("data \"aws_iam_policy_document\" \"{name}\" {{\n");
    let texts = |value: &Value| {
        let all = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        all.map(|text| format!("      {text:?},\n")).collect::<String>()
    };
    for statement in policy.get("Statement").and_then(Value::as_array).into_iter().flatten() {
        let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
        text.push_str(&format!("  statement {{\n    sid = {sid:?}\n"));
        text.push_str(&format!("    actions = [\n{}    ]\n", texts(&statement["Action"])));
        text.push_str(&format!("    resources = [\n{}    ]\n", texts(&statement["Resource"])));
        for (test, tested) in statement.get("Condition").and_then(Value::as_object).into_iter().flatten() {
            for (variable, value) in tested.as_object().into_iter().flatten() {
                text.push_str(&format!(
                    "    condition {{\n      test     = {test:?}\n      variable = {variable:?}\n      values   = [{value}]\n    }}\n"
                ));
            }
        }
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        Known {
            region: Some("ap-southeast-2".to_owned()),
            account: Some("123456789012".to_owned()),
            cluster: "production".to_owned(),
            service: "bf-manage-core".to_owned(),
            tasks: 2,
            groups: [("/ecs/bf-manage-core".to_owned(), 2)].into(),
            queried: ["/ecs/rare".to_owned()].into(),
            groups_are_known: true,
            selectors: 1,
            task_sets: false,
            target_groups: Some(0),
            classic_load_balancers: Some(1),
            alarms: Some(2),
            polls: 37,
            archive: Some("arn:aws:s3:::evidence/rollout.bundle".to_owned()),
        }
    }

    #[test]
    fn the_policy_allows_what_is_asked_and_no_more() {
        let policy = policy(&known());
        let allowed: Vec<&str> = policy["Statement"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|statement| statement["Action"].as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        for calls in calls(&known(), &Quotas::default()) {
            let action = Operation::by_name(calls.operation).map(Operation::iam_action).unwrap_or_default();
            assert!(allowed.contains(&action), "{action}");
        }
        insta::assert_snapshot!(serde_json::to_string_pretty(&policy).unwrap_or_default());
        insta::assert_snapshot!(terraform(&policy, "casefile"));
    }

    #[test]
    fn what_is_not_known_is_allowed_as_a_whole() {
        let unknown =
            Known { region: None, account: None, groups: BTreeMap::new(), groups_are_known: false, ..known() };
        let text = policy(&unknown).to_string();
        assert!(text.contains("arn:aws:logs:*:*:log-group:*"), "{text}");
    }

    #[test]
    fn target_health_is_allowed_where_there_are_target_groups_or_nobody_knows() {
        let of = |target_groups: Option<u64>| {
            let (classic_load_balancers, alarms) = (Some(0), Some(0));
            let known = Known { target_groups, classic_load_balancers, alarms, archive: None, ..known() };
            let calls = calls(&known, &Quotas::default());
            let asked = calls.into_iter().find(|calls| calls.operation == "DescribeTargetHealth");
            let policy = policy(&known);
            let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
            let allowed = statements.into_iter().find(|statement| statement["Sid"] == "TargetHealth");
            (asked.map(|calls| (calls.per_poll, calls.at_most)), allowed, terraform(&policy, "casefile"))
        };
        let (asked, allowed, _) = of(Some(0));
        assert_eq!((asked, allowed), (None, None));
        assert_eq!(of(None).0, Some((1, 37)));
        let (asked, allowed, terraform) = of(Some(2));
        assert_eq!(asked, Some((2, 74)));
        let expected = json!({ "Sid": "TargetHealth", "Effect": "Allow", "Resource": ["*"],
            "Action": ["elasticloadbalancing:DescribeTargetHealth"] });
        assert_eq!(allowed, Some(expected));
        insta::assert_snapshot!(terraform.split("\n  statement").last().unwrap_or_default().trim_start(), @r#"
        {
            sid = "TargetHealth"
            actions = [
              "elasticloadbalancing:DescribeTargetHealth",
            ]
            resources = [
              "*",
            ]
          }
        }
        "#);
    }

    #[test]
    fn calls_grow_with_the_hundreds() {
        let of = |tasks: u64, operation: &str| {
            let calls = calls(&Known { tasks, ..known() }, &Quotas::default());
            calls.into_iter().find(|calls| calls.operation == operation).map(|calls| (calls.per_poll, calls.once))
        };
        assert_eq!(of(2, "DescribeTasks"), Some((1, 0)));
        assert_eq!(of(500, "DescribeTasks"), Some((10, 0)));
        assert_eq!(of(500, "FilterLogEvents"), Some((20, 0)));
        assert_eq!(of(500, "ListTasks"), Some((22, 0)));
        assert_eq!(of(2, "DescribeTaskSets"), None);
    }
}
