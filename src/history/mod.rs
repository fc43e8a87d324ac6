//! The log lines of the deployments of an archive, and what one of them logged that those before it did not.

mod lines;

use std::collections::{BTreeMap, BTreeSet};

use casefile_analyzer::{History, NewError};
use casefile_archive::{Archive, Entry, Label, Truth as Labelled};
use casefile_evidence::tables::{LogEventRow, TargetRow};
use casefile_evidence::{Bundle, Row, Timestamp};
use casefile_mine::{DrainOptions, Truth, new_errors};

use crate::cli::FilterArgs;
use crate::error::Error;
use crate::operator::Place;
use crate::verbs::archive::newest;
#[cfg(feature = "cluster")]
pub(crate) use lines::Lines;
pub(crate) use lines::collect;
use lines::of_batches;

/// The most earlier good deployments that a bundle is compared with.
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
    let archive = archive?;
    let target = bundle.rows::<TargetRow>()?.into_iter().next().unwrap_or_default();
    let own = bundle.digest().to_string();
    let labels = archive.labels().await?;
    let mut earlier = newest(archive.entries().await?, &FilterArgs::service(&target.service));
    earlier.retain(|entry| entry.bundle != own && is_good_before(entry, target.window_from, &labels));
    earlier.truncate(EARLIER);
    let mut compared: BTreeMap<String, String> =
        earlier.iter().map(|entry| (entry.key.clone(), entry.bundle.clone())).collect();
    let (lines, problems) = collect(&Place::here(), archive, earlier).await?;
    for (key, _) in &problems {
        compared.remove(key);
    }
    let unread = problems.len();
    if let Some((key, problem)) = problems.first().filter(|_| compared.is_empty()) {
        return Ok(History { problem: Some(format!("{key}: {problem}")), ..History::default() });
    }
    let since = target.deployment_created_at.or(target.window_from);
    let own_lines = of_batches(&own, since, bundle.batches(LogEventRow::TABLE)?)?;
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
