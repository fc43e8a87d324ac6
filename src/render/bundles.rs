//! The difference between two bundles: what differs in the evidence.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::tables::{ContainerDefinitionRow, SourceRow, TargetRow, TaskDefinitionRow};
use casefile_evidence::{Bundle, ReadError, TableDifference};
use serde_json::{Value, json};

use super::page::{Page, Role};
use super::text::{cut_middle, short, short_digest, visible};
use super::{Style, json as json_line};
use crate::error::Error;
use crate::format::TextFormat;

/// How two bundles differ.
#[derive(Debug, Clone)]
pub(crate) struct BundleDifference {
    digests: [String; 2],
    /// What they are about, and of when: name, before, after.
    facts: Vec<Change>,
    /// The judged task definition and its containers: path, before, after.
    definition: Vec<Change>,
    /// Sources that were not read to their end in one of them only.
    gaps: [Vec<String>; 2],
    tables: Vec<TableDifference>,
}

/// What tells elements of a list apart.
const KEYS: [&str; 4] = ["name", "key", "namespace", "containerPort"];

pub(crate) type Change = (String, String, String);

impl BundleDifference {
    /// Compares two bundles.
    ///
    /// # Errors
    /// Where a table cannot be read.
    pub(crate) fn of(before: &Bundle, after: &Bundle) -> Result<Self, ReadError> {
        let (old, new) = (facts(before)?, facts(after)?);
        let facts = old.into_iter().zip(new).filter(|(a, b)| a.1 != b.1).map(|(a, b)| (a.0.to_owned(), a.1, b.1));
        let mut facts: Vec<Change> = facts.collect();
        let config = |bundle: &Bundle| bundle.manifest().config.clone().unwrap_or_default();
        changes("config", &config(before), &config(after), &mut facts);
        let mut definition = Vec::new();
        changes("", &self::definition(before)?, &self::definition(after)?, &mut definition);
        let (old, new) = (gaps(before)?, gaps(after)?);
        Ok(Self {
            digests: [before.digest().to_string(), after.digest().to_string()],
            facts,
            definition,
            gaps: [old.difference(&new).cloned().collect(), new.difference(&old).cloned().collect()],
            tables: before.compare(after)?,
        })
    }

    /// Whether they are one bundle.
    pub(crate) fn is_same(&self) -> bool {
        self.digests[0] == self.digests[1]
    }
}

fn target(bundle: &Bundle) -> Result<TargetRow, ReadError> {
    Ok(bundle.rows::<TargetRow>()?.into_iter().next().unwrap_or_default())
}

fn facts(bundle: &Bundle) -> Result<Vec<(&'static str, String)>, ReadError> {
    let (target, manifest) = (target(bundle)?, bundle.manifest());
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let time = |at: Option<casefile_evidence::Timestamp>| or_none(at.map(|at| at.to_string()));
    Ok(vec![
        ("service", target.service),
        ("region", or_none(target.region)),
        ("cluster", or_none(target.cluster)),
        ("account", or_none(target.account)),
        ("release", or_none(target.release)),
        ("task definition", or_none(target.task_definition)),
        ("rollout", or_none(target.service_deployment_arn.or(target.deployment_id))),
        ("rollout created", time(target.deployment_created_at)),
        ("evidence from", time(target.window_from)),
        ("evidence to", time(target.window_to)),
        ("collection stopped", target.stop_reason),
        ("made by", manifest.tool.clone()),
        ("made from", or_none(manifest.parent.clone())),
        ("redactions", serde_json::to_string(&manifest.redactions).unwrap_or_default()),
    ])
}

/// The judged task definition, as it came: its containers by name.
fn definition(bundle: &Bundle) -> Result<Value, ReadError> {
    definition_of(bundle, target(bundle)?.task_definition.as_deref())
}

/// The revision that ran before the judged one, and the fields that differ; `None` if the bundle has no other one.
pub(crate) fn definition_changes(bundle: &Bundle) -> Result<Option<(String, Vec<Change>)>, ReadError> {
    let judged = target(bundle)?.task_definition;
    let others = bundle.rows::<TaskDefinitionRow>()?.into_iter();
    let others = others.filter(|row| Some(&row.task_definition) != judged.as_ref());
    let Some(before) = others.max_by_key(|row| row.revision) else { return Ok(None) };
    let (old, new) = (definition_of(bundle, Some(&before.task_definition))?, definition_of(bundle, judged.as_deref())?);
    let mut found = Vec::new();
    changes("", &old, &new, &mut found);
    Ok(Some((short(&before.task_definition), found)))
}

fn definition_of(bundle: &Bundle, named: Option<&str>) -> Result<Value, ReadError> {
    let is_judged = |definition: &str| named == Some(definition);
    let parsed = |raw: &str| serde_json::from_str(raw).unwrap_or(Value::Null);
    let definitions = bundle.rows::<TaskDefinitionRow>()?;
    let mut whole = definitions
        .iter()
        .find(|row| is_judged(&row.task_definition))
        .map_or_else(|| json!({}), |row| parsed(&row.raw));
    let containers = bundle.rows::<ContainerDefinitionRow>()?;
    let containers = containers.iter().filter(|row| is_judged(&row.task_definition));
    let by_name: BTreeMap<&str, Value> = containers.map(|row| (row.container.as_str(), parsed(&row.raw))).collect();
    if let Some(object) = whole.as_object_mut() {
        // They are another revision's own, and say nothing of it.
        for key in ["taskDefinitionArn", "revision", "registeredAt"] {
            object.remove(key);
        }
        object.insert("containers".to_owned(), json!(by_name));
    }
    Ok(whole)
}

