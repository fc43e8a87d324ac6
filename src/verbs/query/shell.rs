//! The shell of `query`: SQL at a prompt, with history and completion.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use casefile_analyzer::{allowed_functions, nearest, table_docs};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper, Highlighter, Hinter};

use super::{Asked, print};
use crate::cli::Query;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::RowsFormat;
use crate::output::Printer;
use crate::render::{Page, Role, Style, count, visible};
use crate::say;
use crate::target::variable;

const HELP: &str = "\
SELECT ... ;            ask; a statement ends with a semicolon
.tables                 the tables and views
.schema TABLE           the columns of one
.format FORMAT          terminal, json, markdown or csv
.save FILE SELECT ... ; write the rows to FILE: .csv, .json, .md or .parquet
.help  .quit            Tab completes names, Ctrl-R searches the history, Ctrl-C cancels, Ctrl-D ends
";

/// Words of SQL that are completed.
const KEYWORDS: [&str; 24] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "JOIN",
    "LEFT JOIN",
    "ON",
    "AND",
    "OR",
    "NOT",
    "NULL",
    "IS",
    "IN",
    "LIKE",
    "BETWEEN",
    "AS",
    "DISTINCT",
    "HAVING",
    "CASE",
    "WHEN",
    "WITH",
    "DESC",
];

/// Reads and answers until the end of the input.
pub(super) async fn run(asked: &Asked, args: &Query, format: RowsFormat, printer: &Printer) -> Result<Exit, Error> {
    let failed = |error: ReadlineError| Error::internal(format!("the terminal: {error}"));
    let config = Config::builder().completion_type(CompletionType::List).history_ignore_space(true).build();
    let mut editor: Editor<Names, FileHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Names::of(asked)));
    let history = history();
    // The shell also works without a history.
    if let Some(path) = &history {
        let _ = editor.load_history(path);
    }
    printer.note(&match asked {
        Asked::Bundle { opened, .. } => format!("bundle {}; .help lists the commands", opened.bundle.digest()),
        Asked::Archive(place) => format!("all bundles of {place}; .help lists the commands"),
    });
    let mut format = format;
    loop {
        let line = match tokio::task::block_in_place(|| editor.readline("casefile> ")) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(ReadlineError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                printer.warn("the line is not UTF-8: write it again");
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        if line.trim().is_empty() {
            continue;
        }
        // A line that begins with a space is not kept.
        let _ = editor.add_history_entry(line.trim_end());
        let command = match Command::parse(&line) {
            Ok(command) => command,
            Err(problem) => {
                say::error(&Error::usage(problem));
                continue;
            }
        };
        let outcome = match command {
            Command::Quit => break,
            Command::Help => printer.stdout(HELP),
            Command::Tables => printer.stdout(&tables(asked, printer.style())),
            Command::Schema(table) => schema(&table, printer.style()).and_then(|text| printer.stdout(&text)),
            Command::Format(new) => {
                format = new;
                Ok(())
            }
            Command::Ask { sql, file } => {
                tokio::select! {
                    outcome = answer(asked, &sql, args, format, file, printer) => outcome,
                    _ = tokio::signal::ctrl_c() => {
                        printer.note("cancelled");
                        Ok(())
                    }
                }
            }
        };
        if let Err(error) = outcome {
            say::error(&error);
        }
    }
    if let Some(path) = &history {
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(path);
    }
    let _ = std::io::stdout().flush();
    Ok(Exit::Pass)
}

async fn answer(
    asked: &Asked,
    sql: &str,
    args: &Query,
    format: RowsFormat,
    file: Option<PathBuf>,
    printer: &Printer,
) -> Result<(), Error> {
    let answer = asked.answer(sql, args, printer).await?;
    // The extension decides only of `.save`: --format and .format are for everything else.
    let format = file.as_deref().and_then(RowsFormat::of_file).unwrap_or(format);
    let to = file.or_else(|| args.output.clone());
    print(&answer, format, to.as_deref(), printer)?;
    if let Some(path) = to {
        let rows: usize = answer.batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
        printer.note(&format!("{} written to {}", count(rows, "row", "rows"), path.display()));
    }
    Ok(())
}

