//! The difference between two verdicts.

use serde_json::{Value, json};

use super::page::{Page, Role};
use super::text::{short_digest, visible};
use super::{Style, json as json_line};
use crate::error::Error;
use crate::format::TextFormat;

/// Two verdicts, as JSON: of any version of casefile.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    pub(crate) before: Value,
    pub(crate) after: Value,
    /// Reasons why they may differ that the verdicts do not show.
    pub(crate) notes: Vec<String>,
}

/// A check with two outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Flip {
    id: String,
    before: String,
    after: String,
    why: String,
}

impl Compared {
    /// Whether they are the same verdict.
    pub(crate) fn is_same(&self) -> bool {
        text(&self.before, "/digest") == text(&self.after, "/digest")
    }

    /// The inputs that differ: digests and versions.
    fn inputs(&self) -> Vec<(&'static str, String, String)> {
        const INPUTS: [(&str, &str); 6] = [
            ("bundle", "/bundle/digest"),
            ("checks", "/pack/digest"),
            ("settings", "/config/digest"),
            ("casefile", "/engine/casefile"),
            ("engine", "/engine/datafusion"),
            ("as of", "/as_of"),
        ];
        let differing = INPUTS.into_iter().filter_map(|(name, pointer)| {
            let (before, after) = (text(&self.before, pointer), text(&self.after, pointer));
            (before != after).then_some((name, before, after))
        });
        differing.collect()
    }

    fn flips(&self) -> Vec<Flip> {
        let checks = |verdict: &Value| verdict["checks"].as_array().cloned().unwrap_or_default();
        let (before, after) = (checks(&self.before), checks(&self.after));
        let find = |checks: &[Value], id: &str| checks.iter().find(|check| text(check, "/id") == id).cloned();
        let mut ids: Vec<String> = before.iter().chain(&after).map(|check| text(check, "/id")).collect();
        ids.sort_unstable();
        ids.dedup();
        let flip = |id: String| {
            let (old, new) = (find(&before, &id), find(&after, &id));
            let of = |check: &Option<Value>, key: &str| {
                check.as_ref().map_or_else(|| "not judged".to_owned(), |it| text(it, key))
            };
            let (before, after) = (of(&old, "/outcome"), of(&new, "/outcome"));
            let why = of(if new.is_some() { &new } else { &old }, "/reason");
            (before != after).then_some(Flip { id, before, after, why })
        };
        ids.into_iter().filter_map(flip).collect()
    }
}

fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "none".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Whether two verdicts are the same, and how they differ.
///
/// # Errors
/// Only internal errors.
pub(crate) fn difference(compared: &Compared, format: TextFormat, style: Style) -> Result<String, Error> {
    let (inputs, flips) = (compared.inputs(), compared.flips());
    if format == TextFormat::Json {
        let of = |name: &str| json!({ "before": text(&compared.before, name), "after": text(&compared.after, name) });
        let inputs: Vec<Value> = inputs
            .iter()
            .map(|(name, before, after)| json!({ "input": name, "before": before, "after": after }))
            .collect();
        let flips: Vec<Value> = flips
            .iter()
            .map(|it| json!({ "check": it.id, "before": it.before, "after": it.after, "why": it.why }))
            .collect();
        return json_line(&json!({
            "same": compared.is_same(),
            "digest": of("/digest"),
            "verdict": of("/verdict"),
            "decision": of("/decision/action"),
            "inputs": inputs,
            "outcomes": flips,
            "notes": compared.notes,
        }));
    }
    let mut page = Page::new(style);
    if compared.is_same() {
        let digest = text(&compared.after, "/digest");
        let verdict = text(&compared.after, "/verdict");
        page.item(0, 2, Role::Pass, "same  ", &format!("{verdict}, verdict {}", short_digest(&digest)));
        return Ok(page.finish());
    }
    let turned = |pointer: &str| {
        let (before, after) = (text(&compared.before, pointer), text(&compared.after, pointer));
        if before == after { before } else { format!("{before} → {after}") }
    };
    page.item(
        0,
        2,
        Role::Fail,
        "differs  ",
        &format!("verdict {}, decision {}", turned("/verdict"), turned("/decision/action")),
    );
    for (name, before, after) in &inputs {
        let short = |text: &str| if text.len() == 64 { short_digest(text).to_owned() } else { visible(text) };
        page.field(name, &format!("{} → {}", short(before), short(after)));
    }
    if inputs.is_empty() {
        page.field("inputs", "the same");
    }
    compared.notes.iter().for_each(|note| page.field("note", note));
    page.gap();
    for flip in &flips {
        page.item(0, 4, Role::Strong, &flip.id, &format!("  {} → {}", flip.before, flip.after));
        page.line(4, Role::Plain, &flip.why);
    }
    if flips.is_empty() {
        page.line(0, Role::Plain, "every check has the same outcome: reasons, rows or gaps differ");
    }
    Ok(page.finish())
}
