//! Judging while the evidence still comes: what a stop rule asks after each poll.

use casefile_evidence::AnyRow;
use casefile_evidence::tables::{SourceRow, TargetRow};

use crate::engine::{Options, analyze};
use crate::error::{AnalyzeError, SpecError};
use crate::evidence::Rows;
use crate::pack::Pack;
use crate::settings::Settings;
use crate::signature::Scanner;
use crate::verdict::Verdict;

/// Takes rows as they come and judges what there is.
///
/// Log lines are matched against the signatures and forgotten, so that memory does not grow with them; a
/// check that needs the lines themselves stays pending until the bundle is sealed.
#[derive(Debug, Clone)]
pub struct Judge {
    pack: Pack,
    settings: Settings,
    options: Options,
    rows: Rows,
    scanner: Scanner,
}

impl Judge {
    /// A judge that has seen nothing.
    ///
    /// # Errors
    /// Every setting that cannot be used.
    pub fn new(pack: Pack, settings: Settings, options: Options) -> Result<Self, Vec<SpecError>> {
        let patterns = settings.compile(&pack)?;
        let scanner = Scanner::new(&patterns).map_err(|error| match error {
            AnalyzeError::Specification(errors) => errors,
            other => vec![SpecError::new("casefile.toml", other.to_string(), "")],
        })?;
        Ok(Self { pack, settings, options, rows: Rows::default(), scanner })
    }

    /// Takes rows over. Rows of `target` and `sources` are passed by: [`Judge::verdict`] is given them whole.
    pub fn observe(&mut self, rows: &[AnyRow]) {
        for row in rows {
            match row {
                AnyRow::LogEvent(line) => self.scanner.row(line),
                AnyRow::Target(_) | AnyRow::Source(_) => {}
                other => self.rows.push(other.clone()),
            }
        }
    }

    /// What all of it comes to, now. The verdict names no bundle.
    ///
    /// May be cancelled: nothing is lost.
    ///
    /// # Errors
    /// As [`analyze`].
    pub async fn verdict(&self, target: TargetRow, sources: Vec<SourceRow>) -> Result<Verdict, AnalyzeError> {
        let mut rows = self.rows.clone();
        rows.target = vec![target];
        rows.sources = sources;
        let evidence = rows.into_evidence(Some(self.scanner.matches().clone()))?;
        analyze(&evidence, &self.pack, &self.settings, &self.options).await
    }
}
