//! One file a verb.

mod analyze;
pub(crate) mod archive;
mod attest;
mod backtest;
mod check;
mod collect;
mod demo;
mod doctor;
mod dry_run;
mod gate;
mod import;
mod init;
mod inspect;
mod look;
mod mine;
mod query;
mod redact;
mod replay;
mod reproduce;
mod sandbox;
mod seal;
mod site;
mod test;
mod validate;
mod verify;

use std::path::{Path, PathBuf};

use casefile_analyzer::{Evidence, Level, NEW_ERRORS, Options, Pack, Settings, Verdict};
use casefile_collector::redact::Redactor;
use casefile_evidence::{Bundle, Timestamp};
use clap::Parser;

use crate::cli::{Cli, ConfigArg, EngineArgs, PackArgs, ReportArgs, Verb};
use crate::config::{Loaded, Origin};
use crate::error::Error;
use crate::exit::Exit;
use crate::format::{Format, LogFormat};
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::place::{STDOUT, can_be_written, outside_of_bundles, write_file};
use crate::progress::Working;
use crate::render::{Scene, Style};
use crate::{panics, render, say, target};

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
            say::error(&Error::internal(error));
            return Exit::Internal;
        }
    };
    let outcome = runtime.block_on(dispatch(&cli, &printer));
    // Do not wait for cancelled work.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| {
        say::error(&error);
        error.exit()
    })
}

/// What a verb that takes its time is doing; `None` if the verb is quick, or reports progress itself.
fn doing(verb: &Verb) -> Option<&'static str> {
    Some(match verb {
        Verb::Import(_) => "reading the recording",
        Verb::Redact(_) => "redacting",
        Verb::Analyze(_) | Verb::Report(_) => "evaluating the checks",
        Verb::Replay(_) => "judging each moment",
        Verb::Query(args) if args.sql.is_some() => "running the query",
        Verb::Inspect(_) | Verb::Verify(_) => "checking",
        Verb::Test(_) => "judging the cases",
        Verb::Check(_) => "planning the checks",
        Verb::Reproduce(_) => "evaluating the checks again",
        Verb::Diff(_) => "comparing",
        Verb::Archive(_) => "working on the archive",
        Verb::Site(_) => "writing the pages",
        Verb::Backtest(_) => "planning the checks",
        Verb::Mine(_) => "reading log lines",
        Verb::Init(_) => "asking for the service and its first log lines",
        Verb::Doctor(_) => "asking AWS",
        _ => return None,
    })
}

async fn dispatch(cli: &Cli, printer: &Printer) -> Result<Exit, Error> {
    let _working = doing(&cli.verb).map(Working::begin);
    match &cli.verb {
        Verb::Demo(args) => demo::run(args, printer).await,
        Verb::Collect(args) => collect::run(args, printer).await,
        Verb::Import(args) => import::run(args, printer).await,
        Verb::Redact(args) => redact::run(args, printer).await,
        Verb::Seal { partial } => seal::run(partial, printer),
        Verb::Analyze(args) => analyze::run(args, printer).await,
        Verb::Report(args) => analyze::page(args, printer).await,
        Verb::Validate(args) => validate::run(args, printer).await,
        Verb::Init(args) => until_interrupted(init::run(args, printer)).await,
        Verb::Doctor(args) => until_interrupted(doctor::run(args, printer)).await,
        Verb::Replay(args) => replay::run(args, printer).await,
        Verb::Query(args) => query::run(args, printer).await,
        Verb::Inspect(args) => inspect::run(args, printer).await,
        Verb::Verify(args) => verify::run(args, printer).await,
        Verb::Test(args) => test::run(args, printer).await,
        Verb::Check(args) => check::run(&args.verb, printer).await,
        Verb::Reproduce(args) => reproduce::run(args, printer).await,
        Verb::Diff(args) => reproduce::diff(args, printer).await,
        Verb::Attest(args) => attest::run(args, printer).await,
        Verb::Backtest(args) => until_interrupted(backtest::run(args, printer)).await,
        Verb::Mine(args) => until_interrupted(mine::run(args, printer)).await,
        Verb::Archive(args) => archive::run(&args.verb, printer).await,
        Verb::Site(args) => site::run(args, printer).await,
        Verb::Gate(args) => gate::run(&args.verb, printer).await,
        Verb::Completions { shell } => completions(*shell, printer),
        Verb::Man { folder } => man(folder, printer),
        #[cfg(feature = "cluster")]
        Verb::Cluster(role) => until_interrupted(crate::cluster::run_role(role, printer)).await,
        Verb::Sandbox => sandbox::run().await,
    }
}

