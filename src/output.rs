//! The one printer: standard output carries the result, standard error the rest.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style as Ansi};

use crate::cli::{Color, Format, Global};
use crate::destination::a_file;
use crate::error::Error;
use crate::render::Style;

/// Prints for one run.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    color: Color,
    output: Option<PathBuf>,
    verbose: bool,
    pub(crate) format: Format,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self { color: global.color, output: global.output.clone(), verbose: global.verbose > 0, format: global.format }
    }

    /// How text for standard output looks.
    pub(crate) fn style(&self) -> Style {
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
        };
        Style { color, width: width(), verbose: self.verbose }
    }

    /// How text for a file looks.
    pub(crate) fn file_style() -> Style {
        Style { color: false, width: 120, verbose: false }
    }

    /// Prints the result, to the file that `--output` names where it names one.
    pub(crate) fn result(&self, render: impl FnOnce(Style) -> String) -> Result<(), Error> {
        self.try_result(|style| Ok(render(style)))
    }

    /// As [`Printer::result`]: where there is no such result, nothing is written.
    pub(crate) fn try_result(&self, render: impl FnOnce(Style) -> Result<String, Error>) -> Result<(), Error> {
        match &self.output {
            Some(path) => write_file(path, &render(Self::file_style())?),
            None => self.stdout(&render(self.style())?),
        }
    }

    /// Prints to standard output. A reader that went away (`| head`) is no error.
    pub(crate) fn stdout(&self, text: &str) -> Result<(), Error> {
        let mut out = anstream::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Error::io("write", "standard output")(error))
            }
            _ => Ok(()),
        }
    }

    /// A line of information.
    pub(crate) fn note(&self, line: &str) {
        stderr(line);
    }

    /// A line of information while the progress is shown.
    pub(crate) fn interim(&self, line: &str) {
        let shows_progress = std::io::stderr().is_terminal() && !is_json_log();
        stderr(&if shows_progress { format!("\r\x1b[2K{line}") } else { line.to_owned() });
    }

    /// Something that the operator should know of.
    pub(crate) fn warn(&self, line: &str) {
        warning(line);
    }

    /// Why the run ended without a result.
    pub(crate) fn error(error: &Error) {
        say("error", Ansi::new().fg_color(Some(AnsiColor::Red.into())).bold(), "error", &error.to_string());
    }
}

/// Whether what is said on standard error is JSON, a line an object.
static JSON_LOG: AtomicBool = AtomicBool::new(false);

/// From now on, what is said on standard error is JSON.
pub(crate) fn log_json() {
    JSON_LOG.store(true, Ordering::Relaxed);
}

pub(crate) fn is_json_log() -> bool {
    JSON_LOG.load(Ordering::Relaxed)
}

/// A line on standard error; that nobody reads it is no reason to fail.
pub(crate) fn stderr(line: &str) {
    if is_json_log() {
        json_line("info", line);
    } else {
        stderr_styled(line);
    }
}

/// Something that the operator should know of.
pub(crate) fn warning(line: &str) {
    say("warn", Ansi::new().fg_color(Some(AnsiColor::Yellow.into())).bold(), "warning", line);
}

fn say(level: &str, style: Ansi, word: &str, line: &str) {
    if is_json_log() {
        json_line(level, line);
    } else {
        stderr_styled(&format!("{style}{word}:{style:#} {line}"));
    }
}

/// In the shape of the log's own lines (`-v`).
fn json_line(level: &str, message: &str) {
    let message = message.trim();
    if !message.is_empty() {
        let line = serde_json::json!({ "level": level.to_uppercase(), "fields": { "message": message } });
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

/// A line on standard error as it is, JSON or not: markers for the program that shows the log.
pub(crate) fn stderr_raw(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn stderr_styled(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// The terminal's width, or what fits a CI log.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    columns.or_else(terminal).unwrap_or(100).clamp(60, 160)
}

/// Refuses a place within a sealed bundle: results never go inside one.
pub(crate) fn outside_of_bundles(path: &Path) -> Result<(), Error> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match absolute.ancestors().skip(1).find(|folder| folder.join("bagit.txt").exists()) {
        Some(bundle) => Err(Error::usage(format!(
            "{} is inside the bundle {}, which is sealed: write it elsewhere",
            path.display(),
            bundle.display()
        ))),
        None => Ok(()),
    }
}

/// Writes a report, making the folder that it goes to.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    a_file(path)?;
    outside_of_bundles(path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    std::fs::write(path, text).map_err(Error::io("write", path))
}
