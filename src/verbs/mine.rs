//! `mine`: signatures that the deployments of an archive suggest.

use std::collections::{BTreeMap, BTreeSet};

use casefile_archive::Entry;
use casefile_mine::{ContrastOptions, DrainOptions, Truth, contrast, new_errors};

use super::archive::{newest, open};
use crate::cli;
use crate::error::Error;
use crate::exit::Exit;
use crate::history::{collect, is_good_before, truth};
use crate::operator::Place;
use crate::output::Printer;
use crate::place::can_be_written;
use crate::render;

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
    let (collected, problems) = collect(&Place::here().or_cluster(args.engine.as_ref()), archive, read).await?;
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
            .filter(|entry| is_good_before(entry, subject.window_from, &labels) && !unread.contains(&entry.key))
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
