//! Outcomes as one Parquet file, for DuckDB and Athena.
//!
//! Outcomes come as they are done, and the same run must write the same bytes. So they wait in a temporary file, and are
//! sorted at the end; in memory are only the place of each (64 bytes) and one row group.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use casefile_evidence::{Columns, Digest, Row, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::Outcome;
use crate::corpus::word;
use crate::error::Error;
use crate::place::write_through;

casefile_evidence::table! {
    /// What became of a deployment, or of one of its checks.
    OutcomeRow => "outcomes", version 1, sort 1 {
        /// The bundle's digest.
        bundle: String,
        /// The service's name.
        service: String,
        /// The AWS region, or `unknown`.
        region: String,
        /// The UTC day of the first snapshot, or `unknown`.
        date: String,
        /// The service deployment ARN, else its deployment id.
        rollout: Option<String>,
        /// When the rollout was created.
        created_at: Option<Timestamp>,
        /// The digest of the verdict that the archive has.
        verdict_digest: Option<String>,
        /// How much was judged again: `same-rules`, `same-lines`, `changed-checks` or `whole`.
        how: String,
        /// The verdict before.
        verdict_before: String,
        /// The verdict with the tried rules.
        verdict_after: String,
        /// Whether these two differ.
        turns: bool,
        /// The decision before: `proceed`, `alert` or `delegate`.
        decision_before: String,
        /// The decision with the tried rules.
        decision_after: String,
        /// Whom the decision names, before.
        decided_to_before: Option<String>,
        /// Whom the decision names, with the tried rules.
        decided_to_after: Option<String>,
        /// The first cause before.
        why_before: String,
        /// The first cause with the tried rules.
        why_after: String,
        /// `deployment`: the row of the deployment itself; `check`: of one of its checks. The columns below are of the check.
        kind: String,
        /// The id of the check or signature.
        check_id: Option<String>,
        /// `block` or `advise`.
        level: Option<String>,
        /// Whether the check's outcome, reason or level differs; of a deployment, whether anything does.
        differs: bool,
        /// The check's outcome before; null: there was no such check.
        outcome_before: Option<String>,
        /// The check's outcome with the tried rules; null: there is no such check any more.
        outcome_after: Option<String>,
        /// Its reason before. Null where nothing differs.
        reason_before: Option<String>,
        /// Its reason with the tried rules. Null where nothing differs.
        reason_after: Option<String>,
        /// The first line or field that decided.
        evidence: Option<String>,
        /// When a check that fails with the tried rules decided.
        decided_at: Option<Timestamp>,
        /// The same in milliseconds after `created_at`.
        decided_ms: Option<i64>,
    }
}

/// The rows of an outcome: its own, then those of the checks that differ or fail, by id.
fn rows(outcome: &Outcome) -> Vec<OutcomeRow> {
    let (before, after) = (&outcome.before, &outcome.after);
    let deployment = OutcomeRow {
        bundle: outcome.bundle.clone(),
        service: outcome.service.clone(),
        region: outcome.region.clone(),
        date: outcome.date.clone(),
        rollout: outcome.rollout.clone(),
        created_at: outcome.created_at,
        verdict_digest: outcome.base.clone(),
        how: word(&outcome.how),
        verdict_before: word(&before.verdict),
        verdict_after: word(&after.verdict),
        turns: outcome.is_flip(),
        decision_before: before.action.clone(),
        decision_after: after.action.clone(),
        decided_to_before: before.to.clone(),
        decided_to_after: after.to.clone(),
        why_before: before.why.clone(),
        why_after: after.why.clone(),
        kind: "deployment".to_owned(),
        differs: outcome.differs(),
        ..OutcomeRow::default()
    };
    let of_check = |id: &String| {
        let decided_ms = outcome.decided_ms.get(id).copied();
        OutcomeRow {
            kind: "check".to_owned(),
            check_id: Some(id.clone()),
            decided_at: outcome.created_at.zip(decided_ms).map(|(created, after)| created.plus_millis(after)),
            decided_ms,
            ..deployment.clone()
        }
    };
    let changed = outcome.checks.iter().map(|check| OutcomeRow {
        level: Some(word(&check.level)),
        differs: true,
        outcome_before: check.before.clone(),
        outcome_after: check.after.clone(),
        reason_before: check.reason_before.clone(),
        reason_after: Some(check.reason.clone()),
        evidence: check.evidence.clone(),
        ..of_check(&check.id)
    });
    let stays = |id: &&String| outcome.checks.iter().all(|check| check.id != **id);
    let failing = outcome.failed.iter().filter(stays).map(|id| OutcomeRow {
        level: Some(word(&outcome.level(id))),
        differs: false,
        outcome_before: Some("fail".to_owned()),
        outcome_after: Some("fail".to_owned()),
        ..of_check(id)
    });
    let mut checks: Vec<OutcomeRow> = changed.chain(failing).collect();
    checks.sort_by(|a, b| a.check_id.cmp(&b.check_id));
    std::iter::once(deployment).chain(checks).collect()
}

