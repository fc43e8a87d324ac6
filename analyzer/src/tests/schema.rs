//! The verdict's JSON Schema, against real verdicts.

use serde_json::Value;

use super::world::{DEPLOYMENT, healthy, running_tasks, settings};

/// As much of JSON Schema as ours uses; anything else in it fails the test.
pub(super) fn check(schema: &Value, root: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
    let Some(rules) = schema.as_object() else { return problems.push(format!("{at}: the schema is no object")) };
    for (rule, wanted) in rules {
        match rule.as_str() {
            "$schema" | "$id" | "title" | "description" | "$defs" => {}
            "$ref" => {
                let path = wanted.as_str().and_then(|path| path.strip_prefix('#')).unwrap_or_default();
                check(root.pointer(path).unwrap_or(&Value::Null), root, value, at, problems);
            }
            "type" => {
                let of = |name: &str| match name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    _ => false,
                };
                let names: Vec<&str> = match wanted {
                    Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                    one => one.as_str().into_iter().collect(),
                };
                if !names.into_iter().any(of) {
                    problems.push(format!("{at}: {value} is not {wanted}"));
                }
            }
            "const" if value == wanted => {}
            "enum" if wanted.as_array().is_some_and(|all| all.contains(value)) => {}
            "const" | "enum" => problems.push(format!("{at}: {value} is not {wanted}")),
            "required" => {
                for key in wanted.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if value.get(key).is_none() {
                        problems.push(format!("{at}: {key} is missing"));
                    }
                }
            }
            "properties" => {
                for (key, schema) in wanted.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(key) {
                        check(schema, root, value, &format!("{at}.{key}"), problems);
                    }
                }
            }
            "additionalProperties" => {
                let known =
                    |key: &String| rules.get("properties").is_some_and(|properties| properties.get(key).is_some());
                for (key, value) in value.as_object().into_iter().flatten().filter(|(key, _)| !known(key)) {
                    match wanted {
                        Value::Bool(false) => problems.push(format!("{at}: {key} is not in the schema")),
                        schema => check(schema, root, value, &format!("{at}.{key}"), problems),
                    }
                }
            }
            "items" => {
                for (place, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(wanted, root, value, &format!("{at}[{place}]"), problems);
                }
            }
            "minimum" if value.as_i64() >= wanted.as_i64() => {}
            "pattern" | "format" => {}
            other => problems.push(format!("{at}: rule {other} does not hold, or is not known here")),
        }
    }
}

#[tokio::test]
async fn real_verdicts_fit_the_published_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../docs/verdict.schema.json")).unwrap();
    let mut failing = healthy(&[10, 200]);
    failing.dead_task("ddd", 60, 1).log("ddd", |row| row.status = "denied".to_owned()).line(
        "aaa",
        40,
        "Multiple head revisions",
    );
    let mut unknown = healthy(&[10, 200]);
    unknown.denied("tasks", "ListTasks").task("new", DEPLOYMENT, |_, _| {});
    for world in [healthy(&[10, 200]), healthy(&[10]), failing, unknown] {
        let verdict = world.judge(&running_tasks(), &settings()).await;
        let json = serde_json::to_value(&verdict).unwrap();
        let mut problems = Vec::new();
        check(&schema, &schema, &json, "verdict", &mut problems);
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        // Every key is documented, and the schema refuses unknown keys.
        for key in json.as_object().unwrap().keys() {
            assert!(schema["properties"].get(key).is_some_and(|rule| rule.get("description").is_some()), "{key}");
            let mut lacking = json.clone();
            lacking.as_object_mut().unwrap().remove(key);
            let mut problems = Vec::new();
            check(&schema, &schema, &lacking, "verdict", &mut problems);
            assert!(!problems.is_empty(), "{key} is not required");
        }
    }
}
