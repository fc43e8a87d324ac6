//! Judging during the collection, for the stop rule that runs after each poll.

use casefile_evidence::AnyRow;
use casefile_evidence::tables::{ContainerRow, SourceRow, TargetHealthRow, TargetRow, TaskRow};

use crate::engine::Analyzer;
use crate::error::AnalyzeError;
use crate::options::Options;
use crate::settings::Settings;
use crate::signature::Scanner;
use crate::tables::{Changes, Rows};
use crate::verdict::Verdict;

/// Takes rows as they arrive, and judges all rows so far.
///
/// Log lines are matched against the signatures and forgotten, and of tasks, containers, targets and sources only the
/// changes are kept, so that memory grows neither with lines nor with polls. A check that needs the lines themselves stays
/// pending until the bundle is sealed.
#[derive(Debug, Clone)]
pub struct Judge {
    analyzer: Analyzer,
    settings: Settings,
    options: Options,
    rows: Rows,
    tasks: Changes<TaskRow>,
    containers: Changes<ContainerRow>,
    targets: Changes<TargetHealthRow>,
    sources: Changes<SourceRow>,
    scanner: Scanner,
}

impl Judge {
    /// A judge that has seen nothing.
    ///
    /// # Errors
    /// Every setting that cannot be used.
    pub fn new(analyzer: Analyzer, settings: Settings, options: Options) -> Result<Self, AnalyzeError> {
        let scanner = Scanner::new(&settings.compile(analyzer.pack())?)?;
        Ok(Self {
            analyzer,
            settings,
            options,
            rows: Rows::default(),
            tasks: Changes::default(),
            containers: Changes::default(),
            targets: Changes::default(),
            sources: Changes::default(),
            scanner,
        })
    }

    /// Takes a row over. Rows of `target` are passed by: [`Judge::verdict`] is given the last one. Lines come once each, as far
    /// as can be told while they come.
    pub fn observe(&mut self, row: &AnyRow) {
        // Which rollout is judged is known in the end only. Where nothing was deployed, lines count from the first snapshot
        // on.
        let since = match row {
            AnyRow::Line(line) => return self.scanner.arrived(line),
            AnyRow::LogEvent(line) => return self.scanner.row(line),
            AnyRow::Task(row) => return self.tasks.push((**row).clone()),
            AnyRow::Container(row) => return self.containers.push((**row).clone()),
            AnyRow::TargetHealth(row) => return self.targets.push((**row).clone()),
            AnyRow::Source(row) => return self.sources.push((**row).clone()),
            AnyRow::Target(_) => return,
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
    pub async fn verdict(&self, target: TargetRow) -> Result<Verdict, AnalyzeError> {
        let mut rows = self.rows.clone();
        rows.target = vec![target];
        rows.tasks = self.tasks.rows();
        rows.containers = self.containers.rows();
        rows.target_health = self.targets.rows();
        rows.sources = self.sources.rows();
        let evidence = rows.into_evidence()?;
        self.analyzer.judge(&evidence, Some(&self.scanner.so_far()), None, &self.settings, &self.options).await
    }
}
