//! One look at a service: everything that a collection asks, once, into a temporary bundle.

use std::sync::Arc;
use std::time::Duration;

use casefile_collector::aws::Aws;
use casefile_collector::clock::Clock;
use casefile_collector::collect::{
    Collection, LogBudget, Maker, OVERTIME, Pace, Parts, Polled, Stop, StopReason, StopRule,
};
use casefile_collector::normalise::Assembly;
use casefile_collector::seal;
use casefile_evidence::{AnyRow, Bundle, BundleWriter};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{TOOL, redactor};
use crate::config::Loaded;
use crate::error::Error;
use crate::place::temporary;
use crate::target::{Target, Times};

/// The lines of a look: enough to see that they can be read.
const LINES: u64 = 1_000;

/// What was seen. The folder is removed with the value.
pub(crate) struct Look {
    pub(crate) bundle: Bundle,
    _folder: tempfile::TempDir,
}

impl Look {
    /// Looks at the service. It may be cancelled: the folder goes with the future.
    ///
    /// # Errors
    /// Where the service is not there, or the credentials are invalid; or a temporary file cannot be written.
    pub(crate) async fn at(
        aws: &Aws,
        target: &Target,
        times: &Times,
        clock: Arc<dyn Clock>,
        loaded: &Loaded,
    ) -> Result<Self, Error> {
        let folder = temporary()?;
        let path = folder.path().join("look.bundle");
        let mut writer = BundleWriter::create(&path)?;
        let maker = Maker { tool: TOOL.to_owned(), config: loaded.sealed_value()?, ci: Default::default() };
        let mut once = Once;
        let collection = Collection::new(Parts {
            aws: aws.clone(),
            clock,
            pace: Pace { timeout: Duration::from_secs(60), poll: Duration::from_secs(1), overtime: OVERTIME },
            budget: LogBudget { lines: Some(LINES), bytes: None },
            logs_insights: false,
            maker: maker.clone(),
            named: target.named.clone(),
            assembly: Assembly::new(target.about(aws.region(), times), redactor(loaded)?),
            writer: &mut writer,
            record: None,
            rule: &mut once,
        });
        let collected = collection.run(std::future::pending(), &mut |_| ()).await?;
        let sealed = seal(&collected.assembly, writer, StopReason::Settled.name(), &maker)?;
        Ok(Self { bundle: Bundle::open(&sealed.path)?, _folder: folder })
    }
}

/// Stops after the first poll; the closing poll follows it.
struct Once;

impl StopRule for Once {
    fn observe(&mut self, _: &AnyRow) {}

    fn after_poll<'a>(&'a mut self, _: Polled<'a>) -> BoxFuture<'a, Option<Stop>> {
        async { Some(StopReason::Settled.into()) }.boxed()
    }
}
