//! Judging during the collection, for the stop rule that runs after each poll.

use casefile_evidence::AnyRow;
use casefile_evidence::tables::{SourceRow, TargetRow};

use crate::engine::Analyzer;
use crate::error::AnalyzeError;
use crate::options::Options;
use crate::settings::Settings;
use crate::signature::Scanner;
use crate::tables::Rows;
use crate::verdict::Verdict;

/// Takes rows as they arrive, and judges all rows so far.
///
/// Log lines are matched against the signatures and forgotten, so that memory does not grow with them; a
/// check that needs the lines themselves stays pending until the bundle is sealed.
#[derive(Debug, Clone)]
pub struct Judge {
    analyzer: Analyzer,
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
    pub fn new(analyzer: Analyzer, settings: Settings, options: Options) -> Result<Self, AnalyzeError> {
        let scanner = Scanner::new(&settings.compile(analyzer.pack())?)?;
        Ok(Self { analyzer, settings, options, rows: Rows::default(), scanner })
    }

    /// Takes a row over. Rows of `target` and `sources` are passed by: [`Judge::verdict`] is given them whole. Lines come once
    /// each, as far as can be told while they come.
    pub fn observe(&mut self, row: &AnyRow) {
        // Which rollout is judged is known in the end only. Where nothing was deployed, lines count from the first snapshot
        // on.
        let since = match row {
            AnyRow::Line(line) => return self.scanner.arrived(line),
            AnyRow::LogEvent(line) => return self.scanner.row(line),
            AnyRow::Target(_) | AnyRow::Source(_) => return,
            AnyRow::Deployment(deployment) => deployment.created_at,
            AnyRow::ServiceDeployment(deployment) => deployment.created_at,
            AnyRow::Snapshot(snapshot) if snapshot.snapshot == 0 => Some(snapshot.observed_at),
            _ => None,
        };
        if let Some(since) = since {
            self.scanner.bound(since);
        }
        self.rows.push(row.clone());
    }

    /// The verdict of all rows so far. It names no bundle.
    ///
    /// May be cancelled: nothing is lost.
    ///
    /// # Errors
    /// As [`Analyzer::analyze`].
    pub async fn verdict(&self, target: TargetRow, sources: Vec<SourceRow>) -> Result<Verdict, AnalyzeError> {
        let mut rows = self.rows.clone();
        rows.target = vec![target];
        rows.sources = sources;
        let evidence = rows.into_evidence()?;
        self.analyzer.judge(&evidence, Some(&self.scanner.so_far()), &self.settings, &self.options).await
    }
}
