//! What other machines need to know of a backtest, and what each of them opens for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use casefile_analyzer::{Analyzer, Options, Pack, Settings};
use casefile_archive::{Archive, Entry};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{Backtest, Given, Rules};
use crate::cli::{EngineArgs, FilterArgs};
use crate::error::Error;
use crate::operator::{ArchiveAt, Lazy};
use crate::verbs::archive::{newest, open};
use crate::verbs::{options, pack_of};

/// What is judged, and how. It holds no deployment: these are the rows that the operator reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) archive: ArchiveAt,
    /// The checks that are tried, as an archive keeps them.
    pub(crate) checks: Value,
    /// The config that is tried; `None`: each bundle's own.
    pub(crate) settings: Option<Settings>,
    /// The rules to compare with; `None`: those of the verdicts in the archive.
    pub(crate) base: Option<OtherRules>,
    /// Whether nothing is taken from the verdicts of before.
    pub(crate) whole: bool,
    /// The bundles of which the outcome of every check is needed.
    pub(crate) labelled: BTreeSet<String>,
}

/// Rules that were given to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OtherRules {
    pub(crate) checks: Value,
    pub(crate) settings: Settings,
}

impl Job {
    /// Opens the archive and plans the checks, on a machine that got the job from another one.
    async fn open(&self) -> Result<Backtest, Error> {
        let options = Options { threads: 1, ..options(&EngineArgs::default(), None) };
        let tried = pack_of(&self.checks)?;
        let rules = match &self.base {
            None => Rules::sealed(tried.clone()),
            Some(base) => Rules::given(pack_of(&base.checks)?, base.settings.clone(), &options).await?,
        };
        let archive = open(&self.archive.place, false).await?;
        let entries = newest(archive.entries().await?, &FilterArgs::default());
        let entries = entries.into_iter().map(Arc::new).collect();
        self.with(archive, tried, rules, entries, options).await
    }

    /// The same, with what is at hand.
    pub(crate) async fn with(
        &self,
        archive: Archive,
        tried: Pack,
        rules: Rules,
        entries: Vec<Arc<Entry>>,
        options: Options,
    ) -> Result<Backtest, Error> {
        Ok(Backtest {
            archive,
            analyzer: Analyzer::new(tried, &options).await?,
            settings: self.settings.clone(),
            rules,
            whole: self.whole,
            entries: entries.into_iter().map(|entry| (entry.bundle.clone(), entry)).collect(),
            labelled: self.labelled.clone(),
            options,
        })
    }
}

impl Rules {
    /// Rules that were given.
    pub(crate) async fn given(pack: Pack, settings: Settings, options: &Options) -> Result<Self, Error> {
        let analyzer = Analyzer::new(pack, options).await?;
        Ok(Self::Given(Arc::new(Given { analyzer, settings: Some(settings) })))
    }
}

/// A job, with what was opened for it on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Judging {
    job: Arc<Job>,
    opened: Lazy<Backtest>,
}

impl Judging {
    /// A job whose parts are open already.
    pub(crate) fn ready(job: Job, backtest: Arc<Backtest>) -> Self {
        Self { job: Arc::new(job), opened: Arc::new(OnceCell::new_with(Some(backtest))) }
    }

    /// A job that came from another machine. The archive is opened when the first deployment is judged.
    #[cfg(feature = "cluster")]
    pub(crate) fn requested(job: Job, opened: Lazy<Backtest>) -> Self {
        Self { job: Arc::new(job), opened }
    }

    #[cfg(feature = "cluster")]
    pub(super) fn job(&self) -> &Job {
        &self.job
    }

    pub(super) async fn backtest(&self) -> Result<&Arc<Backtest>, Error> {
        self.opened.get_or_try_init(async || Ok(Arc::new(self.job.open().await?))).await
    }
}
