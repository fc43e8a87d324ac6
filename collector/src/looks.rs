//! When the documents of a recording were observed: folders without a name that says it, several looks in one folder,
//! and names that the documents contradict.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use crate::document::Operation;
use crate::import::ImportError;
use crate::recording::{DocumentFile, RecordedSnapshot, Recording};

/// A document may report what happened this long after the moment in its folder's name: clocks differ, and a look takes
/// a while.
const SLACK_MS: i64 = 60_000;
/// ECS keeps a stopped task for "at least one hour" (ListTasks); one that stopped this long before the moment in its
/// folder's name was not described then.
const FORGOTTEN_MS: i64 = 90 * 60 * 1000;

/// Documents that are taken to be of one moment: a snapshot of the bundle.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) observed_at: Timestamp,
    /// Whether the moment was derived from the documents.
    pub(crate) assumed: bool,
    /// In the order in which they are taken up.
    pub(crate) files: Vec<&'a DocumentFile>,
}

/// The looks of a recording, and what its maker should hear of them.
#[derive(Debug, Default)]
pub(crate) struct Looks<'a> {
    /// In time order.
    pub(crate) looks: Vec<Look<'a>>,
    /// Which files it is about, and what was done with them.
    pub(crate) warnings: Vec<(String, String)>,
}

impl<'a> Looks<'a> {
    /// The looks of a recording.
    ///
    /// # Errors
    /// [`ImportError::NoMoment`] where nothing says when a snapshot was.
    pub(crate) fn of(recording: &'a Recording) -> Result<Self, ImportError> {
        let mut looks = Self::default();
        for snapshot in &recording.snapshots {
            let (observed_at, assumed) = looks.moment(snapshot)?;
            looks.split(snapshot, observed_at, assumed);
        }
        looks.looks.sort_by_key(|look| look.observed_at);
        Ok(looks)
    }

    /// A folder whose name does not say when it was taken was taken after everything that it tells of. So was one whose
    /// name is wrong.
    fn moment(&mut self, snapshot: &RecordedSnapshot) -> Result<(Timestamp, bool), ImportError> {
        let Some(named) = snapshot.observed_at else {
            let latest = snapshot.documents.iter().filter_map(|file| file.content.latest).max();
            return Ok((latest.ok_or(ImportError::NoMoment)?, true));
        };
        // What says when it was fetched is not of a folder that somebody named.
        let filed = || snapshot.documents.iter().filter(|file| !file.content.fetched);
        let told = filed().filter_map(|file| {
            let (at, field) = file.content.latest_of_aws.as_ref()?;
            Some((*at, field, file))
        });
        let Some((latest, field, file)) = told.max_by_key(|(at, ..)| *at) else { return Ok((named, false)) };
        let stops = filed().filter_map(|file| Some((file.content.first_stop?, file)));
        let first_stop = stops.min_by_key(|(at, _)| *at).filter(|(at, _)| at.plus_millis(FORGOTTEN_MS) < named);
        let (file, contradiction) = match first_stop {
            _ if latest > named.plus_millis(SLACK_MS) => (file, format!("{field} is {latest}")),
            Some((at, file)) => {
                (file, format!("a task stopped at {at}, and ECS forgets a stopped task after about an hour"))
            }
            None => return Ok((named, false)),
        };
        let warning = format!(
            "{contradiction}; the folder's name says that it was observed at {named}: the name is probably local \
             time. The snapshot is taken to be of {latest}, and what its answers do not tell of is unknown: name the \
             folder by the time in UTC"
        );
        self.warnings.push((file.origin(), warning));
        Ok((latest, true))
    }

    /// Several bare answers about one service are several looks at it, in the order of the latest time in each. All other
    /// documents belong to the last one.
    fn split(&mut self, snapshot: &'a RecordedSnapshot, observed_at: Timestamp, assumed: bool) {
        let mut answers: Vec<(Timestamp, &DocumentFile)> = snapshot
            .documents
            .iter()
            .filter(|file| file.content.bare && file.operation == Operation::DescribeServices)
            .filter_map(|file| Some((file.content.latest?, file)))
            .collect();
        // At the same time, what changed the service came before what describes it.
        answers.sort_by_key(|(at, file)| (*at, !file.content.changes));
        // How many later looks there are at each service.
        let mut later: BTreeMap<&str, usize> = BTreeMap::new();
        let mut earlier: BTreeMap<usize, Vec<(Timestamp, &DocumentFile)>> = BTreeMap::new();
        for (at, file) in answers.iter().rev() {
            let services = || file.content.services.iter().map(String::as_str);
            let back = services().filter_map(|name| later.get(name)).max().copied().unwrap_or_default();
            later.extend(services().map(|name| (name, back + 1)));
            if back > 0 {
                earlier.entry(back).or_default().push((*at, file));
            }
        }
        let is_earlier = |file: &DocumentFile| earlier.values().flatten().any(|(_, other)| std::ptr::eq(*other, file));
        let mut last: Vec<&DocumentFile> = snapshot.documents.iter().filter(|file| !is_earlier(file)).collect();
        newest_state(&mut last);
        let mut moments = Vec::new();
        for (_, mut files) in earlier.into_iter().rev() {
            files.sort_by_key(|(at, _)| *at);
            let at = files.last().map_or(observed_at, |(at, _)| observed_at.min(*at));
            moments.push(at.to_string());
            self.looks.push(Look {
                observed_at: at,
                assumed: true,
                files: files.into_iter().map(|(_, it)| it).collect(),
            });
        }
        if !moments.is_empty() {
            let names: Vec<String> = answers.iter().map(|(_, file)| file.origin()).collect();
            let (answers, looks) = (answers.len(), moments.len() + 1);
            let warning = format!(
                "the folder holds {answers} answers of describe-services (or update-service): taken as {looks} looks, at \
                 {} and {observed_at}, by the latest time in each: name a folder for each look to be exact",
                moments.join(", ")
            );
            self.warnings.push((names.join(", "), warning));
        }
        self.looks.push(Look { observed_at, assumed, files: last });
    }
}

/// Of a task that several bare answers describe, the answer with the latest time comes first, for the first counts; of
/// a service deployment it comes last, for the last counts.
fn newest_state(files: &mut [&DocumentFile]) {
    let is_bare = |operation: Operation| {
        let mut of_operation = files.iter().filter(|file| file.operation == operation);
        of_operation.all(|file| file.content.bare)
    };
    let (tasks, deployments) = (is_bare(Operation::DescribeTasks), is_bare(Operation::DescribeServiceDeployments));
    files.sort_by_key(|file| {
        let latest = file.content.latest.map_or(0, Timestamp::as_millis);
        let order = match file.operation {
            Operation::DescribeTasks if tasks => latest.saturating_neg(),
            Operation::DescribeServiceDeployments if deployments => latest,
            _ => 0,
        };
        (file.operation.place(), order)
    });
}
