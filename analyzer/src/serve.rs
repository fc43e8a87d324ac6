//! The process that plans and runs queries for another one.

use std::io::{self, Read, Write};
use std::sync::Arc;

use casefile_evidence::Bundle;

use crate::error::AnalyzeError;
use crate::pack::{Check, findings, statuses};
use crate::plans::plan_check;
use crate::query::ask;
use crate::sandbox::wire::{Planned, Reply, Request, Source, Work, from_ipc, read_frame, to_ipc, write_frame};
use crate::sandbox::{
    Answer, Catalog, Contents, Dialect, LateTable, Rows, RunError, collect, session, tables_of, task,
};

/// Reads one request from `input`, runs its queries, and writes one answer for each to `output`.
///
/// # Errors
/// Where the request is none, or the answer cannot be written.
pub async fn serve(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let (request, catalog, contents) = read(&bytes).await.map_err(io::Error::other)?;
    drop(bytes);
    let contents = Arc::new(contents);
    for source in &request.queries {
        let (answer, rows) = match answer(&request, source, &catalog, &contents).await {
            Ok((reply, rows)) => (Ok(reply), rows),
            Err(refusal) => (Err(refusal), None),
        };
        let mut frames = Vec::new();
        write_frame(&mut frames, &serde_json::to_vec::<Answer<Reply>>(&answer)?).await?;
        if let Some(rows) = rows {
            write_frame(&mut frames, &rows).await?;
        }
        output.write_all(&frames)?;
        output.flush()?;
    }
    Ok(())
}

async fn read(mut input: &[u8]) -> Result<(Request, Catalog, Contents), Box<dyn std::error::Error + Send + Sync>> {
    let request: Request = serde_json::from_slice(&read_frame(&mut input).await?)?;
    let bundle = request.bundle.as_deref().map(Bundle::open).transpose()?.map(Arc::new);
    let (mut catalog, mut contents) = (Catalog::new(None)?, Contents::default());
    for table in &request.tables {
        let (schema, batches) = from_ipc(&read_frame(&mut input).await?)?;
        catalog.add(&table.name, Arc::new(LateTable::new(&table.name, schema)))?;
        let rows = match (&bundle, table.filed) {
            (Some(bundle), true) => Rows::Filed(Arc::clone(bundle), request.moment),
            _ => Rows::Held(batches),
        };
        contents.fill(&table.name, rows);
    }
    Ok((request, catalog, contents))
}

/// The reply to a query, with its rows.
async fn answer(
    request: &Request,
    source: &Source,
    catalog: &Catalog,
    contents: &Arc<Contents>,
) -> Answer<(Reply, Option<Vec<u8>>)> {
    // An internal fault, not a fault of the query.
    let fault = |_: AnalyzeError| RunError::NoAnswer;
    let limits = &request.limits;
    let (schema, batches) = if request.work == Work::Ask {
        let answer = ask(catalog, contents, &source.sql, limits).await.map_err(fault)??;
        (answer.schema, answer.batches)
    } else {
        let check = Check::parse(source.file.clone(), source.sql.clone())?;
        let context = session(catalog, Dialect::Check, limits).map_err(fault)?;
        let query = plan_check(&check, &context, catalog).await?;
        if request.work == Work::Plan {
            let planned = Planned {
                columns: query.physical.schema().fields().iter().map(|field| field.name().clone()).collect(),
                says: statuses::written(&query.logical),
                reads: tables_of(&query.logical),
                findings: findings(&check, &query.logical),
            };
            return Ok((Reply::Planned(planned), None));
        }
        let task = task(Arc::clone(contents), limits).map_err(fault)?;
        (query.physical.schema(), collect(task, query.physical, limits).await?)
    };
    let table = to_ipc(&schema, &batches).map_err(|_| RunError::NoAnswer)?;
    Ok((Reply::Rows, Some(table)))
}
