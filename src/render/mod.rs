//! Rendering: pure functions from values to text. No clock, no file, no terminal.
//!
//! Text from outside (log lines, AWS messages) is never trusted: characters that a terminal, a CI log, a Markdown
//! page or an XML file would act on are made visible, see [`text`] and [`markdown`].

mod archive;
mod backtest;
mod brief;
mod bundles;
mod codequality;
mod corpus;
mod difference;
mod evidence;
mod findings;
mod gate;
mod html;
mod inspect;
mod junit;
mod links;
mod markdown;
mod mine;
mod page;
mod plan;
mod query;
mod replay;
mod standing;
mod story;
mod tables;
mod tail;
mod terminal;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use archive::{compacted, list, stats, verified};
pub(crate) use backtest::{backtest, cost};
pub(crate) use bundles::{BundleDifference, bundles};
pub(crate) use codequality::codequality;
pub(crate) use corpus::corpus;
pub(crate) use difference::{Compared, difference};
pub(crate) use findings::findings;
pub(crate) use gate::{decision, headline as gate_headline};
pub(crate) use html::{GENERATOR, Scene, site, verdict as html};
pub(crate) use inspect::{Inspection, inspect};
pub(crate) use junit::verdict as junit;
pub(crate) use links::{annotations, report_url};
pub(crate) use mine::{mined, new_errors};
pub(crate) use page::{Page, Role};
pub(crate) use plan::plan;
pub(crate) use query::query;
pub(crate) use replay::{Moment, replay};
pub(crate) use standing::{Standing, standing};
pub(crate) use tables::tables;
pub(crate) use terminal::{action, job_log, sentence};
pub(crate) use text::{count, cut_middle, short, visible};

use casefile_analyzer::Verdict;

use crate::error::Error;
use crate::format::Format;

/// How text for a person looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether ANSI colours are used. Nothing is said by colour alone.
    pub(crate) color: bool,
    /// The columns that lines are wrapped at.
    pub(crate) width: usize,
    /// Whether lists that are long are given in full (`-v`).
    pub(crate) verbose: bool,
}

/// A verdict, in any format.
///
/// # Errors
/// Only by a fault of this program.
pub(crate) fn verdict(verdict: &Verdict, format: Format, style: Style) -> Result<String, Error> {
    match format {
        Format::Terminal => Ok(terminal::verdict(verdict, style)),
        Format::Json => Ok(verdict.to_canonical_json()? + "\n"),
        Format::Markdown => Ok(markdown::verdict(verdict)),
        Format::Junit => junit::verdict(verdict, None),
        Format::Html => Ok(html::verdict(verdict, None)),
        Format::Annotations => links::annotations(verdict, &[], None),
        Format::Dotenv => Ok(links::dotenv(verdict)),
    }
}

/// A value as JSON for programs: keys sorted, one line.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    // Through a `Value`, whose maps are sorted.
    let value = serde_json::to_value(value).map_err(Error::internal)?;
    Ok(format!("{value}\n"))
}
