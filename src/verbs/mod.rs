//! One file a verb.

mod analyze;
mod check;
mod collect;
mod demo;
mod dry_run;
pub(crate) mod import;
mod inspect;
mod query;
mod redact;
mod replay;
mod sandbox;
mod seal;
mod test;
mod validate;
mod verify;

use std::path::Path;

use casefile_analyzer::{Evidence, Options, Pack, Settings, Verdict};
use casefile_evidence::{Bundle, Timestamp};
use clap::Parser;

use crate::cli::{Cli, Format, Global, LogFormat, ReportArgs, Verb};
use crate::config::{Loaded, Origin};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Printer, log_json, write_file};
use crate::render;

/// This program, as bundles and recordings name it.
pub(crate) const TOOL: &str = concat!("casefile ", env!("CARGO_PKG_VERSION"));

/// Runs the command line.
pub(crate) fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; the rest is a usage error. clap prints each where it belongs.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Pass };
        }
    };
    let printer = Printer::new(&cli.global);
    init_log(cli.global.verbose, cli.global.log_format);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Printer::error(&Error::internal(error));
            return Exit::Internal;
        }
    };
    let outcome = runtime.block_on(dispatch(&cli, &printer));
    // What was cancelled need not be waited for.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| {
        Printer::error(&error);
        error.exit()
    })
}

async fn dispatch(cli: &Cli, printer: &Printer) -> Result<Exit, Error> {
    let global = &cli.global;
    match &cli.verb {
        Verb::Demo(args) => demo::run(args, global, printer).await,
        Verb::Collect(args) => collect::run(args, global, printer).await,
        Verb::Import(args) => import::run(args, global, printer).await,
        Verb::Redact(args) => redact::run(&args.bundle, global, printer).await,
        Verb::Seal { partial } => seal::run(partial, printer),
        Verb::Analyze(args) => analyze::run(args, global, printer).await,
        Verb::Validate(args) => validate::run(args, global, printer).await,
        Verb::Replay(args) => replay::run(args, global, printer).await,
        Verb::Query(args) => query::run(args, global, printer).await,
        Verb::Inspect(args) => inspect::run(&args.bundle, printer),
        Verb::Verify(args) => verify::run(&args.bundle, printer),
        Verb::Test(args) => test::run(args, global, printer).await,
        Verb::Check(args) => check::run(&args.verb, global, printer).await,
        Verb::Sandbox => sandbox::run().await,
    }
}

fn init_log(verbose: u8, format: LogFormat) {
    let filter = match verbose {
        0 => "warn,aws_config=error,aws_runtime=error",
        1 => "warn,casefile=debug,casefile_collector=debug,casefile_analyzer=debug",
        _ => "info,casefile=trace,casefile_collector=trace,casefile_analyzer=trace,aws_smithy_runtime=debug",
    };
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_target(verbose > 1)
        .without_time();
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => {
            log_json();
            log.json().try_init()
        }
    };
}

/// The checks: the built-in ones, or those of `--queries`.
pub(crate) fn pack(global: &Global) -> Result<Pack, Error> {
    let pack = match &global.queries {
        Some(folder) => Pack::from_dir(folder),
        None => Pack::embedded(),
    };
    let pack = match &global.extra_queries {
        Some(folder) => pack.and_then(|pack| pack.with_dir(folder)),
        None => pack,
    };
    pack.map_err(|errors| Error::Analyze(errors.into()))
}

/// The engine's settings.
pub(crate) fn options(global: &Global, as_of: Option<Timestamp>) -> Options {
    let mut options = Options { as_of, isolation: sandbox::isolation(), ..Options::default() };
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    options.threads = global.threads.map_or_else(available, usize::from);
    options
}

/// A bundle, with the config that judges it.
pub(crate) struct Opened {
    pub(crate) bundle: Bundle,
    pub(crate) evidence: Evidence,
    pub(crate) settings: Settings,
}

/// Opens a bundle, checking all of it, and finds its config, which is checked against the pack where one is
/// to be judged by.
pub(crate) fn open(path: &Path, pack: Option<&Pack>, global: &Global, printer: &Printer) -> Result<Opened, Error> {
    let bundle = Bundle::open(path)?;
    let loaded = Loaded::for_bundle(global.config.as_deref(), bundle.manifest().config.as_ref())?;
    match &loaded.origin {
        Some(Origin::Bundle) if global.verbose > 0 => printer.note("judging with the config sealed into the bundle"),
        None => printer.warn("no config: neither the bundle nor --config gives one, so no log signature is judged"),
        _ => {}
    }
    if let Some(pack) = pack {
        loaded.check(pack)?;
    }
    let evidence = Evidence::bundle(&bundle)?;
    Ok(Opened { bundle, evidence, settings: loaded.config.settings() })
}

/// Prints a verdict and writes the further reports; the exit code says what it is.
pub(crate) fn report(verdict: &Verdict, args: &ReportArgs, printer: &Printer) -> Result<Exit, Error> {
    further_reports(verdict, args)?;
    printer.try_result(|style| render::verdict(verdict, printer.format, style))?;
    Ok(exit_of(verdict))
}

/// As [`report`], for verbs whose `--output` is the bundle: the verdict goes to standard output.
pub(crate) fn report_to_stdout(verdict: &Verdict, args: &ReportArgs, printer: &Printer) -> Result<Exit, Error> {
    further_reports(verdict, args)?;
    printer.stdout(&render::verdict(verdict, printer.format, printer.style())?)?;
    Ok(exit_of(verdict))
}

fn further_reports(verdict: &Verdict, args: &ReportArgs) -> Result<(), Error> {
    args.reports
        .iter()
        .try_for_each(|(format, path)| write_file(path, &render::verdict(verdict, *format, Printer::file_style())?))
}

fn exit_of(verdict: &Verdict) -> Exit {
    use casefile_analyzer::Conclusion;
    match verdict.verdict {
        Conclusion::Pass => Exit::Pass,
        Conclusion::Fail => Exit::Fail,
        Conclusion::Inconclusive => Exit::Inconclusive,
        Conclusion::Error => Exit::CheckError,
    }
}

/// Refuses a format that a verb has no use for.
pub(crate) fn only(printer: &Printer, verb: &str, formats: &[Format]) -> Result<(), Error> {
    if formats.contains(&printer.format) {
        return Ok(());
    }
    let known: Vec<String> = formats.iter().map(|format| format!("{format:?}").to_lowercase()).collect();
    Err(Error::usage(format!("{verb} prints {} only: choose one with --format", known.join(", "))))
}
