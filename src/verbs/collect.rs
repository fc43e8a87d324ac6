//! `collect`: AWS to a bundle; and what `validate` and `demo` share with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use casefile_collector::aws::{Aws, ConnectOptions};
use casefile_collector::clock::Clock;
use casefile_collector::collect::{
    CollectError, Collected, Collection, Maker, Parts, SettledRule, StopReason, StopRule,
};
use casefile_collector::normalise::{Assembly, Retain};
use casefile_collector::recording::{RecordingInfo, RecordingWriter};
use casefile_collector::seal;
use casefile_evidence::{BundleWriter, Sealed, recoverable};

use super::TOOL;
use super::import::sealed_line;
use crate::cli::{AwsArgs, Collect, Global};
use crate::config::Loaded;
use crate::destination::{Destination, Upload, a_file};
use crate::error::Error;
use crate::exit::Exit;
use crate::expected::{ci_identity, has_begun, is_of};
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::progress::{Reporter, Section};
use crate::target::{Target, Times, clock, millis};

pub(crate) async fn run(args: &Collect, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let loaded = Loaded::find(global.config.as_deref())?;
    let times = Times::decide(&args.pace, &loaded.config)?;
    if args.dry_run {
        return super::dry_run::run(args, global, &loaded, &times, printer).await;
    }
    let mut rule = SettledRule::new(times.stable_for);
    let job = Job {
        target: Target::decide(&args.target, &loaded.config)?,
        aws: args.aws.clone(),
        connect: ConnectOptions::default(),
        times,
        clock: clock(global)?,
        output: global.output.clone(),
        loaded,
        interrupt: Interrupt::watch()?,
    };
    let gathered = job.run(&mut rule, printer).await?;
    printer.stdout(&gathered.line)?;
    if !gathered.upload.is_none_or(Upload::finish) {
        return Ok(Exit::Internal);
    }
    Ok(if gathered.whole { Exit::Pass } else { Exit::Inconclusive })
}

/// What came of a collection.
pub(crate) struct Gathered {
    pub(crate) sealed: Sealed,
    /// Where it is, and what is in it.
    pub(crate) line: String,
    /// What became of it where it was to go to S3.
    pub(crate) upload: Option<Upload>,
    /// Neither interrupted nor without any answer.
    pub(crate) whole: bool,
}

/// A collection, decided in every part.
pub(crate) struct Job {
    pub(crate) target: Target,
    pub(crate) aws: AwsArgs,
    pub(crate) connect: ConnectOptions,
    pub(crate) times: Times,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) loaded: Loaded,
    pub(crate) interrupt: Interrupt,
}

