//! The process that plans and runs queries for another one.

use std::io::{self, Read, Write};
use std::sync::Arc;

use casefile_evidence::Bundle;
use serde::Serialize;

use crate::error::AnalyzeError;
use crate::pack::{Check, findings, statuses};
use crate::plans::{plan_check, tables_of};
use crate::query::ask;
use crate::sandbox::wire::{Planned, Reply, Request, Source, Work, from_ipc, read_frame, to_ipc, write_frame};
use crate::sandbox::{Catalog, Contents, Refusal, Rows, Slot, collect, task};

/// Plans or runs the queries of one request, read from `input`, and writes what came of each to `output`.
///
/// # Errors
/// Where the request is none, or the answer cannot be written.
pub fn serve(input: impl Read, mut output: impl Write) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (request, catalog, contents) = read(input).map_err(io::Error::other)?;
    let contents = Arc::new(contents);
    for source in &request.queries {
        let (reply, rows) =
            runtime.block_on(answer(&request, source, &catalog, &contents)).map_err(io::Error::other)?;
        write_frame(&mut output, &json(&reply)?)?;
        if let Some(rows) = rows {
            write_frame(&mut output, &rows)?;
        }
        output.flush()?;
    }
    Ok(())
}

fn json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}

fn read(mut input: impl Read) -> Result<(Request, Catalog, Contents), Box<dyn std::error::Error + Send + Sync>> {
    let mut frame = || read_frame(&mut input)?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof));
    let request: Request = serde_json::from_slice(&frame()?)?;
    let bundle = request.bundle.as_deref().map(Bundle::open).transpose()?.map(Arc::new);
    let (mut catalog, mut contents) = (Catalog::new(None)?, Contents::default());
    for table in &request.tables {
        let (schema, batches) = from_ipc(&frame()?)?;
        catalog.add(&table.name, Arc::new(Slot::new(&table.name, schema)))?;
        let rows = match (&bundle, table.filed) {
            (Some(bundle), true) => Rows::Filed(Arc::clone(bundle), request.moment),
            _ => Rows::Held(batches),
        };
        contents.fill(&table.name, rows);
    }
    Ok((request, catalog, contents))
}

async fn answer(
    request: &Request,
    source: &Source,
    catalog: &Catalog,
    contents: &Arc<Contents>,
) -> Result<(Reply, Option<Vec<u8>>), AnalyzeError> {
    let limits = &request.limits;
    if request.work == Work::Ask {
        return Ok(match ask(catalog, contents, &source.sql, limits).await? {
            Ok(answer) => (Reply::Rows, Some(to_ipc(&answer.schema, &answer.batches).map_err(AnalyzeError::internal)?)),
            Err(Refusal::Refused(error)) => (Reply::Refused(error), None),
            Err(Refusal::Failed(error)) => (Reply::Failed(error), None),
        });
    }
    let check = match Check::parse(source.file.clone(), source.sql.clone()) {
        Ok(check) => check,
        Err(error) => return Ok((Reply::Refused(error), None)),
    };
    let query = match plan_check(&check, catalog, limits).await? {
        Ok(query) => query,
        Err(error) => return Ok((Reply::Refused(error), None)),
    };
    if request.work == Work::Plan {
        let columns = query.physical.schema().fields().iter().map(|field| field.name().clone()).collect();
        let planned = Planned {
            columns,
            says: statuses::written(&query.logical)
                .map(|says| says.into_iter().map(|status| status.name().to_owned()).collect()),
            reads: tables_of(&query.logical),
            findings: findings(&check, &query.logical),
        };
        return Ok((Reply::Planned(planned), None));
    }
    let schema = query.physical.schema();
    Ok(match collect(task(contents, limits)?, query.physical, limits).await {
        Ok(batches) => (Reply::Rows, Some(to_ipc(&schema, &batches).map_err(AnalyzeError::internal)?)),
        Err(error) => (Reply::Failed(error), None),
    })
}
