//! Near misses: lines that almost match a signature, and why they do not.
//!
//! For the author of a signature that does not match as expected: is the line spelt differently, in another
//! container, on a task of the old release, or a word off?

use std::collections::BTreeSet;

use arrow::array::{Array, RecordBatch, StringArray, TimestampMillisecondArray};
use casefile_evidence::tables::LogEventRow;
use casefile_evidence::{Row, Timestamp};
use regex_automata::meta::Regex;

use crate::error::AnalyzeError;
use crate::options::Options;
use crate::plans::ViewPlans;
use crate::prepared::Prepared;
use crate::signature::{Compiled, Ends, Looks, Pattern, Signature, compile, is_log_group, readable_line};
use crate::tables::{Evidence, RolloutSettings, TableData};

/// A line that almost matches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NearMiss {
    /// How near, 100 being all but a match.
    pub nearness: u32,
    /// When it was written.
    pub at: Timestamp,
    /// The stream that it is in.
    pub log_stream: String,
    /// The line as a person reads it, its first 4096 bytes.
    pub message: String,
    /// Why it does not count.
    pub why: String,
}

/// Near misses that are kept: the nearest.
const KEPT: usize = 10;
const MESSAGE_BYTES: usize = 4096;

/// The lines of the evidence that come nearest to a signature without counting for it, nearest first.
///
/// May be cancelled: nothing outlives it.
///
/// # Errors
/// Where the signature cannot be used, or the evidence cannot be read.
pub async fn near_misses(
    evidence: &Evidence,
    signature: &Signature,
    options: &Options,
) -> Result<Vec<NearMiss>, AnalyzeError> {
    let pattern = signature.compile().map_err(|error| vec![error])?;
    let limits = options.limits();
    let views = ViewPlans::new(&limits, options.threads).await?;
    let (rollout, none) = (RolloutSettings::default(), Compiled::new(Vec::new())?);
    let prepared = Prepared::new(evidence, None, &views, &rollout, &none, options).await?;
    let search = Search::new(&pattern, signature, &prepared);
    let mut near = BTreeSet::new();
    let mut take = |batch: &RecordBatch| -> Result<(), AnalyzeError> {
        search.batch(batch, &mut |miss| {
            // Ordered by nearness: the least near is the first to go.
            near.insert(miss);
            if near.len() > KEPT {
                near.pop_first();
            }
        })
    };
    match (&evidence.bundle, evidence.tables.get(LogEventRow::TABLE)) {
        (Some(bundle), Some(TableData::Filed)) => {
            for batch in bundle.batches(LogEventRow::TABLE)? {
                take(&batch?)?;
            }
        }
        (_, Some(TableData::Held(batches))) => batches.iter().try_for_each(take)?,
        _ => {}
    }
    Ok(near.into_iter().rev().collect())
}

struct Search<'a> {
    pattern: &'a Pattern,
    prepared: &'a Prepared,
    /// The pattern itself, and the pattern in any case.
    exact: Option<Regex>,
    any_case: Option<Regex>,
    words: Vec<String>,
}

impl<'a> Search<'a> {
    fn new(pattern: &'a Pattern, signature: &Signature, prepared: &'a Prepared) -> Self {
        let (exact, any_case) = match &pattern.looks {
            Looks::Text(text) => {
                let regex = |text: &str| compile(&[text], Ends::OfLines).ok();
                (regex(text), regex(&format!("(?i:{text})")))
            }
            Looks::Json(_) => (None, None),
        };
        let written = signature.pattern.iter().chain(&signature.contains).chain(signature.json.values());
        let words = written.flat_map(|text| words(text)).collect::<BTreeSet<_>>().into_iter().collect();
        Self { pattern, prepared, exact, any_case, words }
    }

