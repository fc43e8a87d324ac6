//! Collecting log lines as work of the operator: digests of bundles in, their masked lines out.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use casefile_analyzer::readable_line;
use casefile_archive::{Archive, Entry};
use casefile_evidence::{ReadError, Timestamp};
use casefile_mine::{Collected, Line, Piece};
use datafusion::common::cast::as_string_array;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;

use crate::backtest::log_lines;
#[cfg(feature = "cluster")]
use crate::cluster::WorkRequest;
use crate::error::Error;
use crate::operator::{ArchiveAt, Lazy, OpenArchive, Place, Work, WorkRows};
use crate::say::tell;

/// A container whose name is not known.
const UNKNOWN: &str = "";
/// How many bundles have their lines sent in one group. Progress is reported after each group.
const TOGETHER: usize = 16;
/// The most masked lines of a row: a row is sent in one message, which may be 16 MB long (Ballista).
const LINES_OF_A_ROW: usize = 500;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![text("lines"), text("bundle"), text("problem")]))
});

/// Collects the log lines of bundles.
#[derive(Debug)]
pub(crate) struct Lines {
    at: ArchiveAt,
    opened: Lazy<OpenArchive>,
}

impl Lines {
    /// Of an archive that is open already.
    fn ready(archive: OpenArchive) -> Result<Self, Error> {
        let at = ArchiveAt::new(archive.archive.name(), &archive.entries)?;
        Ok(Self { at, opened: Arc::new(OnceCell::new_with(Some(Arc::new(archive)))) })
    }

    /// For another machine. The archive is opened when the first bundle is read.
    #[cfg(feature = "cluster")]
    pub(crate) fn requested(at: ArchiveAt, opened: Lazy<OpenArchive>) -> Self {
        Self { at, opened }
    }

    /// The rows of the bundles' lines, one by one: all of them at once may be long.
    async fn collect(&self, bundles: Vec<String>) -> Result<WorkRows, Error> {
        let opened = self.at.open(&self.opened).await?;
        let (mut collected, mut problems) = (Collected::default(), Vec::new());
        for bundle in bundles {
            match lines(&opened, opened.entry(&bundle)?).await {
                Ok(lines) => collected = collected.merge(lines),
                Err(error) => problems.push((bundle, error.to_string())),
            }
        }
        let pieces = collected.pieces(LINES_OF_A_ROW).into_iter().map(|piece| {
            let piece = serde_json::to_string(&piece).map_err(Error::internal)?;
            row([Some(piece), None, None])
        });
        let problems = problems.into_iter().map(|(bundle, problem)| row([None, Some(bundle), Some(problem)]));
        Ok(stream::iter(pieces.chain(problems)).boxed())
    }
}

fn row(values: [Option<String>; 3]) -> Result<RecordBatch, Error> {
    let columns = values.map(|value| Arc::new(StringArray::from(vec![value])) as ArrayRef);
    RecordBatch::try_new(Arc::clone(&SCHEMA), columns.to_vec()).map_err(Error::internal)
}

impl Work for Lines {
    /// The columns: a [`Piece`] of the collected lines as JSON; or a bundle that cannot be read, and why.
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn together(&self) -> usize {
        TOGETHER
    }

    fn rows(self: Arc<Self>, bundles: Vec<String>) -> WorkRows {
        stream::once(async move { self.collect(bundles).await }).try_flatten().boxed()
    }

    #[cfg(feature = "cluster")]
    fn request(&self) -> WorkRequest {
        WorkRequest::Lines(self.at.clone())
    }
}

/// The log lines of the deployments; and the keys of the bundles that cannot be read, with the problem.
pub(crate) async fn collect(
    place: &Place,
    archive: Archive,
    entries: Vec<Entry>,
) -> Result<(Collected, Vec<(String, String)>), Error> {
    let bundles: Vec<String> = entries.iter().map(|entry| entry.bundle.clone()).collect();
    let keys: BTreeMap<String, String> =
        entries.iter().map(|entry| (entry.bundle.clone(), entry.key.clone())).collect();
    let lines = Lines::ready(OpenArchive::new(archive, entries))?;
    let (mut collected, mut problems) = (Collected::default(), Vec::new());
    let mut batches = place.run(Arc::new(lines), &bundles).await?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| Error::engine(&error))?;
        let column = |place: usize| as_string_array(batch.column(place)).map_err(Error::internal);
        for lines in column(0)?.iter().flatten() {
            collected = collected.merge(serde_json::from_str::<Piece>(lines).map_err(Error::internal)?.into());
        }
        for (bundle, problem) in column(1)?.iter().zip(column(2)?) {
            let (Some(bundle), Some(problem)) = (bundle, problem) else { continue };
            let key = keys.get(bundle).map_or_else(|| bundle.to_owned(), String::clone);
            problems.push((key, problem.to_owned()));
        }
        tell(|| format!("read log lines of {} of {} bundles", collected.deployments() + problems.len(), bundles.len()));
    }
    problems.sort();
    Ok((collected, problems))
}

async fn lines(opened: &OpenArchive, entry: &Entry) -> Result<Collected, Error> {
    let since = entry.created_at.or(entry.window_from);
    match log_lines(&opened.archive, entry).await? {
        Some(batches) => of_batches(&entry.bundle, since, batches),
        None => of_batches(&entry.bundle, since, std::iter::empty()),
    }
}

/// The log lines of one deployment, from `since` on: lines of earlier deployments say nothing of this one.
pub(super) fn of_batches(
    deployment: &str,
    since: Option<Timestamp>,
    batches: impl IntoIterator<Item = Result<RecordBatch, ReadError>>,
) -> Result<Collected, Error> {
    let mut collected = Collected::default();
    collected.deployment(deployment);
    let since = since.map_or(0, |at| at.as_millis());
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
            if moment_ms < 0 {
                continue;
            }
            let container = if containers.is_null(row) { UNKNOWN } else { containers.value(row) };
            let text = readable_line(messages.value(row));
            collected.add(deployment, Line { container, moment_ms, text: &text });
        }
    }
    Ok(collected)
}
