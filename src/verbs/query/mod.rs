//! `query`: SQL over a bundle, or over all bundles of an archive.

mod shell;

use std::collections::BTreeSet;
use std::io::{IsTerminal, Read};
use std::path::Path;

use casefile_analyzer::{AnalyzeError, Answer, ManyRows, Options, archive_url, query, query_many, tables_of};
use casefile_archive::{Entry, compacted_schema, one_of_each};
use casefile_evidence::tables;

use super::archive::{self, Located, locate};
use super::{Opened, open, options};
use crate::cli::Query;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::{RowsFormat, TableFormat};
use crate::operator::INDEX;
use crate::output::Printer;
use crate::place::{STDOUT, temporary, write_file};
use crate::render::{self, visible};

/// More bundles than these are read with a word about the compacted copy.
const MANY: usize = 100;

pub(crate) async fn run(args: &Query, printer: &Printer) -> Result<Exit, Error> {
    let format = args.format.or_else(|| args.output.as_deref().and_then(RowsFormat::of_file));
    let format = format.unwrap_or(RowsFormat::Terminal);
    if args.tables {
        let format = match format {
            RowsFormat::Terminal => TableFormat::Terminal,
            RowsFormat::Json => TableFormat::Json,
            RowsFormat::Markdown => TableFormat::Markdown,
            RowsFormat::Csv | RowsFormat::Parquet => {
                return Err(Error::usage("--tables prints as terminal, json or markdown"));
            }
        };
        printer.result(args.output.as_deref(), |style| render::tables(format, style))?;
        return Ok(Exit::Pass);
    }
    if format == RowsFormat::Parquet && args.output.is_none() {
        return Err(Error::usage("--format parquet goes to a file: give -o rows.parquet"));
    }
    // Of all bundles the only argument is the question.
    let (bundle, sql) = match (&args.bundle, &args.sql) {
        (Some(first), None) if is_question(first) => (None, Some(first.to_string_lossy().into_owned())),
        (bundle, sql) => (bundle.as_deref(), sql.clone()),
    };
    let interactive = sql.is_none() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let sql = match sql {
        Some(sql) => sql,
        None if interactive => String::new(),
        None => {
            let mut sql = String::new();
            let read = std::io::stdin().read_to_string(&mut sql);
            read.map_err(|error| Error::usage(format!("cannot read the SQL from standard input: {error}")))?;
            sql
        }
    };
    if let Some(command) = sql.trim().strip_prefix('.').filter(|_| !interactive) {
        return Err(Error::usage(format!(
            ".{} is a command of the prompt: run `casefile query BUNDLE` on a terminal; --tables lists the tables",
            visible(command.split_whitespace().next().unwrap_or_default())
        )));
    }
    if sql.trim().is_empty() && !interactive {
        return Err(Error::usage(
            "no SQL was given: write it after the bundle, or pipe it in; --tables lists the tables",
        ));
    }
    let asked = Asked::of(bundle, args, printer).await?;
    if interactive {
        return shell::run(&asked, args, format, printer).await;
    }
    let answer = asked.answer(&sql, args, printer).await?;
    print(&answer, format, args.output.as_deref(), printer)?;
    Ok(Exit::Pass)
}

/// What is asked: a bundle, or all bundles of an archive.
pub(super) enum Asked {
    Bundle { opened: Box<Opened>, _located: Located },
    Archive(String),
}

impl Asked {
    async fn of(bundle: Option<&Path>, args: &Query, printer: &Printer) -> Result<Self, Error> {
        let Some(bundle) = bundle else {
            let place = args.from.archive.clone();
            let place =
                place.ok_or_else(|| Error::usage("which bundle? give its folder; or --archive, to ask all of them"))?;
            return Ok(Self::Archive(place));
        };
        if args.cluster.is_some() {
            return Err(Error::usage(
                "--engine asks all bundles of an archive: leave the bundle out, and give --archive",
            ));
        }
        let located = locate(bundle, &args.from).await?;
        let opened = open(&located.path, None, &args.config, printer)?;
        Ok(Self::Bundle { opened: Box::new(opened), _located: located })
    }

