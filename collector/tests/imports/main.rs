//! What an import makes of the files that people save.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

mod bare;
mod delivered;
mod query_results;

use std::fs;

use casefile_collector::import::{ImportError, import};
use casefile_collector::normalise::About;
use casefile_collector::recording::Recording;
use casefile_collector::redact::Redactor;
use casefile_collector::seal;
use casefile_evidence::{Bundle, BundleWriter};

/// What an import gives.
struct Imported {
    bundle: Bundle,
    warnings: Vec<String>,
    /// The files that are no evidence, and why.
    unknown: Vec<String>,
    folder: tempfile::TempDir,
}

fn about(service: &str) -> About {
    About { service: service.to_owned(), ingestion_grace_ms: 10_000, ..About::default() }
}

/// Imports a folder with these files.
fn imported<'f>(files: impl IntoIterator<Item = (&'f str, String)>, about: About) -> Result<Imported, ImportError> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("files");
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let recording = Recording::open(&root)?;
    let output = folder.path().join("bundle");
    let mut writer = BundleWriter::create(&output).unwrap();
    let assembly = import(&recording, about, Redactor::standard(), &mut writer)?;
    let warnings = assembly.remarks().iter().map(str::to_owned).collect();
    seal(&assembly, writer, "imported", &casefile_collector::Maker::default()).unwrap();
    let unknown = recording.unknown.iter().map(|file| format!("{} {}", file.path.display(), file.why)).collect();
    Ok(Imported { bundle: Bundle::open(&output).unwrap(), warnings, unknown, folder })
}
