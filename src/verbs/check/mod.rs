//! `check lint`, `check new` and `check explain`: authoring.

mod explain;
mod new;

use casefile_analyzer::{lint, lint_deadlines, lint_signatures};

use super::{options, pack};
use crate::cli::{CheckVerb, Format, Global};
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::target;

pub(crate) async fn run(verb: &CheckVerb, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    super::only(printer, "check", &[Format::Terminal])?;
    match verb {
        CheckVerb::Lint => run_lint(global, printer).await,
        CheckVerb::New { id } => new::run(id, global, printer),
        CheckVerb::Explain { id: None, .. } => explain::list(global, printer),
        CheckVerb::Explain { id: Some(id), bundle: None } => explain::alone(id, global, printer),
        CheckVerb::Explain { id: Some(id), bundle: Some(bundle) } => explain::over(id, bundle, global, printer).await,
    }
}

async fn run_lint(global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(global)?;
    let loaded = Loaded::find(global.config.as_deref())?;
    loaded.check_target()?;
    let settings = loaded.config.settings();
    let mut problems = lint(&pack, &options(global, None)).await?;
    problems.extend(settings.validate(&pack).err().map(|errors| loaded.locate(errors)).unwrap_or_default());
    problems.extend(loaded.locate(lint_signatures(&settings)));
    let (timeout, grace) = (target::timeout(None, &loaded.config), target::ingestion_grace(None, &loaded.config));
    problems.extend(loaded.locate(lint_deadlines(&settings, timeout, grace)));
    if !problems.is_empty() {
        return Err(Error::Analyze(problems.into()));
    }
    let line = format!(
        "{} checks and {} signatures are sound  pack sha256:{}\n",
        pack.checks().len(),
        settings.signature.len(),
        pack.digest()
    );
    printer.result(|_| line)?;
    Ok(Exit::Pass)
}
