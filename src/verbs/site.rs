//! `site`: pages of an archive, e.g. for GitLab Pages.

use std::collections::BTreeMap;

use casefile_analyzer::Verdict;

use super::archive;
use crate::cli::Site;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::place::{temporary, write_file};
use crate::render::{self, Scene};

/// The folder of the reports.
const REPORTS: &str = "reports";

pub(crate) async fn run(args: &Site, printer: &Printer) -> Result<Exit, Error> {
    let archive = archive::open(&args.archive.archive, false).await?;
    let entries = archive::newest(archive.entries().await?, &args.filter);
    let mut reports = BTreeMap::new();
    let mut written = 0;
    for entry in entries.iter().take(args.reports) {
        let Some(digest) = &entry.verdict_digest else { continue };
        let path = format!("{REPORTS}/{digest}.html");
        let file = args.output.join(&path);
        // Named by the verdict, it never changes.
        if !file.exists() {
            let kept = archive.verdict_of(entry).await?;
            let Ok(verdict) = serde_json::from_slice::<Verdict>(&kept.bytes) else {
                printer.warn(&format!("the verdict {digest} is of another version of casefile: it has no report here"));
                continue;
            };
            let folder = temporary()?;
            let bundle = archive.fetch(entry, &folder.path().join("bundle.tar")).await?;
            let scene = Scene::of(&bundle, &verdict)?;
            write_file(&file, &render::html(&verdict, Some(&scene)))?;
            written += 1;
        }
        reports.insert(digest.clone(), path);
    }
    let stats = casefile_archive::stats(&entries);
    let index = args.output.join("index.html");
    write_file(&index, &render::site(&entries, &stats, &reports))?;
    printer.stdout(&format!(
        "{}  {} deployments, {} reports ({written} new)\n",
        index.display(),
        entries.len(),
        reports.len()
    ))?;
    Ok(Exit::Pass)
}
