//! What is on disk of a bundle in the making, so that it can be sealed after its writer was killed.
//!
//! After each poll every row is in a sorted run below `scratch/`, and `scratch/checkpoint.json` names the runs that
//! count. What was written after that is as if it had not been observed: half a poll would say less than it seems to.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bag::TAG_FILE;
use crate::error::WriteError;
use crate::lock::lock;
use crate::manifest::{FORMAT, ManifestHead};
use crate::place::{partial_of, put_in_place, write_file};
use crate::run::Runs;
use crate::tables::{AnyRow, Sorters};
use crate::write::{BundleWriter, SORT_BUDGET};

const FILE: &str = "checkpoint.json";

/// The version of a checkpoint and of the runs that it names.
const VERSION: u32 = 2;

#[derive(Debug, Serialize, Deserialize)]
struct Checkpoint {
    format: u32,
    #[serde(default)]
    version: u32,
    head: ManifestHead,
    runs: Runs,
    /// The folder of the rows that stand for the end of the collection, and their runs.
    closing: String,
    closing_runs: Runs,
}

/// What is left of a bundle in the making at this path, where [`BundleWriter::recover`] can make a bundle of it.
pub fn recoverable(path: &Path) -> Option<PathBuf> {
    let partial = partial_of(path);
    let sealed = partial.join(TAG_FILE).exists();
    (sealed || partial.join("scratch").join(FILE).exists()).then_some(partial)
}

impl BundleWriter {
    /// Gives the bundle up. What a checkpoint names stays, and where it is comes back; else everything is removed.
    ///
    /// # Errors
    /// Where the partial folder cannot be removed.
    pub fn abandon(self) -> Result<Option<PathBuf>, WriteError> {
        match recoverable(&self.path) {
            Some(partial) => Ok(Some(partial)),
            None => self.discard().map(|()| None),
        }
    }

    /// Puts everything on disk that was pushed, so that [`BundleWriter::recover`] finds it. `closing` are the rows that
    /// are pushed at the end only, as they would be now; `head` is what the manifest would say.
    ///
    /// # Errors
    /// Where something cannot be written.
    pub fn checkpoint(&mut self, closing: Vec<AnyRow>, head: &ManifestHead) -> Result<(), WriteError> {
        let scratch = self.partial.join("scratch");
        let runs = self.tables.checkpoint()?;
        let number = self.checkpoints;
        self.checkpoints += 1;
        let folder = format!("closing-{number}");
        let path = scratch.join(&folder);
        fs::create_dir(&path).map_err(WriteError::io("create", &path))?;
        let mut rows = Sorters::new(&path, SORT_BUDGET);
        closing.into_iter().try_for_each(|row| rows.push(row))?;
        let checkpoint = Checkpoint {
            format: FORMAT,
            version: VERSION,
            head: head.clone(),
            runs,
            closing: folder,
            closing_runs: rows.checkpoint()?,
        };
        let text = serde_json::to_vec(&checkpoint).map_err(|source| WriteError::Manifest { source })?;
        let (new, file) = (scratch.join("checkpoint.new"), scratch.join(FILE));
        write_file(&new, &text)?;
        fs::rename(&new, &file).map_err(WriteError::io("write", &file))?;
        // Nothing names these any more.
        for old in self.tables.obsolete() {
            fs::remove_file(&old).map_err(WriteError::io("remove", &old))?;
        }
        if let Some(before) = number.checked_sub(1) {
            let old = scratch.join(format!("closing-{before}"));
            fs::remove_dir_all(&old).map_err(WriteError::io("remove", &old))?;
        }
        Ok(())
    }

    /// Takes up what a killed writer left at `<path>.partial`, as its last checkpoint has it.
    ///
    /// # Errors
    /// Where there is nothing of the kind, another process is writing it, or it holds no checkpoint yet.
    pub fn recover(partial: &Path) -> Result<Recovered, WriteError> {
        let nothing = |why: &str| WriteError::NotPartial { path: partial.to_owned(), why: why.to_owned() };
        if !partial.is_dir() {
            return Err(nothing("there is no such folder"));
        }
        let path = partial.extension().is_some_and(|it| it == "partial").then(|| partial.with_extension(""));
        let path = path.ok_or_else(|| nothing("its name does not end with .partial"))?;
        if path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists { path });
        }
        let scratch = partial.join("scratch");
        if partial.join(TAG_FILE).exists() {
            // It was killed after everything had been written.
            if scratch.exists() {
                fs::remove_dir_all(&scratch).map_err(WriteError::io("remove", &scratch))?;
            }
            put_in_place(partial, &path)?;
            return Ok(Recovered::Finished(path));
        }
        if !scratch.is_dir() {
            return Err(nothing("it is no bundle in the making"));
        }
        let lock = lock(&scratch)?;
        let file = scratch.join(FILE);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(nothing("its first poll had not ended, so that there is nothing to seal; remove it"));
            }
            Err(error) => return Err(WriteError::io("read", &file)(error)),
        };
        let checkpoint: Checkpoint =
            serde_json::from_slice(&text).map_err(|error| nothing(&format!("{}: {error}", file.display())))?;
        if (checkpoint.format, checkpoint.version) != (FORMAT, VERSION) {
            return Err(nothing("another version of casefile began it: seal it with that one"));
        }
        let data = partial.join("data");
        fs::remove_dir_all(&data).and_then(|()| fs::create_dir(&data)).map_err(WriteError::io("make anew", &data))?;
        let mut tables = Sorters::new(&scratch, SORT_BUDGET);
        tables.adopt(&checkpoint.runs, &scratch);
        tables.adopt(&checkpoint.closing_runs, &scratch.join(&checkpoint.closing));
        let writer = Self { path, partial: partial.to_owned(), tables, checkpoints: 0, lock };
        Ok(Recovered::Writer(Box::new(writer), Box::new(checkpoint.head)))
    }
}

/// What a killed writer left.
pub enum Recovered {
    /// A bundle in the making, and what its manifest is to say.
    Writer(Box<BundleWriter>, Box<ManifestHead>),
    /// A bundle that was finished but for its name, and has it now.
    Finished(PathBuf),
}
