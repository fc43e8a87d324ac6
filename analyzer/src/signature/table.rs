//! Signatures and their matches as tables for SQL.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{Field, Schema};
use casefile_evidence::tables::TargetRow;

use super::Pattern;
use super::matcher::Matches;
use crate::error::AnalyzeError;
use crate::settings::Expect;
use crate::tasks::Tasks;
use crate::views::{ColumnDoc, TableDoc, sql_type};

fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampMillisecondArray>().with_timezone("UTC"))
}

fn texts<S: AsRef<str>>(values: impl Iterator<Item = Option<S>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn batch(columns: Vec<(&str, bool, ArrayRef)>) -> Result<RecordBatch, AnalyzeError> {
    let fields = columns.iter().map(|(name, nullable, array)| Field::new(*name, array.data_type().clone(), *nullable));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(.., array)| array).collect()).map_err(AnalyzeError::internal)
}

/// The signatures of the config, with how often each was seen on the judged tasks.
pub(crate) fn signatures_table(
    patterns: &[Pattern],
    matches: &Matches,
    tasks: &Tasks,
    target: &TargetRow,
) -> Result<RecordBatch, AnalyzeError> {
    let deadline = |pattern: &Pattern| match pattern.expect {
        Expect::Success => target.deployment_created_at.map(|at| at.plus_millis(pattern.within_ms).as_millis()),
        Expect::Failure => None,
    };
    let seen = |index: usize| {
        let on_judged = matches.of(index).filter(|(place, _)| tasks.is_judged(place.task_id.as_deref()));
        let count = on_judged.map(|(_, found)| found.count).sum::<u64>();
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    batch(vec![
        ("signature", false, texts(patterns.iter().map(|p| Some(&p.id)))),
        ("title", false, texts(patterns.iter().map(|p| Some(&p.title)))),
        (
            "expect",
            false,
            texts(patterns.iter().map(|p| {
                Some(match p.expect {
                    Expect::Success => "success",
                    Expect::Failure => "failure",
                })
            })),
        ),
        ("container", true, texts(patterns.iter().map(|p| p.container.as_ref()))),
        ("deadline", true, times(patterns.iter().map(deadline))),
        ("level", false, texts(patterns.iter().map(|p| Some(p.level.to_string())))),
        ("owner", false, texts(patterns.iter().map(|p| Some(p.owner.to_string())))),
        ("matches", false, Arc::new((0..patterns.len()).map(seen).collect::<Int64Array>())),
    ])
}

/// The lines that matched, up to a hundred of each signature in each stream.
pub(crate) fn matches_table(
    patterns: &[Pattern],
    matches: &Matches,
    tasks: &Tasks,
    target: &TargetRow,
) -> Result<RecordBatch, AnalyzeError> {
    let mut rows: Vec<_> = matches
        .0
        .iter()
        .filter_map(|(place, found)| Some((patterns.get(place.pattern)?, place, found)))
        .flat_map(|(pattern, place, found)| found.kept.iter().map(move |line| (&pattern.id, place, line)))
        .collect();
    rows.sort_by_key(|(id, place, line)| (*id, &place.log_group, &place.log_stream, line.timestamp, line.seq));
    let late = |line: &super::matcher::Match| {
        line.ingestion_time.is_some_and(|at| at.millis_since(line.timestamp) > target.ingestion_grace_ms)
    };
    batch(vec![
        ("signature", false, texts(rows.iter().map(|(id, ..)| Some(id)))),
        ("log_group", false, texts(rows.iter().map(|(_, place, _)| Some(&place.log_group)))),
        ("log_stream", false, texts(rows.iter().map(|(_, place, _)| Some(&place.log_stream)))),
        ("container", true, texts(rows.iter().map(|(_, place, _)| place.container.as_ref()))),
        ("task_id", true, texts(rows.iter().map(|(_, place, _)| place.task_id.as_ref()))),
        ("timestamp", false, times(rows.iter().map(|(.., line)| Some(line.timestamp.as_millis())))),
        ("seq", false, Arc::new(rows.iter().map(|(.., line)| line.seq).collect::<Int64Array>())),
        ("message", false, texts(rows.iter().map(|(.., line)| Some(&line.message)))),
        (
            "judged",
            false,
            Arc::new(BooleanArray::from_iter(
                rows.iter().map(|(_, place, _)| Some(tasks.is_judged(place.task_id.as_deref()))),
            )),
        ),
        ("late", false, Arc::new(BooleanArray::from_iter(rows.iter().map(|(.., line)| Some(late(line)))))),
    ])
}

const SIGNATURES: &[(&str, &str)] = &[
    ("signature", "Its id."),
    ("title", "Its title."),
    ("expect", "`success` or `failure`."),
    ("container", "The container that it is restricted to; null: any."),
    ("deadline", "For a success: until when it must have appeared; null where the deployment was never seen."),
    ("level", "`block` or `advise`."),
    ("owner", "`service`, `platform` or `shared`."),
    ("matches", "How many lines of the judged tasks match it."),
];

const SIGNATURE_MATCHES: &[(&str, &str)] = &[
    ("signature", "The signature's id."),
    ("log_group", "The log group's name."),
    ("log_stream", "The stream's name."),
    ("container", "The container that wrote it."),
    ("task_id", "The task that wrote it."),
    ("timestamp", "When the program wrote it."),
    ("seq", "Its number within the stream."),
    ("message", "The redacted line, its first 4096 bytes."),
    ("judged", "Whether its task belongs to the deployment that is judged."),
    ("late", "Whether it was ingested later than the ingestion grace after it was written."),
];

/// What the reference says of the two tables.
pub(crate) fn table_docs() -> Vec<TableDoc> {
    let (matches, tasks, target) = (Matches::default(), Tasks::default(), TargetRow::default());
    let each = "One log line that matches a signature: the first hundred of each signature in each stream.";
    let of_signatures = signatures_table(&[], &matches, &tasks, &target);
    let of_matches = matches_table(&[], &matches, &tasks, &target);
    [
        of_signatures.ok().map(|batch| doc("signatures", "One signature of the config.", SIGNATURES, &batch)),
        of_matches.ok().map(|batch| doc("signature_matches", each, SIGNATURE_MATCHES, &batch)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn doc(name: &str, doc: &str, columns: &[(&str, &str)], batch: &RecordBatch) -> TableDoc {
    let schema = batch.schema();
    let column = |(name, doc): &(&str, &str)| {
        let field = schema.field_with_name(name).ok()?;
        Some(ColumnDoc {
            name: (*name).to_owned(),
            sql_type: sql_type(field.data_type()),
            nullable: field.is_nullable(),
            doc: (*doc).to_owned(),
        })
    };
    let columns = columns.iter().filter_map(column).collect();
    TableDoc { name: name.to_owned(), doc: doc.to_owned(), derived: true, columns }
}
