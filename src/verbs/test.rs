//! `test`: the regression corpus. Every case must give what it says.

use std::sync::Arc;

use casefile_analyzer::{Analyzer, Level};

use super::{options, pack};
use crate::cli::{Global, Test};
use crate::corpus;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Printer, write_file};
use crate::render::{self, Tested};

pub(crate) async fn run(args: &Test, global: &Global, printer: &Printer) -> Result<Exit, Error> {
    let pack = pack(global)?;
    let config = global.config.as_deref();
    let mut cases = match &args.dir {
        Some(dir) => corpus::read(dir, &pack, config)?,
        None => corpus::built_in(&pack, config)?,
    };
    if !args.only.is_empty() {
        cases.retain(|case| args.only.iter().any(|text| case.name.contains(text)));
        if cases.is_empty() {
            return Err(Error::usage(format!("no case has {} in its name", args.only.join(" or "))));
        }
    }
    let options = options(global, None);
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
    printer.try_result(|style| render::corpus(&tested, printer.format, style))?;
    Ok(if tested.is_good() { Exit::Pass } else { Exit::Fail })
}

impl Tested {
    /// Whether every case gives what it says (or was made to), every blocking check is tried both ways, and no
    /// mutation found anything.
    pub(crate) fn is_good(&self) -> bool {
        let differs =
            |outcome: &corpus::Outcome| !outcome.differences.is_empty() && !self.accepted.contains(&outcome.case.name);
        !self.outcomes.iter().any(differs) && self.lacking().next().is_none() && self.violations.is_empty()
    }

    /// Blocking checks that are not tried both ways, where they have to be.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = &corpus::Uncovered> {
        self.uncovered.iter().filter(|check| self.whole && check.level == Level::Block)
    }
}
