//! The log lines of the deployments of an archive, and what one of them logged that those before it did not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray, TimestampMillisecondArray};
use casefile_analyzer::{AnalyzeError, History, NewError, readable_line};
use casefile_archive::{Archive, Entry, Label, Truth as Labelled};
use casefile_evidence::tables::{LogEventRow, TargetRow};
use casefile_evidence::{Bundle, Row, Timestamp};
use casefile_mine::{Collected, DrainOptions, Line, Truth, new_errors};
use futures::StreamExt;

use crate::backtest::log_lines;
use crate::cli::FilterArgs;
use crate::error::Error;
use crate::say::tell;
use crate::verbs::archive::newest;

/// A container whose name is not known.
const UNKNOWN: &str = "";

/// So many earlier good deployments a bundle is compared with.
const EARLIER: usize = 20;

/// What a bundle logged that the newest earlier good deployments of its service did not. Where the archive cannot be read,
/// that is in the history: a verdict does not depend on it.
pub(crate) async fn of(bundle: &Bundle, archive: Result<Archive, Error>) -> History {
    match compare(bundle, archive).await {
        Ok(history) => history,
        Err(error) => History { problem: Some(error.to_string()), ..History::default() },
    }
}

async fn compare(bundle: &Bundle, archive: Result<Archive, Error>) -> Result<History, Error> {
    let archive = Arc::new(archive?);
    let target = bundle.rows::<TargetRow>()?.into_iter().next().unwrap_or_default();
    let own = bundle.digest().to_string();
    let labels = archive.labels().await?;
    let mut earlier = newest(archive.entries().await?, &FilterArgs::service(&target.service));
    earlier.retain(|entry| entry.bundle != own && is_good_before(entry, target.window_from, &labels));
    earlier.truncate(EARLIER);
    let mut compared: BTreeMap<String, String> =
        earlier.iter().map(|entry| (entry.key.clone(), entry.bundle.clone())).collect();
    let (lines, problems) = collect(&archive, earlier).await?;
    for (key, _) in &problems {
        compared.remove(key);
    }
    let unread = problems.len();
    if let Some((key, problem)) = problems.first().filter(|_| compared.is_empty()) {
        return Ok(History { problem: Some(format!("{key}: {problem}")), ..History::default() });
    }
    let since = target.deployment_created_at.or(target.window_from);
    let own_lines =
        of_batches(&own, since, bundle.batches(LogEventRow::TABLE)?.map(|batch| batch.map_err(AnalyzeError::from)))?;
    let compared: BTreeSet<String> = compared.into_values().collect();
    let lines = lines.merge(own_lines);
    let found = new_errors(&lines, &own, &compared, DrainOptions::default());
    let omitted = found.len().saturating_sub(History::ERRORS);
    let errors = found.into_iter().take(History::ERRORS).map(|error| NewError {
        container: error.container,
        at: since.map(|since| since.plus_millis(error.moment_ms)),
        line: error.example,
        template: error.template,
    });
    Ok(History {
        compared: compared.into_iter().collect(),
        errors: errors.collect(),
        omitted,
        unread,
        is_cut: lines.is_cut(),
        problem: None,
    })
}

/// Whether a deployment is a good one, and began before that moment.
pub(crate) fn is_good_before(entry: &Entry, moment: Option<Timestamp>, labels: &BTreeMap<String, Label>) -> bool {
    entry.window_from < moment && truth(entry, labels) == Some(Truth::Good)
}

/// As a person labelled it; else as its verdict says. Nothing follows from an inconclusive one.
pub(crate) fn truth(entry: &Entry, labels: &BTreeMap<String, Label>) -> Option<Truth> {
    match (labels.get(&entry.bundle), entry.verdict.as_deref()) {
        (Some(label), _) if label.truth == Labelled::Good => Some(Truth::Good),
        (Some(_), _) | (None, Some("fail")) => Some(Truth::Bad),
        (None, Some("pass")) if entry.nothing_deployed != Some(true) => Some(Truth::Good),
        _ => None,
    }
}

/// The log lines of the deployments, a few bundles at a time.
pub(crate) async fn collect(
    archive: &Arc<Archive>,
    entries: Vec<Entry>,
) -> Result<(Collected, Vec<(String, String)>), Error> {
    let all = entries.len();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = entries.into_iter().map(|entry| {
        let archive = Arc::clone(archive);
        tokio::spawn(async move {
            let lines = lines(&archive, &entry).await;
            (entry.key, lines)
        })
    });
    let mut answers = futures::stream::iter(jobs).buffer_unordered(threads);
    let (mut collected, mut problems, mut number) = (Collected::default(), Vec::new(), 0);
    while let Some(answer) = answers.next().await {
        number += 1;
        tell(|| format!("reading log lines of bundle {number} of {all}"));
        match answer.map_err(Error::internal)? {
            (_, Ok(of_one)) => collected = collected.merge(of_one),
            (key, Err(error)) => problems.push((key, error.to_string())),
        }
    }
    problems.sort();
    Ok((collected, problems))
}

async fn lines(archive: &Archive, entry: &Entry) -> Result<Collected, Error> {
    let since = entry.created_at.or(entry.window_from);
    match log_lines(archive, entry).await? {
        Some(batches) => of_batches(&entry.bundle, since, batches),
        None => of_batches(&entry.bundle, since, std::iter::empty()),
    }
}

/// The log lines of one deployment, from `since` on: lines of earlier deployments say nothing of this one.
fn of_batches(
    deployment: &str,
    since: Option<Timestamp>,
    batches: impl IntoIterator<Item = Result<RecordBatch, AnalyzeError>>,
) -> Result<Collected, Error> {
    let mut collected = Collected::default();
    collected.deployment(deployment);
    let since = since.map_or(0, |at| at.as_millis());
    for batch in batches {
        let batch = batch?;
        let text = |name: &str| batch.column_by_name(name).and_then(|it| it.as_any().downcast_ref::<StringArray>());
        let times = batch.column_by_name("timestamp");
        let times = times.and_then(|it| it.as_any().downcast_ref::<TimestampMillisecondArray>());
        let (Some(messages), Some(containers), Some(times)) = (text("message"), text("container"), times) else {
            return Err(Error::internal("log_events has another schema"));
        };
        for row in 0..batch.num_rows() {
            let moment_ms = times.value(row) - since;
            if moment_ms < 0 {
                continue;
            }
            let container = if containers.is_null(row) { UNKNOWN } else { containers.value(row) };
            let text = readable_line(messages.value(row));
            collected.add(deployment, Line { container, moment_ms, text: &text });
        }
    }
    Ok(collected)
}