/// Runs what leaves nothing behind when it is dropped.
async fn until_interrupted(run: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    let interrupt = Interrupt::watch()?;
    tokio::select! {
        biased;
        () = interrupt.caught("interrupted") => Ok(Exit::Internal),
        done = run => done,
    }
}

/// The completions of a shell.
fn completions(shell: clap_complete::Shell, printer: &Printer) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut <Cli as clap::CommandFactory>::command(), "casefile", &mut script);
    printer.stdout(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Pass)
}

/// The man pages, one for each verb.
fn man(folder: &Path, printer: &Printer) -> Result<Exit, Error> {
    // Some file in it.
    outside_of_bundles(&folder.join("casefile.1"))?;
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(<Cli as clap::CommandFactory>::command(), folder));
    written.map_err(Error::io("write", folder))?;
    printer.stdout(&format!("{}: man pages of every verb\n", folder.display()))?;
    Ok(Exit::Pass)
}

fn init_log(verbose: u8, format: LogFormat) {
    let filter = match verbose {
        0 => "warn,aws_config=error,aws_runtime=error",
        1 => "warn,casefile=debug,casefile_collector=debug,casefile_analyzer=debug",
        _ => "info,casefile=trace,casefile_collector=trace,casefile_analyzer=trace,aws_smithy_runtime=debug",
    };
    let log = tracing_subscriber::fmt()
        .with_writer(|| say::Stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_target(verbose > 1)
        .without_time();
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => {
            say::log_json();
            log.json().try_init()
        }
    };
}

/// The checks: the built-in ones, or those of `--queries`.
pub(crate) fn pack(args: &PackArgs) -> Result<Pack, Error> {
    let pack = match &args.queries {
        Some(folder) => Pack::from_dir(folder),
        None => Pack::embedded(),
    };
    let pack = match &args.extra_queries {
        Some(folder) => pack.and_then(|pack| pack.with_dir(folder)),
        None => pack,
    };
    pack.map_err(|errors| Error::Analyze(errors.into()))
}

/// A pack as an archive keeps it.
pub(crate) fn kept_pack(bytes: &[u8]) -> Result<Pack, Error> {
    pack_of(
        &serde_json::from_slice(bytes).map_err(|error| Error::usage(format!("the checks of the archive: {error}")))?,
    )
}

/// The same, of JSON that was read.
pub(crate) fn pack_of(kept: &serde_json::Value) -> Result<Pack, Error> {
    let files = serde_json::from_value(kept["checks"].clone())
        .map_err(|error| Error::usage(format!("the checks of the archive: {error}")))?;
    Pack::from_files("archive", files).map_err(|errors| Error::Analyze(errors.into()))
}

/// The engine's settings.
pub(crate) fn options(args: &EngineArgs, as_of: Option<Timestamp>) -> Options {
    let mut options = Options { as_of, isolation: sandbox::isolation(), ..Options::default() };
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    options.threads = args.threads.map_or_else(available, usize::from);
    options
}

/// Says that the check of a history blocks, where there is none.
pub(crate) fn not_compared(settings: &Settings, remedy: &str, printer: &Printer) {
    let level = settings.checks.get(NEW_ERRORS).and_then(|settings| settings.level);
    if level == Some(Level::Block) {
        printer.warn(&format!("{NEW_ERRORS} blocks, and is not judged: {remedy}"));
    }
}

/// The redactor of the config. From now on it also redacts messages of internal errors.
pub(crate) fn redactor(loaded: &Loaded) -> Result<Redactor, Error> {
    let redactor = loaded.config.redact.redactor()?;
    panics::redact_with(&redactor);
    Ok(redactor)
}