/// Collects the leaves that differ. Elements of a list are known by their `name` or `key` where they have one.
fn changes(path: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (fields(before), fields(after)) {
        (Some(old), Some(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let of = |fields: &BTreeMap<String, Value>| fields.get(key).cloned().unwrap_or_default();
                changes(&below(key), &of(&old), &of(&new), found);
            }
        }
        _ if before == after => {}
        _ => {
            let text = |value: &Value| match value {
                Value::String(text) => text.clone(),
                Value::Null => "none".to_owned(),
                other => other.to_string(),
            };
            found.push((path.to_owned(), text(before), text(after)));
        }
    }
}

fn fields(value: &Value) -> Option<BTreeMap<String, Value>> {
    match value {
        Value::Object(object) => Some(object.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
        Value::Array(list) => {
            let mut named = BTreeMap::new();
            for (at, item) in list.iter().enumerate() {
                let name = KEYS.iter().find_map(|key| item.get(key).map(Value::to_string));
                let mut key = name.map_or_else(|| at.to_string(), |name| name.trim_matches('"').to_owned());
                if named.contains_key(&key) {
                    key = format!("{key}#{at}");
                }
                named.insert(key, item.clone());
            }
            Some(named)
        }
        _ => None,
    }
}

fn gaps(bundle: &Bundle) -> Result<BTreeSet<String>, ReadError> {
    let sources = bundle.rows::<SourceRow>()?;
    let incomplete = sources.iter().filter(|source| source.status != "complete");
    let text = |source: &SourceRow| {
        let of = [&source.log_group, &source.log_stream]
            .into_iter()
            .flatten()
            .fold(String::new(), |all, part| all + " " + part);
        format!("{}{of}: {}", source.operation, source.status)
    };
    Ok(incomplete.map(text).collect())
}

/// Whether two bundles are the same, and how they differ.
///
/// # Errors
/// Only by a fault of this program.
pub(crate) fn bundles(difference: &BundleDifference, format: TextFormat, style: Style) -> Result<String, Error> {
    let BundleDifference { digests, facts, definition, gaps, tables } = difference;
    let differing = || tables.iter().filter(|table| table.before != table.same || table.after != table.same);
    if format == TextFormat::Json {
        let changes = |changes: &[Change]| -> Vec<Value> {
            changes
                .iter()
                .map(|(name, before, after)| json!({ "name": name, "before": before, "after": after }))
                .collect()
        };
        let tables: Vec<Value> = differing()
            .map(|it| json!({ "table": it.table, "before": it.before, "after": it.after, "same": it.same }))
            .collect();
        return json_line(&json!({
            "same": difference.is_same(),
            "digest": { "before": digests[0], "after": digests[1] },
            "facts": changes(facts),
            "definition": changes(definition),
            "gaps": { "only_before": gaps[0], "only_after": gaps[1] },
            "tables": tables,
        }));
    }
    let mut page = Page::new(style);
    if difference.is_same() {
        page.item(0, 2, Role::Pass, "same  ", &format!("bundle {}", short_digest(&digests[0])));
        return Ok(page.finish());
    }
    let digests = digests.each_ref().map(|digest| short_digest(digest));
    page.item(0, 2, Role::Fail, "differs  ", &format!("bundle {} → {}", digests[0], digests[1]));
    let turned = |page: &mut Page, changes: &[Change]| {
        for (name, before, after) in changes {
            let short = |text: &str| cut_middle(&visible(text), 70);
            page.item(2, 4, Role::Strong, name, &format!("  {} → {}", short(before), short(after)));
        }
    };
    turned(&mut page, facts);
    if !definition.is_empty() {
        page.gap();
        page.line(0, Role::Strong, "the judged task definition");
        turned(&mut page, definition);
    }
    if gaps.iter().any(|gaps| !gaps.is_empty()) {
        page.gap();
        page.line(0, Role::Strong, "evidence that is missing in one of them");
        for (which, gaps) in ["the first", "the second"].iter().zip(gaps) {
            gaps.iter().for_each(|gap| page.line(2, Role::Plain, &format!("{which}: {}", visible(gap))));
        }
    }
    page.gap();
    page.line(0, Role::Strong, "tables");
    for table in differing().filter(|table| table.same > 0) {
        let text =
            format!("{:<22} {} → {} rows, {} of them in both", table.table, table.before, table.after, table.same);
        page.line(2, Role::Plain, &text);
    }
    let foreign: Vec<&str> = differing().filter(|table| table.same == 0).map(|table| table.table).collect();
    if !foreign.is_empty() {
        page.item(2, 25, Role::Plain, &format!("{:<22} ", "no row in common"), &foreign.join(", "));
    }
    Ok(page.finish())
}
