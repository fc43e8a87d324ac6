//! Writing a bundle: tables stream to disk, then the bag is sealed and put in its place at once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::bag::{DECLARATION, DECLARATION_FILE, Digest, INFO_FILE, Listing, PAYLOAD_FILE, TAG_FILE};
use crate::error::WriteError;
use crate::lock;
use crate::manifest::{FORMAT, Manifest, ManifestHead};
use crate::place::{partial_of, put_in_place, write_file};
use crate::table_file::WrittenTable;
use crate::tables::{AnyRow, Sorters};

/// About how many bytes of each table are held before they are spilled.
pub(crate) const SORT_BUDGET: usize = 16 << 20;

/// A bundle in the making. Rows may come in any order.
///
/// Everything is written below `<path>.partial`; [`BundleWriter::seal`] renames it. A writer that is
/// dropped unsealed leaves the partial folder where it is.
pub struct BundleWriter {
    pub(crate) path: PathBuf,
    pub(crate) partial: PathBuf,
    pub(crate) tables: Sorters,
    /// Checkpoints that were written.
    pub(crate) checkpoints: u64,
    /// Held as long as this writer lives.
    pub(crate) lock: File,
}

/// What was sealed.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Where.
    pub path: PathBuf,
    /// The bundle's digest: the sha256 of its `tagmanifest-sha256.txt`.
    pub digest: Digest,
    /// What its manifest says.
    pub manifest: Manifest,
}

impl BundleWriter {
    /// Begins a bundle that will stand at `path`.
    ///
    /// # Errors
    /// Where something stands at `path` or at `<path>.partial` already, or the folder cannot be made.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        if path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists { path: path.to_owned() });
        }
        let partial = partial_of(path);
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(WriteError::io("create", parent))?;
        }
        match fs::create_dir(&partial) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                if lock::is_in_use(&partial) {
                    return Err(WriteError::InUse { path: partial });
                }
                return Err(WriteError::PartialExists { path: partial });
            }
            made => made.map_err(WriteError::io("create", &partial))?,
        }
        for folder in ["data", "scratch"] {
            let folder = partial.join(folder);
            fs::create_dir(&folder).map_err(WriteError::io("create", &folder))?;
        }
        let lock = lock::lock(&partial.join("scratch"))?;
        let tables = Sorters::new(&partial.join("scratch"), SORT_BUDGET);
        Ok(Self { path: path.to_owned(), partial, tables, checkpoints: 0, lock })
    }

    /// Adds a row to its table.
    ///
    /// # Errors
    /// Where rows had to be spilled to disk and could not be.
    pub fn push(&mut self, row: impl Into<AnyRow>) -> Result<(), WriteError> {
        self.tables.push(row.into())
    }

    /// Gives the bundle up and removes what was written of it.
    ///
    /// # Errors
    /// Where the partial folder cannot be removed.
    pub fn discard(self) -> Result<(), WriteError> {
        let Self { partial, tables, .. } = self;
        drop(tables);
        fs::remove_dir_all(&partial).map_err(WriteError::io("remove", &partial))
    }

    /// Writes the tables and the bag around them, and puts the bundle in its place.
    ///
    /// # Errors
    /// Where anything could not be written; the partial folder is then left.
    pub fn seal(self, head: &ManifestHead) -> Result<Sealed, WriteError> {
        let Self { path, partial, tables, lock, .. } = self;
        let data = partial.join("data");
        let written = tables.finish(&data)?;

        let manifest = manifest(head, &written);
        let mut text = serde_json::to_vec_pretty(&manifest).map_err(|source| WriteError::Manifest { source })?;
        text.push(b'\n');
        write_file(&data.join("manifest.json"), &text)?;

        let mut payload = Listing::default();
        payload.0.insert("data/manifest.json".to_owned(), Digest::of(&text));
        let mut octets = text.len() as u64;
        for table in &written {
            payload.0.insert(format!("data/{}", table.entry.file), table.digest);
            octets += table.length;
        }
        let info = format!(
            "Bag-Software-Agent: {}\nExternal-Description: Evidence of an Amazon ECS deployment, casefile bundle \
             format {FORMAT}\nPayload-Oxum: {octets}.{}\n",
            head.tool.replace(['\r', '\n'], " "),
            payload.0.len()
        );
        let mut tags = Listing::default();
        for (name, text) in
            [(DECLARATION_FILE, DECLARATION), (INFO_FILE, info.as_str()), (PAYLOAD_FILE, &payload.print())]
        {
            write_file(&partial.join(name), text.as_bytes())?;
            tags.0.insert(name.to_owned(), Digest::of(text.as_bytes()));
        }
        let tags = tags.print();
        if path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists { path });
        }
        // With this file the bundle is whole, so it comes at once: whoever finds it need only rename the folder.
        let (scratch, tag) = (partial.join("scratch"), partial.join(TAG_FILE));
        write_file(&scratch.join(TAG_FILE), tags.as_bytes())?;
        fs::rename(scratch.join(TAG_FILE), &tag).map_err(WriteError::io("write", &tag))?;
        drop(lock);
        fs::remove_dir_all(&scratch).map_err(WriteError::io("remove", &scratch))?;
        put_in_place(&partial, &path)?;
        Ok(Sealed { path, digest: Digest::of(tags.as_bytes()), manifest })
    }
}

fn manifest(head: &ManifestHead, written: &[WrittenTable]) -> Manifest {
    let ManifestHead { tool, ci, target, window, stop_reason, redactions, pseudonym_key, config, remarks, parent } =
        head.clone();
    let tables: BTreeMap<_, _> = written.iter().map(|table| (table.name.to_owned(), table.entry.clone())).collect();
    Manifest {
        format: FORMAT,
        tool,
        ci,
        target,
        window,
        stop_reason,
        tables,
        redactions,
        pseudonym_key,
        config,
        remarks,
        parent,
    }
}