    fn batch(&self, batch: &RecordBatch, found: &mut impl FnMut(NearMiss)) -> Result<(), AnalyzeError> {
        let texts = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref::<StringArray>());
            column.ok_or_else(|| AnalyzeError::internal(format!("log_events.{name} has another type")))
        };
        let (groups, streams, containers) = (texts("log_group")?, texts("log_stream")?, texts("container")?);
        let (tasks, messages) = (texts("task_id")?, texts("message")?);
        let times = batch.column_by_name("timestamp").and_then(|it| it.as_any().downcast_ref());
        let times: &TimestampMillisecondArray =
            times.ok_or_else(|| AnalyzeError::internal("log_events.timestamp has another type"))?;
        for row in 0..batch.num_rows() {
            let message = readable_line(messages.value(row));
            let text = |column: &StringArray| column.is_valid(row).then(|| column.value(row).to_owned());
            let place = Place { group: groups.value(row), container: text(containers), task_id: text(tasks) };
            if let Some((nearness, why)) = self.line(&message, &place) {
                found(NearMiss {
                    nearness,
                    at: Timestamp(times.value(row)),
                    log_stream: streams.value(row).to_owned(),
                    message: message[..message.floor_char_boundary(MESSAGE_BYTES)].to_owned(),
                    why,
                });
            }
        }
        Ok(())
    }

    /// How near a line comes, and why it does not count. `None` where it counts, or is nowhere near.
    fn line(&self, message: &str, place: &Place<'_>) -> Option<(u32, String)> {
        let elsewhere = self.elsewhere(place);
        if self.exact.as_ref().is_some_and(|regex| regex.is_match(message)) {
            return elsewhere.map(|why| (95, format!("it matches, {why}")));
        }
        let also = elsewhere.map(|why| format!(", {why}")).unwrap_or_default();
        if self.any_case.as_ref().is_some_and(|regex| regex.is_match(message)) {
            return Some((90, format!("upper and lower case differ: begin the pattern with (?i){also}")));
        }
        let line = message.to_lowercase();
        let (has, lacks): (Vec<&String>, Vec<&String>) = self.words.iter().partition(|word| line.contains(*word));
        // One word of many is chance.
        if has.is_empty() || has.len() * 2 < self.words.len() || self.words.len() < 2 && lacks.is_empty() {
            return None;
        }
        let nearness = u32::try_from(80 * has.len() / self.words.len()).unwrap_or_default();
        let why = match lacks.as_slice() {
            [] => format!("it has every word of the pattern, and not in its order or form{also}"),
            lacks => {
                let lacks: Vec<&str> = lacks.iter().map(|word| word.as_str()).collect();
                format!("it has {} of {} words, and not {}{also}", has.len(), self.words.len(), lacks.join(", "))
            }
        };
        Some((nearness, why))
    }

    /// Why a matching line does not count.
    fn elsewhere(&self, place: &Place<'_>) -> Option<String> {
        let pattern = self.pattern;
        if let Some(group) = pattern.log_group.as_deref().filter(|named| !is_log_group(named, place.group)) {
            return Some(format!("but in log group {}, not {group}", place.group));
        }
        if let Some(wanted) = pattern.container.as_deref().filter(|wanted| place.container.as_deref() != Some(*wanted))
        {
            let is = place.container.as_deref().unwrap_or("unknown");
            return Some(format!("but in container {is}, not {wanted}"));
        }
        let task = place.task_id.as_deref().and_then(|id| self.prepared.tasks.get(id));
        match task {
            Some(task) if !pattern.is_about(task) => {
                Some("but its task belongs to another release, or to none that is judged".to_owned())
            }
            None if !pattern.takes_unattributed() => Some("but the task that wrote it is unknown".to_owned()),
            _ => None,
        }
    }
}

struct Place<'a> {
    group: &'a str,
    container: Option<String>,
    task_id: Option<String>,
}

/// The literal words of a pattern, in lower case, without regex syntax.
fn words(pattern: &str) -> Vec<String> {
    let mut plain = String::with_capacity(pattern.len());
    let mut escaped = false;
    for c in pattern.chars() {
        plain.push(if escaped || !c.is_alphanumeric() { ' ' } else { c });
        escaped = c == '\\' && !escaped;
    }
    plain.split_whitespace().filter(|word| word.len() > 2).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_is_no_word() {
        assert_eq!(words(r"Running upgrade \S* -> \w+"), ["running", "upgrade"]);
        assert_eq!(
            words(r"^\[worker\] event-bus: (connected|ready)$"),
            ["worker", "event", "bus", "connected", "ready"]
        );
    }
}