/// A bundle, with the config that judges it.
pub(crate) struct Opened {
    pub(crate) bundle: Bundle,
    pub(crate) evidence: Evidence,
    pub(crate) settings: Settings,
}

/// Opens a bundle, checking all of it, and finds its config, which is checked against the pack where one is
/// to be judged by.
pub(crate) fn open(path: &Path, pack: Option<&Pack>, config: &ConfigArg, printer: &Printer) -> Result<Opened, Error> {
    let bundle = Bundle::open(path)?;
    let loaded = Loaded::for_bundle(config.config.as_deref(), bundle.manifest().config.as_ref())?;
    match &loaded.origin {
        Some(Origin::Bundle) if printer.verbose => printer.note("judging with the config sealed into the bundle"),
        None => printer.warn("no config: neither the bundle nor --config gives one, so no log signature is judged"),
        _ => {}
    }
    if let Some(pack) = pack {
        target::check(&loaded, pack)?;
    }
    let evidence = Evidence::bundle(&bundle)?;
    Ok(Opened { bundle, evidence, settings: loaded.config.settings() })
}

/// Prints a verdict and writes the further reports. Returns the verdict's exit code.
pub(crate) fn report(
    verdict: &Verdict,
    bundle: &Bundle,
    args: &ReportArgs,
    file: Option<&Path>,
    printer: &Printer,
) -> Result<Exit, Error> {
    let written = further_reports(verdict, bundle, None, args);
    // The verdict is printed though a report could not be written.
    printer.result(file, |style| rendered(verdict, bundle, args.format, style))?;
    written.map(|()| exit_of(verdict))
}

/// As [`report`], for verbs whose `--output` is the bundle, which is at `place`: the verdict goes to standard output.
/// `gitlab`: in the form that the log of a GitLab job needs.
pub(crate) fn report_to_stdout(
    verdict: &Verdict,
    bundle: &Bundle,
    place: &Path,
    args: &ReportArgs,
    gitlab: bool,
    printer: &Printer,
) -> Result<Exit, Error> {
    let written = further_reports(verdict, bundle, Some(place), args);
    let text = if gitlab && args.format == Format::Terminal {
        render::job_log(verdict, render::report_url(verdict, &args.reports).as_deref(), printer.style())
    } else {
        rendered(verdict, bundle, args.format, printer.style())?
    };
    printer.stdout(&text)?;
    written.map(|()| exit_of(verdict))
}

/// Refuses reports that cannot be written, before the work is done. `output`: where the result goes.
pub(crate) fn check_reports(args: &ReportArgs, output: Option<&Path>) -> Result<(), Error> {
    let mut taken = std::collections::BTreeSet::new();
    let result = output.unwrap_or(Path::new(STDOUT));
    for path in args.reports.iter().map(|(_, path)| path.as_path()).chain([result]) {
        can_be_written(path)?;
        let place = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if !taken.insert(place.canonicalize().unwrap_or(place)) {
            return Err(Error::usage(format!("two results go to {}: give each a file of its own", path.display())));
        }
    }
    Ok(())
}

fn further_reports(verdict: &Verdict, bundle: &Bundle, place: Option<&Path>, args: &ReportArgs) -> Result<(), Error> {
    for (format, path) in &args.reports {
        let text = match format {
            Format::Annotations => render::annotations(verdict, &args.reports, place)?,
            Format::Junit => render::junit(verdict, attachment(&args.reports))?,
            _ => rendered(verdict, bundle, *format, Printer::file_style())?,
        };
        write_file(path, &text)?;
    }
    Ok(())
}

/// What a test case of JUnit shows besides its text: the HTML report, by its path in the project.
fn attachment(reports: &[(Format, PathBuf)]) -> Option<&Path> {
    reports.iter().find(|(format, _)| *format == Format::Html).map(|(_, path)| path.as_path())
}

/// A verdict over a bundle: the HTML report draws the rollout.
fn rendered(verdict: &Verdict, bundle: &Bundle, format: Format, style: Style) -> Result<String, Error> {
    match format {
        Format::Html => Ok(render::html(verdict, Some(&Scene::of(bundle, verdict)?))),
        _ => render::verdict(verdict, format, style),
    }
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