/// A batch ends at so many rows or bytes, and a row group at so many encoded bytes: this bounds the memory, and the same
/// rows give the same file.
const BATCH_ROWS: usize = 4096;
const BATCH_BYTES: usize = 8 << 20;
const GROUP_BYTES: usize = 24 << 20;

/// What temporary files are called in errors.
const SPOOL: &str = "a temporary file (TMPDIR chooses the folder)";

/// Outcomes on their way to a Parquet file.
pub(crate) struct Table {
    path: PathBuf,
    spool: BufWriter<File>,
    places: Vec<Place>,
    end: u64,
}

/// Where an outcome stands in the temporary file. The order is that of the rows: by `created_at`, then by digest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    created_at: Option<Timestamp>,
    bundle: Digest,
    start: u64,
    length: usize,
}

impl Table {
    /// Whether a file's name asks for Parquet.
    pub(crate) fn is_meant(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
    }

    pub(crate) fn new(path: &Path) -> Result<Self, Error> {
        let spool = BufWriter::new(tempfile::tempfile().map_err(Error::io("create", SPOOL))?);
        Ok(Self { path: path.to_owned(), spool, places: Vec::new(), end: 0 })
    }

    /// Takes an outcome, in any order.
    pub(crate) fn add(&mut self, outcome: &Outcome) -> Result<(), Error> {
        let bundle = Digest::parse(&outcome.bundle).ok_or_else(|| Error::Document {
            place: outcome.bundle.clone(),
            problem: "is not the digest of a bundle: make the index anew with `casefile archive index`".to_owned(),
        })?;
        let text = serde_json::to_vec(outcome).map_err(Error::internal)?;
        self.spool.write_all(&text).map_err(Error::io("write", SPOOL))?;
        self.places.push(Place { created_at: outcome.created_at, bundle, start: self.end, length: text.len() });
        self.end += text.len() as u64;
        Ok(())
    }

    /// Writes the file. Until it is whole, a file that was there stays.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Self { path, spool, mut places, .. } = self;
        let mut spool = spool.into_inner().map_err(|error| Error::io("write", SPOOL)(error.into_error()))?;
        places.sort_unstable();
        write_through(&path, |file| {
            let mut batches = Batches::new(file, &path)?;
            for place in &places {
                let outcome = read(&mut spool, place)?;
                rows(&outcome).iter().try_for_each(|row| batches.push(row))?;
            }
            batches.finish()
        })
    }
}

fn read(spool: &mut File, place: &Place) -> Result<Outcome, Error> {
    let mut text = vec![0; place.length];
    let found = spool.seek(SeekFrom::Start(place.start)).and_then(|_| spool.read_exact(&mut text));
    found.map_err(Error::io("read", SPOOL))?;
    serde_json::from_slice(&text).map_err(Error::internal)
}

/// A Parquet file that grows by batches.
struct Batches<'a> {
    path: &'a Path,
    writer: ArrowWriter<&'a mut File>,
    columns: <OutcomeRow as Row>::Columns,
    pending: usize,
    weight: usize,
}

