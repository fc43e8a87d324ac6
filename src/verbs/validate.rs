//! `validate`: collect, stop as early as is sound, seal, judge. The step of a pipeline.

use casefile_analyzer::{Analyzer, Evidence, Judge, can_still_improve};
use casefile_collector::aws::ConnectOptions;
use casefile_collector::collect::{Polled, SettledRule, StopReason, StopRule};
use casefile_evidence::{AnyRow, Bundle};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::collect::Job;
use super::{options, pack, report_to_stdout};
use crate::cli::{Global, ReportArgs, Validate};
use crate::config::Loaded;
use crate::destination::Upload;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::target::{Target, Times, clock};

pub(crate) async fn run(args: &Validate, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let loaded = Loaded::find(global.config.as_deref())?;
    if loaded.origin.is_none() {
        printer.warn("no config: there is no ./casefile.toml and no --config, so no log signature is judged");
    }
    let job = Job {
        target: Target::decide(&args.target, &loaded.config)?,
        aws: args.aws.clone(),
        connect: ConnectOptions::default(),
        times: Times::decide(&args.pace, &loaded.config)?,
        clock: clock(global)?,
        output: global.output.clone(),
        loaded,
    };
    validate(job, &args.report, global, printer).await
}

/// Collects under the analyzer's eyes, and judges what was sealed.
pub(crate) async fn validate(
    job: Job,
    reports: &ReportArgs,
    global: &Global,
    printer: &Printer,
) -> Result<Exit, Error> {
    let pack = pack(global)?;
    // What is wrong with the config or a check is said now, not after the collection.
    job.loaded.check(&pack)?;
    let settings = job.loaded.config.settings();
    let analyzer = Analyzer::new(pack, &options(global, None)).await?;
    let judge = Judge::new(analyzer.clone(), settings.clone(), options(global, None))?;
    let mut rule = VerdictRule { judge, settled: SettledRule::new(job.times.stable_for) };
    let gathered = job.run(&mut rule, printer).await?;
    let sealed = gathered.sealed;
    printer.note(gathered.line.trim_end());
    let upload = gathered.upload;
    let bundle = Bundle::open(&sealed.path)?;
    let verdict = analyzer.analyze(&Evidence::bundle(&bundle)?, &settings, &options(global, None)).await?;
    let exit = report_to_stdout(&verdict, reports, printer)?;
    // What is wrong with the deployment comes first.
    Ok(if upload.is_none_or(Upload::finish) || exit != Exit::Pass { exit } else { Exit::Internal })
}

/// Stops once waiting can no longer change the verdict for the better: something failed for good, or
/// everything expected was seen and the service stayed as it is.
struct VerdictRule {
    judge: Judge,
    settled: SettledRule,
}

impl StopRule for VerdictRule {
    fn observe(&mut self, rows: &[AnyRow]) {
        self.judge.observe(rows);
    }

    fn after_poll<'a>(&'a mut self, polled: Polled<'a>) -> BoxFuture<'a, Option<StopReason>> {
        async move {
            let (target, sources) = (polled.target.clone(), polled.sources.to_vec());
            let settled = self.settled.after_poll(polled).await;
            match self.judge.verdict(target, sources).await {
                Ok(verdict) if verdict.verdict == casefile_analyzer::Conclusion::Fail => {
                    (!can_still_improve(&verdict)).then_some(StopReason::Decided)
                }
                // Everything that was expected is there; a crash that comes later must still be seen.
                Ok(verdict) if !can_still_improve(&verdict) => settled.map(|_| StopReason::Decided),
                Ok(_) => None,
                Err(error) => {
                    tracing::debug!("no verdict yet: {error}");
                    None
                }
            }
        }
        .boxed()
    }
}