    /// May be cancelled: nothing outlives it.
    pub(super) async fn answer(&self, sql: &str, args: &Query, printer: &Printer) -> Result<Answer, Error> {
        let answer = match self {
            Self::Archive(place) => all(place, sql, args, printer).await,
            Self::Bundle { opened, .. } => {
                query(&opened.evidence, sql, &opened.settings, &limits(args)).await.map_err(Error::from)
            }
        };
        answer.map_err(|error| match error {
            // A check that takes too much is another matter.
            Error::Analyze(AnalyzeError::Limit(problem)) => Error::Usage(problem),
            error => error,
        })
    }
}

fn limits(args: &Query) -> Options {
    Options { row_limit: usize::try_from(args.rows).unwrap_or(usize::MAX), ..options(&args.engine, None) }
}

pub(super) fn print(answer: &Answer, format: RowsFormat, to: Option<&Path>, printer: &Printer) -> Result<(), Error> {
    let to = to.filter(|path| *path != Path::new(STDOUT));
    let width = (to.is_none() && std::io::stdout().is_terminal()).then(|| printer.style().width);
    let rows = render::query(answer, format, width)?;
    match to {
        Some(path) => write_file(path, rows),
        None if format == RowsFormat::Csv && std::io::stdout().is_terminal() => {
            // A cell must not be able to act on the terminal.
            let lines: Vec<String> = String::from_utf8_lossy(&rows).lines().map(visible).collect();
            printer.stdout(&(lines.join("\n") + "\n"))
        }
        None => printer.stdout_bytes(&rows),
    }
}

/// Whether the only argument is SQL: no file is called so.
fn is_question(text: &Path) -> bool {
    !text.exists() && text.to_string_lossy().contains([' ', '\n', '('])
}

/// Asks all bundles of an archive: its index, the compacted copy, and the bundles that were added after it.
async fn all(place: &str, sql: &str, args: &Query, printer: &Printer) -> Result<Answer, Error> {
    let asked = tables_of(sql).map_err(|error| Error::Analyze(AnalyzeError::Query(error)))?;
    let archive = archive::open(place, false).await?;
    let entries = archive.entries().await?;
    let mut months = archive.months().await?;
    for (name, known) in &months {
        if let Some(lost) = &known.lacks {
            printer.warn(&format!(
                "{lost} is missing or was changed, so {name} is read bundle by bundle: run `casefile archive compact`"
            ));
        }
    }
    months.retain(|_, known| known.lacks.is_none());
    let compacted: BTreeSet<&str> =
        months.values().flat_map(|known| &known.month.bundles).map(String::as_str).collect();
    let mut fresh = one_of_each(entries.clone());
    fresh.retain(|entry| !compacted.contains(entry.bundle.as_str()));
    let known = tables::all();
    let wanted: Vec<&'static str> =
        known.iter().map(|table| table.info.name).filter(|name| asked.iter().any(|asked| asked == name)).collect();
    if fresh.len() > MANY && !wanted.is_empty() {
        printer.note(&format!(
            "{} bundles are not in the compacted copy and are read one by one: run `casefile archive compact`",
            fresh.len()
        ));
    }
    let index = Entry::to_batch(&entries)?;
    let of_index = ManyRows::of(index.schema());
    let mut tables = vec![ManyRows { name: INDEX.to_owned(), held: vec![index], ..of_index }];
    for table in known {
        let files = months.values().flat_map(|known| &known.month.files).filter(|file| file.table == table.info.name);
        tables.push(ManyRows {
            name: table.info.name.to_owned(),
            archived: files.map(|file| archive_url(archive.name(), &archive.key(&file.key))).collect(),
            ..ManyRows::of(compacted_schema(table))
        });
    }
    #[cfg(feature = "cluster")]
    if let Some(scheduler) = &args.cluster {
        return crate::cluster::ask(scheduler, &archive, tables, (&entries, &fresh), sql, &limits(args)).await;
    }
    let folder = temporary()?;
    if !wanted.is_empty() {
        let mut local = archive.tail(&fresh, &wanted, folder.path()).await?;
        for table in &mut tables {
            table.local = local.remove(&table.name).unwrap_or_default();
        }
    }
    Ok(query_many(tables, archive.store(), folder.path(), sql, &limits(args)).await?)
}
