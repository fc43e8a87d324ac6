//! Where results go: standard output, or a file.

use std::path::Path;

use crate::cli::Global;
use crate::error::Error;
use crate::format::Color;
use crate::place::{self, STDOUT, write_file};
use crate::render::Style;
use crate::say;

/// Prints for one run.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    color: Color,
    /// Whether lists that are long are given in full, and steps are told (`-v`).
    pub(crate) verbose: bool,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self { color: global.color, verbose: global.verbose > 0 }
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

    /// Prints the result, or writes it to `file`. Where there is no result, nothing is written.
    pub(crate) fn result(
        &self,
        file: Option<&Path>,
        render: impl FnOnce(Style) -> Result<String, Error>,
    ) -> Result<(), Error> {
        match file.filter(|path| *path != Path::new(STDOUT)) {
            Some(path) => write_file(path, render(Self::file_style())?),
            None => self.stdout(&render(self.style())?),
        }
    }

    /// Prints to standard output. A reader that went away (`| head`) is no error.
    pub(crate) fn stdout(&self, text: &str) -> Result<(), Error> {
        self.stdout_bytes(text.as_bytes())
    }

    /// Prints bytes to standard output, unchanged: text is painted only where [`Printer::style`] says so, and the marks of a
    /// job's log are for the program that shows it.
    pub(crate) fn stdout_bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        place::stdout(bytes)
    }

    /// A line of information.
    pub(crate) fn note(&self, line: &str) {
        say::note(line);
    }

    /// Something that the operator should know of.
    pub(crate) fn warn(&self, line: &str) {
        say::warning(line);
    }
}

/// The terminal's width, or a width that fits a CI log.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    columns.or_else(terminal).unwrap_or(100).clamp(60, 160)
}
