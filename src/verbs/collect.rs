//! `collect`: AWS to a bundle. `validate` and `demo` share it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use casefile_collector::aws::{Aws, ConnectOptions};
use casefile_collector::clock::Clock;
use casefile_collector::collect::{
    CollectError, Collected, Collection, Maker, Parts, SettledRule, StopReason, StopRule,
};
use casefile_collector::normalise::Assembly;
use casefile_collector::recording::{RecordingInfo, RecordingWriter};
use casefile_collector::seal;
use casefile_evidence::{BundleWriter, Sealed, recoverable};

use super::import::sealed_line;
use super::{TOOL, redactor};
use crate::cli::{AwsArgs, Collect};
use crate::config::Loaded;
use crate::destination::{Destination, Upload};
use crate::error::Error;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::place::a_file;
use crate::progress::{Reporter, Section};
use crate::target::{Target, Times, ci_identity, clock, has_begun, is_of, millis};

pub(crate) async fn run(args: &Collect, printer: &Printer) -> Result<Exit, Error> {
    let loaded = Loaded::find(args.config.config.as_deref())?;
    let times = Times::decide(&args.pace, &loaded.config)?;
    if args.dry_run {
        return super::dry_run::run(args, &loaded, &times, printer).await;
    }
    let mut rule = SettledRule::new(times.stable_for);
    let job = Job {
        target: Target::decide(&args.target, &loaded.config)?,
        aws: args.aws.clone(),
        connect: ConnectOptions::default(),
        times,
        clock: clock(&args.pace)?,
        output: args.output.output.clone(),
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

/// The result of a collection.
pub(crate) struct Gathered {
    pub(crate) sealed: Sealed,
    /// Its place and its contents, in a line.
    pub(crate) line: String,
    /// The result of the upload, if it goes to S3.
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
        let redactor = redactor(&loaded)?;
        let quotas = loaded.config.collect.quotas()?;
        let aws = Aws::connect(ConnectOptions {
            region: target.region.clone(),
            profile: args.connect.profile.clone(),
            endpoint_url: args.connect.endpoint_url.clone(),
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
        let maker = Maker { tool: TOOL.to_owned(), config: loaded.sealed_value()?, ci: ci_identity() };
        let mut record = match &args.record {
            Some(dir) => Some(recording(dir, &mut info, maker.config.as_ref())?),
            None => None,
        };
        let mut writer = BundleWriter::create(&destination.path)?;
        let assembly = Assembly::new(about, redactor);
        let section = args.gitlab.then(|| Section::begin("collect", "Collecting evidence", clock.now()));
        let mut reporter = Reporter::new();
        let (ends, asked) = (Arc::clone(&clock), aws.clone());
        let collection = Collection::new(Parts {
            aws,
            clock,
            pace: times.pace,
            budget: loaded.config.collect.budget(),
            logs_insights: loaded.config.collect.logs_insights.unwrap_or(true),
            maker: maker.clone(),
            named: target.named.clone(),
            assembly,
            writer: &mut writer,
            record: record.as_mut(),
            rule,
        });
        let interrupted =
            interrupt.caught("interrupted: sealing the evidence so far (interrupt again to stop at once)");
        let collected = collection.run(interrupted, &mut |progress| reporter.show(progress)).await;
        let sealing = interrupt.caught("interrupted: already sealing (interrupt again to stop at once)");
        drop(reporter);
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
            printer.warn("interrupted: the evidence so far is sealed, and marked as interrupted");
        }
        info.stop_reason = Some(reason.name().to_owned());
        let recorded = record.map_or(Ok(()), |record| record.describe(&info));
        // Seal the evidence even if the recording failed.
        let sealed = seal(&assembly, writer, reason.name(), &maker).inspect_err(|_| {
            say_what_is_left(recoverable(&destination.path), printer);
        })?;
        drop(sealing);
        if !answered {
            printer.warn("AWS gave no answer: the bundle holds only the failed calls");
        }
        let upload = Upload::put(&sealed.path, store, &interrupt, printer).await;
        recorded.inspect_err(|_| printer.warn(&format!("the bundle is sealed: {}", sealed.path.display())))?;
        let line = sealed_line(&sealed, upload.as_ref(), assembly.coverage().sources());
        Ok(Gathered { sealed, line, upload, whole: answered && reason != StopReason::Interrupted })
    }
}

/// Whether clocks differ by more than the tolerance, at that speed.
#[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^53")]
fn is_off(skew_ms: i64, speed: f64) -> bool {
    skew_ms.unsigned_abs() as f64 > 5_000.0 * speed.max(1.0)
}

fn off(skew_ms: i64) -> String {
    let (seconds, by) = (skew_ms.unsigned_abs() / 1000, if skew_ms < 0 { "ahead of" } else { "behind" });
    format!("the clock here is {seconds} s {by} AWS's, by which the evidence is timed: set it by NTP")
}

/// Begins a recording, with the config that it is judged with: whole, should this program be killed.
fn recording(
    dir: &Path,
    info: &mut RecordingInfo,
    config: Option<&serde_json::Value>,
) -> Result<RecordingWriter, Error> {
    info.config = config.map(|_| CONFIG.to_owned());
    let record = RecordingWriter::create(dir, info)?;
    if let Some(config) = config {
        let text = toml::to_string(config).map_err(Error::internal)?;
        let path = dir.join(CONFIG);
        std::fs::write(&path, text).map_err(Error::io("write", &path))?;
    }
    Ok(record)
}

/// The config of a recording.
const CONFIG: &str = "casefile.toml";

/// Names the partial bundle, which survives a full disk.
fn say_what_is_left(partial: Option<PathBuf>, printer: &Printer) {
    if let Some(partial) = partial {
        printer.warn(&format!(
            "the evidence up to the last whole poll is kept: when there is room again, `casefile seal {}` makes a bundle of it",
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