impl<'a> Batches<'a> {
    fn new(file: &'a mut File, path: &'a Path) -> Result<Self, Error> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("casefile outcomes 1".to_owned())
            .build();
        let writer =
            ArrowWriter::try_new(file, OutcomeRow::schema(), Some(properties)).map_err(|error| failed(path, error))?;
        Ok(Self { path, writer, columns: Default::default(), pending: 0, weight: 0 })
    }

    fn push(&mut self, row: &OutcomeRow) -> Result<(), Error> {
        self.columns.append(row);
        self.pending += 1;
        self.weight += row.weight();
        if self.pending == BATCH_ROWS || self.weight > BATCH_BYTES { self.end_batch() } else { Ok(()) }
    }

    fn end_batch(&mut self) -> Result<(), Error> {
        (self.pending, self.weight) = (0, 0);
        let batch = RecordBatch::try_new(OutcomeRow::schema(), self.columns.finish()).map_err(Error::internal)?;
        let mut written = self.writer.write(&batch);
        if self.writer.in_progress_size() > GROUP_BYTES {
            written = written.and_then(|()| self.writer.flush());
        }
        written.map_err(|error| failed(self.path, error))
    }

    fn finish(mut self) -> Result<(), Error> {
        if self.pending > 0 {
            self.end_batch()?;
        }
        self.writer.close().map(drop).map_err(|error| failed(self.path, error))
    }
}

fn failed(path: &Path, error: ParquetError) -> Error {
    Error::io("write", path)(match error {
        ParquetError::External(source) => std::io::Error::other(source),
        other => std::io::Error::other(other),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use casefile_analyzer::{Conclusion, Level};

    use super::*;
    use crate::backtest::{CheckChange, How, Side};

    fn outcome(number: usize) -> Outcome {
        let side =
            |verdict| Side { verdict, action: "alert".to_owned(), to: None, why: format!("because of {number}") };
        Outcome {
            bundle: format!("{:064x}", number.wrapping_mul(7919) % 100_003),
            service: "shop".to_owned(),
            region: "eu-west-1".to_owned(),
            date: "2026-11-23".to_owned(),
            rollout: None,
            created_at: (!number.is_multiple_of(10)).then_some(Timestamp(1_000)),
            base: None,
            how: How::ChangedChecks,
            before: side(Conclusion::Pass),
            after: side(Conclusion::Fail),
            checks: vec![CheckChange {
                id: "b.changed".to_owned(),
                level: Level::Block,
                before: None,
                after: Some("fail".to_owned()),
                reason_before: None,
                reason: "it was seen".to_owned(),
                evidence: None,
            }],
            failed: vec!["b.changed".to_owned(), "a.stays".to_owned()],
            advised: vec!["a.stays".to_owned()],
            decided_ms: BTreeMap::from([("b.changed".to_owned(), 2_500)]),
        }
    }

    fn written(numbers: impl Iterator<Item = usize>) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/all.parquet");
        let mut table = Table::new(&path).unwrap();
        numbers.for_each(|number| table.add(&outcome(number)).unwrap());
        table.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn a_row_for_the_deployment_and_for_each_check_that_differs_or_fails() {
        let rows = rows(&outcome(1));
        let short: Vec<_> = rows
            .iter()
            .map(|row| (row.kind.as_str(), row.check_id.as_deref(), row.level.as_deref(), row.differs, row.decided_ms))
            .collect();
        assert_eq!(
            short,
            [
                ("deployment", None, None, true, None),
                ("check", Some("a.stays"), Some("advise"), false, None),
                ("check", Some("b.changed"), Some("block"), true, Some(2_500)),
            ]
        );
        assert_eq!(rows[2].decided_at, Some(Timestamp(3_500)));
        assert!(rows.iter().all(|row| row.turns && row.verdict_after == "fail"), "each row has all of the deployment");
    }

    #[test]
    fn the_order_in_which_outcomes_come_does_not_count() {
        let count = 2 * BATCH_ROWS;
        let there = written(0..count);
        assert!(there == written((0..count).rev()), "other bytes");
        let read =
            parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes::Bytes::from(there), 8192).unwrap();
        let rows: Vec<OutcomeRow> = read.flat_map(|batch| OutcomeRow::from_batch(&batch.unwrap()).unwrap()).collect();
        assert_eq!(rows.len(), 3 * count);
        assert!(rows.is_sorted_by_key(|row| (row.created_at, row.bundle.clone(), row.check_id.clone())));
    }

    #[test]
    fn the_page_names_each_column() {
        let page = include_str!("../../docs/howto-tune.md");
        for column in OutcomeRow::info().columns {
            assert!(page.contains(&format!("`{}`", column.name)), "docs/howto-tune.md has no `{}`", column.name);
        }
    }
}