/// A line of the shell.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Quit,
    Tables,
    Schema(String),
    Format(RowsFormat),
    Ask { sql: String, file: Option<PathBuf> },
}

impl Command {
    fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let Some(dotted) = line.strip_prefix('.') else {
            return Ok(match line.trim_end_matches(';').to_lowercase().as_str() {
                "quit" | "exit" => Self::Quit,
                "help" => Self::Help,
                _ => Self::Ask { sql: line.to_owned(), file: None },
            });
        };
        let (name, rest) = dotted.split_once(char::is_whitespace).unwrap_or((dotted, ""));
        let rest = rest.trim();
        match (name.trim_end_matches(';'), rest.trim_end_matches(';').trim()) {
            ("help", _) => Ok(Self::Help),
            ("quit" | "exit", _) => Ok(Self::Quit),
            ("tables", _) => Ok(Self::Tables),
            ("schema", "") => Err(".schema needs a table: .tables lists them".to_owned()),
            ("schema", table) => Ok(Self::Schema(table.to_owned())),
            ("format", format) => match <RowsFormat as clap::ValueEnum>::from_str(format, true) {
                Ok(RowsFormat::Parquet) => Err("Parquet goes to a file: .save rows.parquet SELECT ...;".to_owned()),
                Ok(format) => Ok(Self::Format(format)),
                Err(_) => Err(format!("{format:?} is not a format: terminal, json, markdown or csv")),
            },
            ("save", _) => match rest.split_once(char::is_whitespace) {
                Some((file, sql)) => Ok(Self::Ask { sql: sql.trim().to_owned(), file: Some(file.into()) }),
                None => Err("write .save FILE SELECT ...;".to_owned()),
            },
            (other, _) => Err(format!(".{other} is not a command: .help lists them")),
        }
    }
}

fn tables(asked: &Asked, style: Style) -> String {
    let docs = table_docs();
    let first = |doc: &str| doc.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned();
    let mut page = Page::new(style);
    let mut row = |name: &str, doc: &str| page.item(0, 25, Role::Plain, &format!("{name:<24} "), doc);
    let is_archive = matches!(asked, Asked::Archive(_));
    if is_archive {
        row("index", "One row for each verdict over a bundle of the archive.");
    }
    docs.iter().filter(|doc| !is_archive || !doc.derived).for_each(|doc| row(&doc.name, &first(&doc.doc)));
    page.finish()
}

fn schema(table: &str, style: Style) -> Result<String, Error> {
    let docs = table_docs();
    let Some(doc) = docs.iter().find(|doc| doc.name == table) else {
        let near = nearest(table, docs.iter().map(|doc| doc.name.as_str()));
        let near = near.map_or_else(|| ".tables lists them".to_owned(), |near| format!("did you mean {near}?"));
        return Err(Error::usage(format!("there is no table {:?}: {near}", visible(table))));
    };
    let width = doc.columns.iter().map(|column| column.name.len()).max().unwrap_or_default();
    let mut page = Page::new(style);
    for column in &doc.columns {
        let lead = format!("{:<width$}  {:<10} ", column.name, column.sql_type);
        page.item(0, lead.len(), Role::Plain, &lead, &column.doc);
    }
    Ok(page.finish())
}

/// Where the history is kept: the state of this user (XDG Base Directory).
fn history() -> Option<PathBuf> {
    let state = variable("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")))?;
    Some(state.join("casefile/history"))
}

/// Names that are completed, and when a statement is whole.
#[derive(Helper, Hinter, Highlighter)]
struct Names {
    /// Every name, by its lower-case form.
    all: BTreeMap<String, String>,
}

impl Names {
    fn of(asked: &Asked) -> Self {
        let docs = table_docs();
        let tables = docs.iter().map(|doc| doc.name.clone());
        let columns = docs.iter().flat_map(|doc| doc.columns.iter().map(|column| column.name.clone()));
        let functions = allowed_functions().into_iter().flatten().map(|name| (*name).to_owned());
        let index = matches!(asked, Asked::Archive(_)).then(|| "index".to_owned());
        let commands = [".tables", ".schema", ".format", ".save", ".help", ".quit"].map(str::to_owned);
        let words = KEYWORDS.map(str::to_owned);
        let all = tables.chain(columns).chain(functions).chain(index).chain(commands).chain(words);
        Self { all: all.map(|name| (name.to_lowercase(), name)).collect() }
    }

