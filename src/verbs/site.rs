//! `site`: pages of an archive, e.g. for GitLab Pages.

use std::collections::BTreeMap;
use std::path::Path;

use casefile_analyzer::Verdict;
use casefile_archive::{Archive, Entry};

use super::archive;
use crate::cli::Site;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::place::{read_input, write_file};
use crate::render::{self, Scene};
use crate::say::tell;

/// The folder of the reports.
const REPORTS: &str = "reports";

pub(crate) async fn run(args: &Site, printer: &Printer) -> Result<Exit, Error> {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (place, output) = (Path::new(&args.archive.archive), std::path::absolute(&args.output).unwrap_or_default());
    if place.is_dir() && output.starts_with(absolute(place)) {
        return Err(Error::usage(format!(
            "{} is inside the archive: write the pages elsewhere",
            args.output.display()
        )));
    }
    let index = args.output.join("index.html");
    if index.is_file() && !String::from_utf8_lossy(&read_input(&index)?).contains(render::GENERATOR) {
        let index = index.display();
        return Err(Error::usage(format!(
            "{index} was not made by `casefile site`: choose another folder with -o, or remove it"
        )));
    }
    let archive = archive::open(&args.archive.archive, false).await?;
    let entries = archive::newest(archive.entries().await?, &args.filter);
    let mut reports = BTreeMap::new();
    let mut written = 0;
    let mut exit = Exit::Pass;
    let asked = entries.len().min(args.reports);
    for (number, entry) in entries.iter().take(args.reports).enumerate() {
        tell(|| format!("writing report {} of {asked}", number + 1));
        let Some(digest) = &entry.verdict_digest else { continue };
        let path = format!("{REPORTS}/{digest}.html");
        let file = args.output.join(&path);
        // Named by the verdict, it never changes.
        if !file.exists() {
            match page(&archive, entry).await {
                Ok(Some(page)) => write_file(&file, &page)?,
                Ok(None) => {
                    printer.warn(&format!("the verdict {digest} is of another version of casefile: it has no report"));
                    continue;
                }
                // The others have theirs all the same.
                Err(error) if error.exit() == Exit::Integrity => {
                    printer.warn(&format!("{error}; the verdict {digest} has no report"));
                    exit = Exit::Integrity;
                    continue;
                }
                Err(error) => return Err(error),
            }
            written += 1;
        }
        reports.insert(digest.clone(), path);
    }
    let stats = casefile_archive::stats(&entries);
    write_file(&index, render::site(&entries, &stats, &reports))?;
    printer.stdout(&format!(
        "{}  {} deployments, {} reports ({written} new)\n",
        index.display(),
        entries.len(),
        reports.len()
    ))?;
    Ok(exit)
}

/// The report of a deployment; `None` if its verdict is of another version of casefile.
async fn page(archive: &Archive, entry: &Entry) -> Result<Option<String>, Error> {
    let kept = archive.verdict_of(entry).await?;
    let Ok(verdict) = serde_json::from_slice::<Verdict>(&kept.bytes) else { return Ok(None) };
    let bundle = archive.bundle(entry).await?;
    Ok(Some(render::html(&verdict, Some(&Scene::of(&bundle, &verdict)?))))
}
