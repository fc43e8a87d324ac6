//! A recording, or a folder of plain AWS CLI outputs, to rows.

use std::collections::BTreeSet;

use casefile_evidence::{BundleWriter, WriteError};

use crate::looks::Looks;
use crate::normalise::{About, Assembly, Retain, services_of};
use crate::recording::{Recording, RecordingError};
use crate::redact::Redactor;

/// A recording could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file could not be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The bundle could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Nothing says which service it is about.
    #[error("nothing in the recording says which service it is about; give --service, or `service` in recording.toml")]
    NoService,
    /// It tells of several services.
    #[error("the recording tells of several services ({}): choose one with --service", names.join(", "))]
    ManyServices {
        /// Their names.
        names: Vec<String>,
    },
    /// Nothing says when it was.
    #[error(
        "no document of the recording has a time, so nobody knows when it was; put the documents into a folder named by the moment that they were taken, e.g. 2026-11-23T07-43-00Z"
    )]
    NoMoment,
}

/// Reads a recording into a bundle in the making. `about.service` may be empty: the documents then say.
///
/// # Errors
/// [`ImportError`]; the writer then holds part of it and is of no use.
pub fn import(
    recording: &Recording,
    mut about: About,
    redactor: Redactor,
    writer: &mut BundleWriter,
) -> Result<Assembly, ImportError> {
    find_service(recording, &mut about)?;
    // Files of unknown making may overlap anywhere.
    let mut assembly = Assembly::new(about, redactor, Retain::All);
    assembly.state_complete(&recording.info.complete);
    let Looks { looks, warnings } = Looks::of(recording)?;
    for (origin, warning) in warnings {
        assembly.remark(&origin, warning);
    }
    for look in looks {
        assembly.begin_snapshot(look.observed_at, look.assumed);
        for file in look.files {
            let document = assembly.redact(file.read()?);
            assembly.take(document);
            drain(&mut assembly, writer)?;
        }
        assembly.end_snapshot();
        drain(&mut assembly, writer)?;
    }
    assembly.finish();
    drain(&mut assembly, writer)?;
    Ok(assembly)
}

fn drain(assembly: &mut Assembly, writer: &mut BundleWriter) -> Result<(), WriteError> {
    assembly.drain().into_iter().try_for_each(|row| writer.push(row))
}

/// Where nothing says which service it is about, the documents do.
///
/// # Errors
/// Where they tell of none, or of several.
pub fn find_service(recording: &Recording, about: &mut About) -> Result<(), ImportError> {
    if !about.service.is_empty() {
        return Ok(());
    }
    let mut names = BTreeSet::new();
    for file in recording.snapshots.iter().flat_map(|snapshot| &snapshot.documents) {
        if matches!(file.operation.feeds(), "services" | "tasks") {
            names.extend(file.read()?.response().map(services_of).unwrap_or_default());
        }
    }
    let mut names: Vec<String> = names.into_iter().collect();
    match (names.pop(), names.len()) {
        (Some(name), 0) => {
            about.service = name;
            Ok(())
        }
        (None, _) => Err(ImportError::NoService),
        (Some(name), _) => {
            names.push(name);
            Err(ImportError::ManyServices { names })
        }
    }
}
