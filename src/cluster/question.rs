//! A person's question to all bundles of an archive, on a cluster: the engine filters, joins and aggregates on the executors.

use std::sync::Arc;

use casefile_analyzer::{Answer, ManyRows, Options, answer, plan_many};
use casefile_archive::{Archive, Entry};

use super::connect;
use super::rows::Rows;
use super::table::WorkTable;
use crate::error::Error;
use crate::operator::{ArchiveAt, INDEX, Lazy};

/// Asks tables of an archive a question. `tables` has their files; of the bundles of `fresh`, which have none, each is read by
/// a task.
pub(crate) async fn ask(
    scheduler: &str,
    archive: &Archive,
    mut tables: Vec<ManyRows>,
    (entries, fresh): (&[Entry], &[Entry]),
    sql: &str,
    options: &Options,
) -> Result<Answer, Error> {
    let engine = connect(scheduler).await?;
    let at = ArchiveAt::new(archive.name(), entries)?;
    let bundles: Vec<String> = fresh.iter().map(|entry| entry.bundle.clone()).collect();
    for table in &mut tables {
        let parts = if table.name == INDEX {
            table.held.clear();
            // It has one part.
            vec![INDEX.to_owned()]
        } else {
            bundles.clone()
        };
        if parts.is_empty() && !table.archived.is_empty() {
            continue;
        }
        let rows = Rows::new(at.clone(), table.name.clone(), Lazy::default())?;
        table.others.push(Arc::new(WorkTable::new(Arc::new(rows), parts)));
    }
    let plan = plan_many(tables, archive.store(), sql, options).await?;
    let rows = engine.execute_logical_plan(plan.clone()).await;
    let rows = rows.map_err(|error| Error::engine(&error))?.execute_stream().await;
    Ok(answer(&plan, rows.map_err(|error| Error::engine(&error))?, options).await?)
}
