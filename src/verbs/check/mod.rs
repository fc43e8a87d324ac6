//! `check lint`, `check new` and `check explain`: authoring.

mod explain;
mod new;

use casefile_analyzer::{AnalyzeError, lint, lint_deadlines, lint_signatures};

use super::archive::locate;
use super::{options, pack};
use crate::cli::{CheckVerb, JudgeArgs, Lint};
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::LintFormat;
use crate::output::Printer;
use crate::render;
use crate::target::{check_target, ingestion_grace, timeout};

pub(crate) async fn run(verb: &CheckVerb, printer: &Printer) -> Result<Exit, Error> {
    match verb {
        CheckVerb::Lint(args) => run_lint(args, printer).await,
        CheckVerb::New { id, pack } => new::run(id, pack, printer),
        CheckVerb::Explain { id: None, judge, .. } => explain::list(judge, printer),
        CheckVerb::Explain { id: Some(id), bundle: None, judge, .. } => explain::alone(id, judge, printer),
        CheckVerb::Explain { id: Some(id), bundle: Some(bundle), from, judge } => {
            let located = locate(bundle, from).await?;
            explain::over(id, &located.path, judge, printer).await
        }
    }
}

async fn run_lint(args: &Lint, printer: &Printer) -> Result<Exit, Error> {
    let sound = match problems(&args.judge).await {
        Ok(sound) => Ok(sound),
        // Whatever is wrong with a file is a finding at its line.
        Err(Error::Analyze(AnalyzeError::Specification(problems))) => Err(problems),
        Err(other) => return Err(other),
    };
    match (args.format, sound) {
        (LintFormat::Codequality, sound) => {
            let problems = sound.err().unwrap_or_default();
            let here = std::env::current_dir().unwrap_or_default();
            printer.result(args.output.as_deref(), |_| render::codequality(&problems, &here))?;
            if problems.is_empty() {
                return Ok(Exit::Pass);
            }
            // The job's log tells them too.
            Err(Error::Analyze(problems.into()))
        }
        (LintFormat::Terminal, Ok(line)) => {
            printer.result(args.output.as_deref(), |_| Ok(line))?;
            Ok(Exit::Pass)
        }
        (LintFormat::Terminal, Err(problems)) => Err(Error::Analyze(problems.into())),
    }
}

/// Checks everything that needs no bundle. Gives a line that says what is sound.
async fn problems(args: &JudgeArgs) -> Result<String, Error> {
    let pack = pack(&args.pack)?;
    let loaded = Loaded::find(args.config.config.as_deref())?;
    check_target(&loaded)?;
    let settings = loaded.config.settings();
    let mut problems = lint(&pack, &options(&args.engine, None)).await?;
    problems.extend(settings.validate(&pack).err().map(|errors| loaded.locate(errors)).unwrap_or_default());
    problems.extend(loaded.locate(lint_signatures(&settings)));
    let (timeout, grace) = (timeout(None, &loaded.config), ingestion_grace(None, &loaded.config));
    problems.extend(loaded.locate(lint_deadlines(&settings, timeout, grace)));
    if !problems.is_empty() {
        return Err(Error::Analyze(problems.into()));
    }
    Ok(format!(
        "{} checks and {} signatures are sound  pack sha256:{}\n",
        pack.checks().len(),
        settings.signature.len(),
        pack.digest()
    ))
}
