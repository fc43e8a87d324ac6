//! `mine`: signatures that the deployments of an archive suggest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, StringArray, TimestampMillisecondArray};
use casefile_analyzer::readable_line;
use casefile_archive::{Archive, Entry, Label, Truth as Labelled};
use casefile_mine::{Collected, ContrastOptions, DrainOptions, Line, Truth, contrast, new_errors};
use futures::StreamExt;

use super::archive::{newest, open};
use crate::backtest::log_lines;
use crate::cli;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::place::can_be_written;
use crate::render;
use crate::say::tell;

/// A container whose name is not known.
const UNKNOWN: &str = "";

pub(crate) async fn run(args: &cli::Mine, printer: &Printer) -> Result<Exit, Error> {
    args.output.as_deref().map(can_be_written).transpose()?;
    let archive = open(&args.archive.archive, false).await?;
    let labels = archive.labels().await?;
    let mut filter = args.filter.clone();
    let subject = match &args.new_in {
        Some(digest) => Some(archive.find(digest).await?),
        None => None,
    };
    filter.service = filter.service.or_else(|| subject.as_ref().map(|entry| entry.service.clone()));
    let entries = newest(archive.entries().await?, &filter);
    let services: BTreeSet<&str> = entries.iter().map(|entry| entry.service.as_str()).collect();
    match services.len() {
        0 => {
            return Err(Error::usage(format!(
                "{} has no such deployment: see `casefile archive list`",
                archive.name()
            )));
        }
        1 => {}
        many => {
            let names = services.into_iter().take(10).collect::<Vec<_>>().join(", ");
            return Err(Error::usage(format!("these are deployments of {many} services ({names}): give --service")));
        }
    }
    let truth: BTreeMap<String, Truth> =
        entries.iter().filter_map(|entry| Some((entry.bundle.clone(), truth(entry, &labels)?))).collect();
    let is_wanted = |entry: &Entry| {
        truth.contains_key(&entry.bundle) || Some(&entry.bundle) == subject.as_ref().map(|it| &it.bundle)
    };
    let mut read: Vec<Entry> = entries.iter().filter(|entry| is_wanted(entry)).cloned().collect();
    // A filter chooses what the deployment is compared with, and not the deployment.
    read.extend(subject.clone().filter(|subject| read.iter().all(|entry| entry.bundle != subject.bundle)));
    let (collected, problems) = collect(&Arc::new(archive), read).await?;
    let unread: BTreeSet<String> = problems.iter().map(|(key, _)| key.clone()).collect();
    for (key, problem) in problems {
        if subject.as_ref().is_some_and(|subject| subject.key == key) {
            return Err(Error::usage(format!("{key} cannot be read: {problem}")));
        }
        printer.warn(&format!("left out: {key}: {problem}"));
    }
    if collected.is_cut() {
        printer.warn("there are too many different lines: the rarest ones were left out; give --since");
    }
    if let Some(subject) = subject {
        let earlier: BTreeSet<String> = entries
            .iter()
            .filter(|entry| truth.get(&entry.bundle) == Some(&Truth::Good) && entry.window_from < subject.window_from)
            .filter(|entry| !unread.contains(&entry.key))
            .map(|entry| entry.bundle.clone())
            .collect();
        if earlier.is_empty() {
            return Err(Error::usage("there is no earlier good deployment of the service to compare with"));
        }
        let found = new_errors(&collected, &subject.bundle, &earlier, DrainOptions::default());
        printer
            .result(args.output.as_deref(), |style| render::new_errors(&found, earlier.len(), args.format, style))?;
        return Ok(Exit::Pass);
    }
    let options = ContrastOptions { limit: args.limit, min_support: args.support, ..ContrastOptions::default() };
    let found = contrast(&collected, &truth, options);
    printer.result(args.output.as_deref(), |style| render::mined(&found, args.format, style))?;
    Ok(Exit::Pass)
}

/// As a person labelled it; else as its verdict says. Nothing follows from an inconclusive one.
fn truth(entry: &Entry, labels: &BTreeMap<String, Label>) -> Option<Truth> {
    match (labels.get(&entry.bundle), entry.verdict.as_deref()) {
        (Some(label), _) if label.truth == Labelled::Good => Some(Truth::Good),
        (Some(_), _) | (None, Some("fail")) => Some(Truth::Bad),
        (None, Some("pass")) if entry.nothing_deployed != Some(true) => Some(Truth::Good),
        _ => None,
    }
}

/// The log lines of the deployments, a few bundles at a time.
async fn collect(archive: &Arc<Archive>, entries: Vec<Entry>) -> Result<(Collected, Vec<(String, String)>), Error> {
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
    let mut collected = Collected::default();
    collected.deployment(&entry.bundle);
    let Some(batches) = log_lines(archive, entry).await? else { return Ok(collected) };
    let since = entry.created_at.or(entry.window_from).map_or(0, |at| at.as_millis());
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
            // Lines of earlier deployments say nothing of this one.
            if moment_ms < 0 {
                continue;
            }
            let container = if containers.is_null(row) { UNKNOWN } else { containers.value(row) };
            let text = readable_line(messages.value(row));
            collected.add(&entry.bundle, Line { container, moment_ms, text: &text });
        }
    }
    Ok(collected)
}
