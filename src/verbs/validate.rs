//! `validate`: collect, stop as early as is sound, seal, judge. The step of a pipeline.

use std::path::Path;

use casefile_analyzer::{
    Analyzer, Conclusion, Evidence, Judge, Level, Outcome, Settings, Verdict, can_still_improve, lint_deadlines,
};
use casefile_archive::{Archive, VerdictFile};
use casefile_collector::aws::ConnectOptions;
use casefile_collector::collect::{Polled, SettledRule, Stop, StopReason, StopRule};
use casefile_evidence::{AnyRow, Bundle, Timestamp};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::collect::Job;
use super::{archive, check_reports, not_compared, options, pack, report_to_stdout};
use crate::cli::{JudgeArgs, ReportArgs, Validate};
use crate::config::Loaded;
use crate::destination::Upload;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::Format;
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::render::{self, action, count, sentence, visible};
use crate::say;
use crate::target::{Target, Times, check, clock};

pub(crate) async fn run(args: &Validate, printer: &Printer) -> Result<Exit, Error> {
    let loaded = Loaded::find(args.judge.config.config.as_deref())?;
    if loaded.origin.is_none() {
        printer.warn("no config: there is no ./casefile.toml and no --config, so no log signature is judged");
    }
    check_reports(&args.report, None)?;
    let clock = clock(&args.pace)?;
    let mut target = Target::decide(&args.target, &loaded.config)?;
    if args.recheck {
        target.expected.started_after = Some(clock.now());
    }
    let job = Job {
        target,
        aws: args.aws.clone(),
        connect: ConnectOptions::default(),
        times: Times::decide(&args.pace, &loaded.config)?,
        clock,
        output: args.output.output.clone(),
        loaded,
        interrupt: Interrupt::watch()?,
    };
    let last_lines = if args.no_grace { LastLines::LeftOut } else { LastLines::Awaited };
    let archive = match &args.archive {
        Some(place) => Some(archive::open_locking(place, args.lock.lock()).await?),
        None if args.lock.lock.is_some() => {
            return Err(Error::usage("--lock is for what is added to an archive: give --archive"));
        }
        None => None,
    };
    let ends = Ends { last_lines, archive };
    validate(job, ends, &args.report, &args.judge, printer).await
}

/// Whether a failed collection waits for the last log lines of the tasks that died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLines {
    Awaited,
    LeftOut,
}

/// The end of a run.
pub(crate) struct Ends {
    pub(crate) last_lines: LastLines,
    /// Takes the bundle and the verdict.
    pub(crate) archive: Option<Archive>,
}

/// Collects until the verdict is decided, seals, and judges the sealed bundle.
pub(crate) async fn validate(
    job: Job,
    ends: Ends,
    reports: &ReportArgs,
    args: &JudgeArgs,
    printer: &Printer,
) -> Result<Exit, Error> {
    let pack = pack(&args.pack)?;
    // Errors in the config or a check come now, not after the collection.
    check(&job.loaded, &pack)?;
    let settings = job.loaded.config.settings();
    not_compared(&settings, "only analyze --history compares", printer);
    let analyzer = Analyzer::new(pack, &options(&args.engine, None)).await?;
    let judge = Judge::new(analyzer.clone(), settings.clone(), options(&args.engine, None))?;
    for problem in job.loaded.locate(lint_deadlines(&settings, job.times.pace.timeout, job.times.ingestion_grace)) {
        printer.warn(&problem.to_string());
    }
    let settled = SettledRule::new(job.times.stable_for);
    let mut rule = VerdictRule { judge, settled, last_lines: ends.last_lines, awaited: None };
    let gitlab = job.aws.gitlab;
    let gathered = job.run(&mut rule, printer).await?;
    let sealed = gathered.sealed;
    printer.note(gathered.line.trim_end());
    let upload = gathered.upload;
    let bundle = Bundle::open(&sealed.path)?;
    let verdict = analyzer.analyze(&Evidence::bundle(&bundle)?, &settings, &options(&args.engine, None)).await?;
    let exit = report_to_stdout(&verdict, &bundle, &sealed.path, reports, gitlab, printer)?;
    let archived = match &ends.archive {
        Some(archive) => keep(archive, &sealed.path, &verdict, &analyzer, &settings, printer).await,
        None => true,
    };
    // The verdict's exit code comes before that of a failed upload.
    let kept = upload.is_none_or(Upload::finish) && archived;
    Ok(if kept || exit != Exit::Pass { exit } else { Exit::Internal })
}

