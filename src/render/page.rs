//! A page for a terminal. All text on it is escaped by [`visible`] first.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style as Ansi};
use casefile_analyzer::Conclusion;

use super::Style;
use super::text::{cut_middle, excerpt, visible, wrap};

/// The role of a text, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    Strong,
    Dim,
    Pass,
    Fail,
    Inconclusive,
    Error,
}

impl From<Conclusion> for Role {
    fn from(conclusion: Conclusion) -> Self {
        match conclusion {
            Conclusion::Pass => Self::Pass,
            Conclusion::Fail => Self::Fail,
            Conclusion::Inconclusive => Self::Inconclusive,
            Conclusion::Error => Self::Error,
        }
    }
}

impl Role {
    fn ansi(self) -> Ansi {
        let color = |color: AnsiColor| Ansi::new().bold().fg_color(Some(color.into()));
        match self {
            Self::Plain => Ansi::new(),
            Self::Strong => Ansi::new().bold(),
            Self::Dim => Ansi::new().dimmed(),
            Self::Pass => color(AnsiColor::Green),
            Self::Fail => color(AnsiColor::Red),
            Self::Inconclusive => color(AnsiColor::Yellow),
            Self::Error => color(AnsiColor::Magenta),
        }
    }
}

/// Text for a terminal, wrapped at its width.
#[derive(Debug)]
pub(crate) struct Page {
    style: Style,
    text: String,
}

impl Page {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, text: String::new() }
    }

    /// An empty line, unless there is one or nothing stands above.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A paragraph, all of it in one role.
    pub(crate) fn line(&mut self, indent: usize, role: Role, text: &str) {
        self.item(indent, indent, role, text, "");
    }

    /// A paragraph whose beginning stands out; further lines are indented by `hang`.
    pub(crate) fn item(&mut self, indent: usize, hang: usize, role: Role, lead: &str, rest: &str) {
        let (lead, rest) = (visible(lead), visible(rest));
        let pad = " ".repeat(indent);
        let lines = wrap(&format!("{lead}{rest}"), self.style.width, &pad, &" ".repeat(hang));
        let whole = rest.is_empty();
        for (number, line) in lines.iter().enumerate() {
            let led = line.strip_prefix(&pad).and_then(|line| line.strip_prefix(lead.trim_end()));
            match led {
                _ if whole => self.painted(role, line),
                Some(rest) if number == 0 => {
                    self.text.push_str(&pad);
                    self.painted(role, lead.trim_end());
                    self.text.push_str(rest);
                }
                _ => self.text.push_str(line),
            }
            self.text.push('\n');
        }
    }

    /// A label and its value, the values in one column.
    pub(crate) fn field(&mut self, label: &str, value: &str) {
        self.item(2, 14, Role::Dim, &format!("{label:<11} "), value);
    }

    /// A message from outside, in a gutter: wherever a line of it ends, the next begins in the gutter.
    pub(crate) fn message(&mut self, indent: usize, text: &str) {
        let pad = " ".repeat(indent);
        for line in excerpt(text, self.style.width.saturating_sub(indent + 2)) {
            self.text.push_str(&pad);
            self.painted(Role::Dim, "│");
            // Writing to a string cannot fail.
            _ = writeln!(self.text, " {line}");
        }
    }

    /// Log lines in a gutter, dimmed; a long one keeps its ends.
    pub(crate) fn log(&mut self, indent: usize, lines: &[String]) {
        const ROWS: usize = 3;
        let pad = " ".repeat(indent);
        let room = self.style.width.saturating_sub(indent + 2).max(20);
        for line in lines {
            // Wrapping at spaces may take a row more than the text has.
            for row in wrap(&cut_middle(&visible(line), (ROWS - 1) * room), room, "", "  ") {
                self.text.push_str(&pad);
                self.painted(Role::Dim, &format!("│ {row}"));
                self.text.push('\n');
            }
        }
    }

    fn painted(&mut self, role: Role, text: &str) {
        let indent = text.len() - text.trim_start().len();
        let (indent, text) = text.split_at(indent);
        self.text.push_str(indent);
        if self.style.color && role != Role::Plain {
            let ansi = role.ansi();
            _ = write!(self.text, "{ansi}{text}{ansi:#}");
        } else {
            self.text.push_str(text);
        }
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.style.verbose
    }

    pub(crate) fn width(&self) -> usize {
        self.style.width
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}
