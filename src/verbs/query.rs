//! `query`: SQL over a bundle.

use std::io::Read;

use casefile_analyzer::query;

use super::archive::locate;
use super::{open, options};
use crate::cli::Query;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::render;

pub(crate) async fn run(args: &Query, printer: &Printer) -> Result<Exit, Error> {
    if args.tables {
        printer.result(args.output.as_deref(), |style| render::tables(args.format, style))?;
        return Ok(Exit::Pass);
    }
    let bundle = args.bundle.as_deref().ok_or_else(|| Error::usage("which bundle? give its folder"))?;
    let sql = match &args.sql {
        Some(sql) => sql.clone(),
        None => {
            let mut sql = String::new();
            std::io::stdin().read_to_string(&mut sql).map_err(Error::io("read", "standard input"))?;
            sql
        }
    };
    if sql.trim().is_empty() {
        return Err(Error::usage(
            "no SQL was given: write it after the bundle, or pipe it in; --tables lists the tables",
        ));
    }
    let located = locate(bundle, &args.from).await?;
    let opened = open(&located.path, None, &args.config, printer)?;
    let answer = query(&opened.evidence, &sql, &opened.settings, &options(&args.engine, None)).await?;
    printer.result(args.output.as_deref(), |_| render::query(&answer, args.format))?;
    Ok(Exit::Pass)
}