    /// The names that begin as the word before the cursor does, and where it begins.
    fn matching(&self, line: &str, cursor: usize) -> (usize, Vec<&str>) {
        let before = &line[..cursor];
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let word = before.rsplit(|c: char| !is_part(c)).next().unwrap_or(before);
        // `t.column` completes the column.
        let word = if word.starts_with('.') { word } else { word.rsplit('.').next().unwrap_or(word) };
        let lower = word.to_lowercase();
        let found = self.all.range(lower.clone()..).take_while(|(name, _)| name.starts_with(&lower));
        let found: Vec<&str> =
            if word.is_empty() { Vec::new() } else { found.map(|(_, name)| name.as_str()).collect() };
        (cursor - word.len(), found)
    }
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.matching(line, cursor);
        let pair = |name: &str| Pair { display: name.to_owned(), replacement: name.to_owned() };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

impl Validator for Names {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

/// Whether a statement ends here: at a semicolon, outside of texts and comments. Commands are one line, but for the SQL
/// of `.save`.
fn is_whole(input: &str) -> bool {
    let trimmed = input.trim();
    let one_line = trimmed.is_empty() || (trimmed.starts_with('.') && !trimmed.starts_with(".save "));
    if one_line || ["help", "quit", "exit"].contains(&trimmed.to_lowercase().as_str()) {
        return true;
    }
    let (mut quote, mut end) = (None, ' ');
    let mut rest = trimmed.chars().peekable();
    while let Some(c) = rest.next() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '-' && rest.peek() == Some(&'-') => _ = rest.by_ref().find(|c| *c == '\n'),
            None if c == '/' && rest.peek() == Some(&'*') => {
                rest.next();
                let mut last = ' ';
                let ends = rest.by_ref().any(|c| std::mem::replace(&mut last, c) == '*' && c == '/');
                if !ends {
                    return false;
                }
            }
            None if c == '\'' || c == '"' => (quote, end) = (Some(c), c),
            None if !c.is_whitespace() => end = c,
            None => {}
        }
    }
    quote.is_none() && end == ';'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_at_its_semicolon() {
        for whole in [
            "",
            ".tables",
            "quit",
            "SELECT 1;",
            "SELECT 'a;';",
            "SELECT 1; -- done",
            "SELECT /* it's; */ 1;",
            ".save a.csv SELECT 1;",
        ] {
            assert!(is_whole(whole), "{whole}");
        }
        for part in ["SELECT 1", "SELECT ';", "SELECT 1 -- ;", "SELECT \"a;", "SELECT 1 /* ;", ".save a.csv SELECT 1"] {
            assert!(!is_whole(part), "{part}");
        }
    }

    #[test]
    fn commands_are_told_from_sql() {
        assert_eq!(Command::parse(" .schema tasks;"), Ok(Command::Schema("tasks".to_owned())));
        assert_eq!(Command::parse(".format CSV"), Ok(Command::Format(RowsFormat::Csv)));
        assert_eq!(Command::parse("exit;"), Ok(Command::Quit));
        let saved = Command::Ask { sql: "SELECT 1;".to_owned(), file: Some("a.csv".into()) };
        assert_eq!(Command::parse(".save a.csv SELECT 1;"), Ok(saved));
        for wrong in [".schema", ".format parquet", ".format x", ".save a.csv", ".drop"] {
            assert!(Command::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_completed_wherever_they_stand() {
        let names = Names::of(&Asked::Archive("a".to_owned()));
        let of = |line: &str| names.matching(line, line.len());
        assert_eq!(of("SELECT stopped_re"), (7, vec!["stopped_reason"]));
        assert_eq!(of("SELECT t.stopped_re"), (9, vec!["stopped_reason"]));
        assert!(of("sel").1.contains(&"SELECT"));
        assert_eq!(of(".sch"), (0, vec![".schema"]));
        assert!(of("SELECT * FROM latest_").1.contains(&"latest_tasks"));
        assert_eq!(of("SELECT "), (7, vec![]));
        // What stands before a word may be longer than a byte.
        assert_eq!(of("SELECT\u{a0}stopped_re"), (8, vec!["stopped_reason"]));
    }
}