/// Adds the bundle and the verdict to the archive. Returns whether they are there.
async fn keep(
    archive: &Archive,
    bundle: &Path,
    verdict: &Verdict,
    analyzer: &Analyzer,
    settings: &Settings,
    printer: &Printer,
) -> bool {
    let added = async {
        let json = render::verdict(verdict, Format::Json, Printer::file_style())?;
        let verdict = VerdictFile::read(json.into_bytes(), "the verdict")?;
        Ok::<_, Error>(archive.add(bundle, &[verdict], &archive::kept(analyzer.pack(), settings)?).await?)
    };
    match added.await {
        Ok(added) => printer.note(archive::told(archive, &added).trim_end()),
        Err(error) => {
            say::error(&error);
            let name = archive.name();
            printer.warn(&format!("not in the archive: `casefile archive add {} --archive {name}`", bundle.display()));
            return false;
        }
    }
    true
}

/// Stops once waiting can no longer change the verdict for the better: something failed for good, or
/// everything expected was seen and the service stayed as it is.
///
/// A failure is said at once. The bundle is closed once the last lines of the tasks that died have arrived: they tell the
/// cause.
struct VerdictRule {
    judge: Judge,
    settled: SettledRule,
    last_lines: LastLines,
    awaited: Option<String>,
}

impl VerdictRule {
    fn failed(&self, verdict: &Verdict, lines_until: Option<Timestamp>) -> Stop {
        let not_before = lines_until.filter(|_| self.last_lines == LastLines::Awaited);
        Stop { reason: StopReason::Decided, told: Some(visible(&failure(verdict, not_before))), not_before }
    }
}

/// The checks that are not decided yet.
fn open_checks(verdict: &Verdict) -> Option<String> {
    const NAMED: usize = 2;
    let open = verdict
        .checks
        .iter()
        .filter(|check| check.level == Level::Block && matches!(check.outcome, Outcome::Pending | Outcome::Unknown));
    let ids: Vec<&str> = open.map(|check| check.id.as_str()).collect();
    let more = ids.len().saturating_sub(NAMED);
    let named = ids[..ids.len() - more].join(", ");
    let more = if more > 0 { format!(" and {}", count(more, "more check", "more checks")) } else { String::new() };
    (!ids.is_empty()).then(|| format!("{named}{more}"))
}

impl StopRule for VerdictRule {
    fn observe(&mut self, row: &AnyRow) {
        self.judge.observe(row);
    }

    fn after_poll<'a>(&'a mut self, polled: Polled<'a>) -> BoxFuture<'a, Option<Stop>> {
        async move {
            let target = polled.target.clone();
            let lines_until = polled.lines_until();
            let settled = self.settled.after_poll(polled).await;
            self.awaited = None;
            match self.judge.verdict(target).await {
                Ok(verdict) if can_still_improve(&verdict) => {
                    self.awaited = open_checks(&verdict);
                    None
                }
                Ok(verdict) if verdict.verdict == Conclusion::Fail => Some(self.failed(&verdict, lines_until)),
                // An apply without a change is common: there is no rollout whose stability must be watched.
                Ok(verdict) if verdict.rollout.nothing_deployed => Some(StopReason::Decided.into()),
                // Everything that was expected is there; a crash that comes later must still be seen.
                Ok(_) => {
                    self.awaited = self.settled.awaited();
                    settled.map(|_| StopReason::Decided.into())
                }
                Err(error) => {
                    tracing::debug!("no verdict yet: {error}");
                    None
                }
            }
        }
        .boxed()
    }

    fn awaited(&self) -> Option<String> {
        self.awaited.clone()
    }
}

/// The verdict in a line: the action, the first cause, and the end of the wait for the last log lines.
fn failure(verdict: &Verdict, lines_until: Option<Timestamp>) -> String {
    let cause = verdict.decision.causes.first().map(|cause| format!(": {}", sentence(cause))).unwrap_or_default();
    let wait = lines_until.map(|until| format!(" (waiting for the last log lines until {until})")).unwrap_or_default();
    format!("FAIL  {}{cause}{wait}", action(&verdict.decision))
}
