//! `test`: the regression corpus. Every case must give its expected result.

use std::sync::Arc;

use casefile_analyzer::{Analyzer, nearest};

use super::{check_reports, options, pack};
use crate::cli::Test;
use crate::corpus::{self, Tested};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::place::write_file;
use crate::render;

pub(crate) async fn run(args: &Test, printer: &Printer) -> Result<Exit, Error> {
    check_reports(&args.report, args.output.as_deref())?;
    let pack = pack(&args.judge.pack)?;
    let config = args.judge.config.config.as_deref();
    let mut cases = match &args.dir {
        Some(dir) => corpus::read(dir, &pack, config)?,
        None => corpus::built_in(&pack, config)?,
    };
    if !args.only.is_empty() {
        let matches = |text: &String| cases.iter().any(|case| case.name.contains(text));
        if let Some(none) = args.only.iter().find(|text| !matches(text)) {
            let near = nearest(none, cases.iter().map(|case| case.name.as_str()));
            let near = near.map(|near| format!(": did you mean {near:?}?")).unwrap_or_default();
            return Err(Error::usage(format!("no case has {none:?} in its name{near}")));
        }
        cases.retain(|case| args.only.iter().any(|text| case.name.contains(text)));
    }
    let options = options(&args.judge.engine, None);
    let analyzer = Analyzer::new(pack, &options).await?;
    let cases: Vec<Arc<corpus::Case>> = cases.into_iter().map(Arc::new).collect();
    let outcomes = corpus::judge(&cases, &analyzer, options.threads).await?;
    let mut accepted = Vec::new();
    if args.accept {
        for outcome in outcomes.iter().filter(|outcome| !outcome.differences.is_empty()) {
            corpus::accept(outcome)?;
            accepted.push(outcome.case.name.clone());
        }
    }
    let (tried, violations) = match args.mutate {
        Some(kinds) => {
            let (tried, violations) = corpus::mutate(&outcomes, &analyzer, kinds, args.seed, options.threads).await?;
            (Some(tried), violations)
        }
        None => (None, Vec::new()),
    };
    let tested = Tested {
        uncovered: corpus::uncovered(&outcomes, &analyzer),
        // Where only some cases are looked at, the rest is not missing.
        whole: !args.partial && args.only.is_empty(),
        outcomes,
        accepted,
        tried,
        violations,
    };
    for (format, path) in &args.report.reports {
        write_file(path, &render::corpus(&tested, *format, Printer::file_style())?)?;
    }
    printer.result(args.output.as_deref(), |style| render::corpus(&tested, args.report.format, style))?;
    Ok(if tested.is_good() { Exit::Pass } else { Exit::Fail })
}
