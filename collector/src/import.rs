//! A recording, or a folder of plain AWS CLI outputs, to rows.

use std::collections::BTreeSet;

use casefile_evidence::{BundleWriter, WriteError};

use crate::looks::Looks;
use crate::normalise::{About, Assembly, services_of, short_name};
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
    /// It tells of several services of that name.
    #[error("the recording tells of several services named {service}: choose one with --service ({})", arns.join(", or "))]
    SameName {
        /// Their name.
        service: String,
        /// Their ARNs.
        arns: Vec<String>,
    },
    /// It tells of other services only.
    #[error("the recording does not tell of the service {service}, but of {}: choose that with --service", names.join(", "))]
    OtherService {
        /// The one that was named.
        service: String,
        /// Those that it tells of.
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
    let mut assembly = Assembly::new(about, redactor);
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
/// Where they tell of none, of several, or only of others than the one that was named.
pub fn find_service(recording: &Recording, about: &mut About) -> Result<(), ImportError> {
    find_name(recording, about)?;
    about.locate();
    let documents = || recording.snapshots.iter().flat_map(|snapshot| &snapshot.documents);
    let mut arns: BTreeSet<&String> = documents().flat_map(|file| &file.content.service_arns).collect();
    if arns.is_empty() {
        arns = documents().flat_map(|file| &file.content.services_of_events).collect();
    }
    let is_meant = |arn: &&&String| short_name(arn) == about.service && !about.is_elsewhere(arn);
    let arns: Vec<&String> = arns.iter().filter(is_meant).copied().collect();
    let Some(first) = arns.first() else { return Ok(()) };
    let mut of_first = About { service: (*first).clone(), ..About::default() };
    of_first.locate();
    if arns.iter().any(|arn| of_first.is_elsewhere(arn)) {
        let arns = arns.into_iter().cloned().collect();
        return Err(ImportError::SameName { service: about.service.clone(), arns });
    }
    // With these, events of services of the same name in other regions, accounts and clusters are left out.
    about.region = about.region.take().or(of_first.region);
    about.account = about.account.take().or(of_first.account);
    about.cluster = about.cluster.take().or(of_first.cluster);
    Ok(())
}

fn find_name(recording: &Recording, about: &mut About) -> Result<(), ImportError> {
    let wanted = short_name(&about.service).to_owned();
    let mut names = BTreeSet::new();
    let documents = || recording.snapshots.iter().flat_map(|snapshot| &snapshot.documents);
    for file in documents() {
        if matches!(file.operation.feeds(), "services" | "tasks") {
            names.extend(file.read()?.response().map(services_of).unwrap_or_default());
            if names.contains(&wanted) {
                return Ok(());
            }
        }
    }
    if names.is_empty() {
        // A log group of events has those of every service of the account.
        let arns = documents().flat_map(|file| &file.content.services_of_events);
        names.extend(arns.map(|arn| short_name(arn).to_owned()));
        if names.contains(&wanted) {
            return Ok(());
        }
    }
    let mut names: Vec<String> = names.into_iter().collect();
    match names.len() {
        0 if wanted.is_empty() => Err(ImportError::NoService),
        0 => Ok(()),
        _ if !wanted.is_empty() => Err(ImportError::OtherService { service: wanted, names }),
        1 => {
            about.service = names.pop().unwrap_or_default();
            Ok(())
        }
        _ => Err(ImportError::ManyServices { names }),
    }
}
