//! Reading a table of bundles as work of the operator: digests of bundles in, the rows of the table out, as the compacted copy
//! has them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use casefile_archive::{Entry, compacted_schema};
use casefile_evidence::tables;
use futures::{StreamExt, TryStreamExt, stream};

use super::WorkRequest;
use crate::error::Error;
use crate::operator::{ArchiveAt, INDEX, Lazy, OpenArchive, Work, WorkRows};

/// Reads a table.
#[derive(Debug)]
pub(crate) struct Rows {
    at: ArchiveAt,
    table: String,
    schema: SchemaRef,
    opened: Lazy<OpenArchive>,
}

impl Rows {
    pub(crate) fn new(at: ArchiveAt, table: String, opened: Lazy<OpenArchive>) -> Result<Self, Error> {
        let schema = if table == INDEX {
            Entry::to_batch(&[])?.schema()
        } else {
            let known = tables::all().iter().find(|known| known.info.name == table);
            compacted_schema(known.ok_or_else(|| Error::internal(format!("there is no table {table}")))?)
        };
        Ok(Self { at, table, schema, opened })
    }

    async fn of_part(&self, part: &str) -> Result<WorkRows, Error> {
        let opened = self.at.open(&self.opened).await?;
        if self.table == INDEX {
            return Ok(stream::iter([Ok(Entry::to_batch(&opened.entries)?)]).boxed());
        }
        let rows = opened.archive.compacted_rows(opened.entry(part)?, &self.table).await?;
        Ok(stream::iter(rows.into_iter().flatten().map(|rows| rows.map_err(Error::from))).boxed())
    }
}

impl Work for Rows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn together(&self) -> usize {
        1
    }

    fn rows(self: Arc<Self>, parts: Vec<String>) -> WorkRows {
        let rows = move |part: String| {
            let work = Arc::clone(&self);
            async move { work.of_part(&part).await }
        };
        stream::iter(parts).then(rows).try_flatten().boxed()
    }

    fn request(&self) -> WorkRequest {
        WorkRequest::Rows(self.at.clone(), self.table.clone())
    }
}
