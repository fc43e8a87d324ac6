//! Which Terraform outputs name the target.

use casefile_collector::normalise::short_name;
use casefile_collector::terraform::Outputs;
use casefile_evidence::rollout::names_a_revision;
use casefile_evidence::tables::TargetRow;

/// Outputs that seem to name something of the target: the key of `[target.terraform]`, the output, and its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Guessed(pub(crate) Vec<(&'static str, String, String)>);

/// By an ARN's resource, else by the words of the output's name. The key, the resource, the words.
const KEYS: [(&str, &str, &[&str]); 3] = [
    ("cluster", ":cluster/", &["cluster"]),
    ("service", ":service/", &["service"]),
    ("expect_task_definition", ":task-definition/", &["task", "definition"]),
];

impl Guessed {
    /// One output for each key: an ARN before a name, and none where several would do.
    pub(crate) fn of(outputs: &Outputs) -> Self {
        let mut guessed = Vec::new();
        let mut take = |key, found: Vec<(&str, &str)>| {
            if let [(name, value)] = found[..] {
                guessed.push((key, name.to_owned(), value.to_owned()));
            }
        };
        let all: Vec<(&str, &str)> = outputs.strings().collect();
        take(
            "region",
            all.iter().copied().filter(|(name, value)| name.contains("region") && is_region(value)).collect(),
        );
        for (key, resource, words) in KEYS {
            let is_arn = |value: &str| value.starts_with("arn:") && value.contains(":ecs:") && value.contains(resource);
            let arns: Vec<_> = all.iter().copied().filter(|(_, value)| is_arn(value)).collect();
            let named = |(name, value): &(&str, &str)| {
                let parts: Vec<&str> = name.split(['_', '-']).collect();
                let other = [
                    "url",
                    "id",
                    "role",
                    "port",
                    "endpoint",
                    "group",
                    "discovery",
                    "account",
                    "family",
                    "rds",
                    "eks",
                    "redis",
                    "db",
                ];
                words.iter().all(|word| parts.contains(word))
                    && !parts.iter().any(|part| other.contains(part))
                    && !value.starts_with("arn:")
            };
            take(key, if arns.is_empty() { all.iter().copied().filter(named).collect() } else { arns });
        }
        Self(guessed)
    }

    /// The outputs that name what was found, by their keys: another service's outputs stay out of the config.
    pub(crate) fn naming(&self, target: &TargetRow) -> Vec<(&'static str, String)> {
        let names = |key: &str, value: &str| {
            let found = match key {
                "service" => Some(target.service.as_str()),
                "cluster" => target.cluster.as_deref(),
                "region" => target.region.as_deref(),
                // Another revision of the same family: it was applied, or is to be.
                _ => return is_family_of(value, target.task_definition.as_deref()),
            };
            found.is_some_and(|found| short_name(found) == short_name(value))
        };
        self.0
            .iter()
            .filter(|(key, _, value)| names(key, value))
            .map(|(key, output, _)| (*key, output.clone()))
            .collect()
    }

    /// The value of a key; the region of an ARN, where no output names one.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        let named = self.0.iter().find(|(known, ..)| *known == key).map(|(.., value)| value.clone());
        let in_arn = || self.0.iter().find_map(|(.., value)| value.strip_prefix("arn:")?.split(':').nth(2));
        named.or_else(|| in_arn().filter(|_| key == "region").map(str::to_owned))
    }
}

/// Whether it is a revision of the family that runs; of any, where none is known.
fn is_family_of(value: &str, runs: Option<&str>) -> bool {
    let family = |name: &str| short_name(name).split(':').next().unwrap_or_default().to_owned();
    names_a_revision(value) && runs.is_none_or(|runs| family(runs) == family(value))
}

fn is_region(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    parts.len() >= 3 && parts.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn guessed(values: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let outputs: serde_json::Map<_, _> =
            values.iter().map(|(name, value)| ((*name).to_owned(), serde_json::json!({ "value": value }))).collect();
        let text = serde_json::Value::Object(outputs).to_string();
        let guessed = Guessed::of(&Outputs::parse(text.as_bytes(), Path::new("outputs.json")).unwrap());
        guessed.0.into_iter().map(|(key, name, _)| (key, name)).collect()
    }

    #[test]
    fn outputs_are_known_by_their_arns_and_by_their_names() {
        let found = guessed(&[
            ("aws_region", "eu-west-1"),
            ("ecs_cluster_name", "production"),
            ("svc", "arn:aws:ecs:eu-west-1:1:service/production/web"),
            ("service_url", "https://example.com"),
            ("task_definition_arn", "arn:aws:ecs:eu-west-1:1:task-definition/web:3"),
            ("task_role_arn", "arn:aws:iam::1:role/web"),
        ]);
        let expected = [
            ("region", "aws_region"),
            ("cluster", "ecs_cluster_name"),
            ("service", "svc"),
            ("expect_task_definition", "task_definition_arn"),
        ];
        assert_eq!(found, expected.map(|(key, name)| (key, name.to_owned())));
    }

    #[test]
    fn outputs_of_another_service_stay_out_of_the_config() {
        let output = |key, value: &str| (key, format!("{key}_output"), value.to_owned());
        let guessed = Guessed(vec![
            output("service", "web"),
            output("cluster", "arn:aws:ecs:eu-west-1:1:cluster/production"),
            output("expect_task_definition", "arn:aws:ecs:eu-west-1:1:task-definition/web:3"),
        ]);
        let target = |service: &str, runs: &str| TargetRow {
            service: service.to_owned(),
            cluster: Some("production".to_owned()),
            task_definition: Some(runs.to_owned()),
            ..TargetRow::default()
        };
        let keys = |target: &TargetRow| guessed.naming(target).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys(&target("worker", "worker:7")), ["cluster"]);
        assert_eq!(keys(&target("web", "arn:aws:ecs:eu-west-1:1:task-definition/web:2")).len(), 3);
    }

    #[test]
    fn where_several_would_do_none_is_taken() {
        let found = guessed(&[("web_service_name", "web"), ("worker_service_name", "worker")]);
        assert_eq!(found, []);
    }
}
