//! The one printer: standard output carries the result, standard error the rest.

use std::io::Write;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style as Ansi};

use crate::cli::{Color, Format, Global};
use crate::error::Error;
use crate::render::Style;

/// Prints for one run.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    color: Color,
    output: Option<PathBuf>,
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
        Self { color: global.color, output: global.output.clone(), format: global.format }
    }

    /// How text for standard output looks.
    pub(crate) fn style(&self) -> Style {
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
        };
        Style { color, width: width() }
    }

    /// How text for a file looks.
    pub(crate) fn file_style() -> Style {
        Style { color: false, width: 120 }
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

    /// Something that the operator should know of.
    pub(crate) fn warn(&self, line: &str) {
        let style = Ansi::new().fg_color(Some(AnsiColor::Yellow.into())).bold();
        stderr(&format!("{style}warning:{style:#} {line}"));
    }

    /// Why the run ended without a result.
    pub(crate) fn error(error: &Error) {
        let style = Ansi::new().fg_color(Some(AnsiColor::Red.into())).bold();
        stderr(&format!("{style}error:{style:#} {error}"));
    }
}

/// A line on standard error; that nobody reads it is no reason to fail.
pub(crate) fn stderr(line: &str) {
    let mut err = anstream::stderr().lock();
    let _ = writeln!(err, "{line}");
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
    outside_of_bundles(path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    std::fs::write(path, text).map_err(Error::io("write", path))
}