impl Job {
    /// Collects until the rule stops it, and seals.
    pub(crate) async fn run(self, rule: &mut dyn StopRule, printer: &Printer) -> Result<Gathered, Error> {
        let Self { target, aws: args, connect, times, clock, output, loaded, interrupt } = self;
        has_begun(&target.expected, clock.now())?;
        if let Some(unused) = &target.unused {
            printer.warn(unused);
        }
        let redactor = loaded.config.redact.redactor()?;
        let quotas = loaded.config.collect.quotas()?;
        let aws = Aws::connect(ConnectOptions {
            region: target.region.clone(),
            profile: args.profile.clone(),
            endpoint_url: args.endpoint_url.clone(),
            quotas,
            clock: Arc::clone(&clock),
            ..connect
        })
        .await?;
        let about = target.about(aws.region(), &times);
        is_of(&about)?;
        let destination = Destination::decide(output.as_deref(), || default_output(&target, clock.as_ref()))?;
        let store = destination.store(&aws, printer).await?;
        let mut info = RecordingInfo {
            region: Some(aws.region().to_owned()),
            cluster: about.cluster.clone(),
            service: Some(about.service.clone()),
            ingestion_grace_ms: Some(millis(times.ingestion_grace)),
            stable_for_ms: Some(millis(times.stable_for)),
            source: Some(format!("collected by {TOOL}")),
            ..RecordingInfo::default()
        }
        .expecting(&about.expected);
        args.record.as_deref().map_or(Ok(()), a_file)?;
        let mut record = args.record.as_deref().map(|dir| RecordingWriter::create(dir, &info)).transpose()?;
        let mut writer = BundleWriter::create(&destination.path)?;
        let assembly = Assembly::new(about, redactor, Retain::COLLECTOR);
        let section = args.gitlab.then(|| Section::begin("collect", "Collecting evidence", clock.now()));
        let mut reporter = Reporter::new();
        let maker = Maker { tool: TOOL.to_owned(), config: loaded.sealed_value()?, ci: ci_identity() };
        let (ends, asked) = (Arc::clone(&clock), aws.clone());
        let collection = Collection::new(Parts {
            aws,
            clock,
            pace: times.pace,
            budget: loaded.config.collect.budget(),
            maker: maker.clone(),
            named: target.named.clone(),
            assembly,
            writer: &mut writer,
            record: record.as_mut(),
            rule,
        });
        let interrupted = interrupt.caught("interrupted: sealing what there is (once more to stop at once)");
        let collected = collection.run(interrupted, &mut |progress| reporter.show(progress)).await;
        let sealing = interrupt.caught("interrupted: it is being sealed already (once more to stop at once)");
        reporter.finish();
        if let Some(section) = section {
            section.end(ends.now());
        }
        let Collected { assembly, reason, answered } = match collected {
            Ok(collected) => collected,
            Err(error) => {
                match &error {
                    CollectError::Target { .. } => writer.discard()?,
                    _ => say_what_is_left(writer.abandon()?, printer),
                }
                return Err(error.into());
            }
        };
        for remark in assembly.remarks().iter() {
            printer.warn(remark);
        }
        if let Some(skew) = asked.skew_ms().filter(|skew| is_off(*skew, ends.speed())) {
            printer.warn(&off(skew));
        }
        if reason == StopReason::Interrupted {
            printer.warn("interrupted: what was collected so far is sealed, and says so");
        }
        let recorded = match (&record, &args.record) {
            (Some(record), Some(dir)) => {
                info.stop_reason = Some(reason.name().to_owned());
                describe(record, dir, info, maker.config.as_ref())
            }
            _ => Ok(()),
        };
        // The evidence comes first, whatever became of the recording.
        let sealed = seal(&assembly, writer, reason.name(), &maker).inspect_err(|_| {
            say_what_is_left(recoverable(&destination.path), printer);
        })?;
        drop(sealing);
        if !answered {
            printer.warn("AWS gave no answer: the bundle holds nothing but what was tried");
        }
        let upload = Upload::put(&sealed.path, store, &interrupt, printer).await;
        recorded.inspect_err(|_| printer.warn(&format!("the bundle is sealed: {}", sealed.path.display())))?;
        let line = sealed_line(&sealed, upload.as_ref(), assembly.sources());
        Ok(Gathered { sealed, line, upload, whole: answered && reason != StopReason::Interrupted })
    }
}

/// Whether clocks differ by more than what is allowed for without a word, at that speed.
#[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^53")]
fn is_off(skew_ms: i64, speed: f64) -> bool {
    skew_ms.unsigned_abs() as f64 > 5_000.0 * speed.max(1.0)
}

fn off(skew_ms: i64) -> String {
    let (seconds, by) = (skew_ms.unsigned_abs() / 1000, if skew_ms < 0 { "ahead of" } else { "behind" });
    format!("the clock here is {seconds} s {by} AWS's, by which the evidence is timed: set it by NTP")
}

/// Completes a recording: what it is of, and the config that it is judged with.
fn describe(
    record: &RecordingWriter,
    dir: &Path,
    mut info: RecordingInfo,
    config: Option<&serde_json::Value>,
) -> Result<(), Error> {
    if let Some(config) = config {
        let text = toml::to_string(config).map_err(Error::internal)?;
        let path = dir.join("casefile.toml");
        std::fs::write(&path, text).map_err(Error::io("write", &path))?;
        info.config = Some("casefile.toml".to_owned());
    }
    Ok(record.describe(&info)?)
}

/// What was collected is not lost with a full disk.
fn say_what_is_left(partial: Option<PathBuf>, printer: &Printer) {
    if let Some(partial) = partial {
        printer.warn(&format!(
            "what was collected up to the last whole poll is kept: once it can be written, `casefile seal {}` makes a bundle of it",
            partial.display()
        ));
    }
}

/// `bf-manage-core-2026-11-23T07-43-00Z.bundle`, in the working directory.
fn default_output(target: &Target, clock: &dyn Clock) -> PathBuf {
    let service = target.named.service.rsplit('/').next().unwrap_or("service").to_owned();
    let now = clock.now().to_string().replace(':', "-");
    PathBuf::from(format!("{service}-{now}.bundle"))
}
