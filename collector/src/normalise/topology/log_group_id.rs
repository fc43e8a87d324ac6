//! Identifies log groups by account, region and name.
//!
//! The evidence names a log group by its name where it is of the service's own account and region, and otherwise by its ARN
//! (`arn:aws:logs:REGION:ACCOUNT:log-group:NAME`), which is what AWS takes as a `logGroupIdentifier`.

use casefile_evidence::log_group_name;
use casefile_objects::AwsPartition;

use super::{Topology, region_and_account};
use crate::document::Document;

/// Whether a log group is named by its ARN.
pub(crate) fn is_arn(log_group: &str) -> bool {
    log_group.starts_with("arn:")
}

/// The parameter of a request that names the log group.
pub(crate) fn log_group_parameter(log_group: &str) -> &'static str {
    if is_arn(log_group) { "logGroupIdentifier" } else { "logGroupName" }
}

/// The region in a log group's ARN; `None` for a name, which is of the service's own region.
pub(crate) fn log_group_region(log_group: &str) -> Option<&str> {
    log_group.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

/// The log group that a container of this task definition logs to, with the region of its log configuration.
pub(crate) fn of_container(task_definition: &str, name: String, region: Option<&str>) -> String {
    match (region, region_and_account(task_definition)) {
        (Some(region), (Some(own), Some(account))) if region != own => {
            format!("arn:{}:logs:{region}:{account}:log-group:{name}", AwsPartition::of(region).name)
        }
        _ => name,
    }
}

/// The AWS CLI's option that names the log group, with its value.
pub(crate) fn cli_option(log_group: &str) -> String {
    let option = if is_arn(log_group) { "--log-group-identifier" } else { "--log-group-name" };
    format!("{option} {log_group}")
}

impl Topology {
    /// The log groups that are read besides those that task definitions name.
    pub fn chosen_log_groups(&self) -> Vec<String> {
        self.about.log_groups.iter().map(|group| self.log_group(group)).collect()
    }

    pub(crate) fn is_chosen_group(&self, log_group: &str) -> bool {
        self.about.log_groups.iter().any(|group| self.log_group(group) == log_group)
    }

    /// The log group of a name, ARN or identifier.
    pub fn log_group(&self, identifier: &str) -> String {
        let name = log_group_name(identifier);
        if !is_arn(identifier) {
            return self.of_name(name);
        }
        let (region, account) = region_and_account(identifier);
        let (own_region, own_account) = self.own_place();
        let is_own = |own: &Option<String>, given: &Option<String>| own.is_none() || given.is_none() || own == given;
        if is_own(&own_region, &region) && is_own(&own_account, &account) {
            return name.to_owned();
        }
        match identifier.split_once(":log-group:") {
            Some((place, _)) => format!("{place}:log-group:{name}"),
            None => identifier.to_owned(),
        }
    }

    /// The service's region and account. A task definition is of the same ones, and may be known before the service is.
    pub(crate) fn own_place(&self) -> (Option<String>, Option<String>) {
        let definition = self.definitions.keys().next();
        let (region, account) = definition.map(|arn| region_and_account(arn)).unwrap_or_default();
        (self.about.region.clone().or(region), self.about.account.clone().or(account))
    }

    /// A name is of the service's own account and region, unless only a group elsewhere is known by it: recordings of
    /// before do not say where a group is.
    fn of_name(&self, name: &str) -> String {
        let known = self.log_groups_of_containers();
        let mut elsewhere = None;
        for group in known.chain(self.about.log_groups.iter().map(String::as_str)) {
            if group == name {
                return group.to_owned();
            }
            if is_arn(group) && log_group_name(group) == name {
                elsewhere = elsewhere.or(Some(group));
            }
        }
        match elsewhere {
            Some(arn) => self.log_group(arn),
            None => name.to_owned(),
        }
    }

    /// The log group that a document is about. Recordings of before name a group elsewhere by its name alone: then the task
    /// that writes the stream tells which one it is.
    pub(crate) fn requested_group(&self, document: &Document) -> Option<String> {
        if let Some(name) = document.requested("logGroupName") {
            let stream = document.requested("logStreamName").or_else(|| document.requested("logStreamNamePrefix"));
            let of_task = stream.and_then(|stream| self.group_of_task_in(stream));
            let of_task = of_task.filter(|group| log_group_name(group) == name);
            return Some(of_task.map_or_else(|| self.log_group(name), str::to_owned));
        }
        document.requested("logGroupIdentifier").map(|identifier| self.log_group(identifier))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::About;

    fn topology(log_groups: &[&str]) -> Topology {
        let about = About {
            service: "core".to_owned(),
            region: Some("eu-west-1".to_owned()),
            account: Some("123456789012".to_owned()),
            log_groups: log_groups.iter().map(|group| (*group).to_owned()).collect(),
            ..About::default()
        };
        Topology::new(about)
    }

    #[test]
    fn a_group_of_the_service_s_own_account_and_region_has_its_name() {
        let own = topology(&[]);
        for identifier in ["/ecs/core", "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/core:*"] {
            assert_eq!(own.log_group(identifier), "/ecs/core");
        }
        for elsewhere in
            ["arn:aws:logs:us-east-1:123456789012:log-group:/ecs/core", "arn:aws:logs:eu-west-1:9:log-group:/ecs/core"]
        {
            assert_eq!(own.log_group(&format!("{elsewhere}:*")), elsewhere);
            assert_eq!(log_group_name(elsewhere), "/ecs/core");
        }
        // A name may stand in the ARN before it does.
        let odd = "arn:aws:logs:us-east-1:9:log-group:logs";
        assert_eq!(own.log_group(&format!("{odd}:*")), odd);
        assert_eq!(log_group_region("arn:aws:logs:us-east-1:1:log-group:/ecs/core"), Some("us-east-1"));
        assert_eq!(log_group_region("/ecs/core"), None);
    }

    #[test]
    fn the_arn_of_the_cluster_tells_where_the_service_is() {
        let mut about = About {
            service: "core".to_owned(),
            cluster: Some("arn:aws:ecs:eu-west-1:123456789012:cluster/production".to_owned()),
            ..About::default()
        };
        about.locate();
        let service = |region: &str, account: &str| format!("arn:aws:ecs:{region}:{account}:service/production/core");
        assert!(!about.is_elsewhere(&service("eu-west-1", "123456789012")));
        assert!(about.is_elsewhere(&service("eu-west-1", "999999999999")));
        assert!(about.is_elsewhere(&service("us-east-1", "123456789012")));
    }

    #[test]
    fn a_task_definition_tells_where_the_service_is_before_it_is_described() {
        let mut unknown = Topology::new(About { service: "core".to_owned(), ..About::default() });
        let elsewhere = "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/core";
        let here = "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/core";
        let definition = "arn:aws:ecs:eu-west-1:123456789012:task-definition/core:7";
        unknown.definitions.insert(definition.to_owned(), std::collections::BTreeMap::new());
        assert_eq!([unknown.log_group(elsewhere), unknown.log_group(here)], [elsewhere, "/ecs/core"]);
    }

    #[test]
    fn a_name_means_a_group_elsewhere_only_where_none_here_has_it() {
        let elsewhere = "arn:aws:logs:us-east-1:123456789012:log-group:audit";
        assert_eq!(topology(&[elsewhere]).log_group("audit"), elsewhere);
        assert_eq!(topology(&[elsewhere, "audit"]).log_group("audit"), "audit");
        assert_eq!(topology(&[elsewhere]).log_group("other"), "other");
    }

    #[test]
    fn the_region_of_a_log_configuration_counts() {
        let definition = "arn:aws:ecs:eu-west-1:123456789012:task-definition/core:7";
        let of = |region| of_container(definition, "/ecs/core".to_owned(), region);
        assert_eq!([of(None), of(Some("eu-west-1"))], ["/ecs/core", "/ecs/core"]);
        assert_eq!(of(Some("us-east-1")), "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/core");
        let china =
            of_container(&definition.replace("eu-west-1", "cn-north-1"), "g".to_owned(), Some("cn-northwest-1"));
        assert_eq!(china, "arn:aws-cn:logs:cn-northwest-1:123456789012:log-group:g");
    }
}
