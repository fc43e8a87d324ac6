//! Evidence + pack + settings = verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use casefile_evidence::tables::{LogEventRow, TargetRow};
use casefile_evidence::{Row, Timestamp};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::coverage::{Coverage, Gap, Scope};
use crate::decision::{conclude, decide};
use crate::error::{AnalyzeError, SpecError};
use crate::evidence::Evidence;
use crate::outcome::{self, EvidenceRow, Outcome};
use crate::pack::{Check, Conclusive, Pack};
use crate::prepared::Prepared;
use crate::rows;
use crate::sandbox::{Catalog, Dialect, Limits, RunError, collect, plan, session};
use crate::settings::{Expect, Settings};
use crate::signature::{self, Pattern};
use crate::statuses;
use crate::verdict::{BundleSummary, CheckVerdict, ConfigSummary, Engine, FORMAT, Kind, PackSummary, Target, Verdict};

/// How an analysis is run. None of it but `as_of` changes what it comes to, short of a limit that is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Judges as of this moment: nothing that was observed later exists.
    pub as_of: Option<Timestamp>,
    /// How many checks run at a time.
    pub threads: usize,
    /// Bytes that one check may hold.
    pub memory_limit: usize,
    /// How long one check may run.
    pub timeout: Duration,
    /// How many rows one check may give.
    pub row_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { as_of: None, threads: 1, memory_limit: 512 << 20, timeout: Duration::from_secs(30), row_limit: 10_000 }
    }
}

impl Options {
    pub(crate) fn limits(&self) -> Limits {
        Limits { memory: self.memory_limit, time: self.timeout, rows: self.row_limit }
    }
}

/// What came of running one check.
enum Ran {
    Rows(Vec<EvidenceRow>),
    /// It needs log lines, and they were not kept.
    NoLines,
    Broken(String),
}

/// A check that can be run.
struct Planned {
    context: SessionContext,
    plan: Arc<dyn ExecutionPlan>,
}

/// Judges evidence.
///
/// May be cancelled: nothing outlives it but what already runs to its next step.
///
/// # Errors
/// Where a check or a setting cannot be used, or the evidence cannot be read. A check that fails while
/// it runs is no error: it is an outcome of the verdict.
pub async fn analyze(
    evidence: &Evidence,
    pack: &Pack,
    settings: &Settings,
    options: &Options,
) -> Result<Verdict, AnalyzeError> {
    let patterns = settings.compile(pack)?;
    let limits = options.limits();
    let prepared = Prepared::new(evidence, &patterns, options.as_of, &limits).await?;
    let planned = plan_all(&prepared, pack, &limits, options.threads).await?;
    let ran = run_all(planned, pack, &prepared, &limits, options.threads).await;
    let bundle = BundleSummary {
        digest: evidence.bundle.as_ref().map(|bundle| bundle.digest().to_string()),
        format: evidence.bundle.as_ref().map(|bundle| bundle.manifest().format),
        target: Target::from(&prepared.target),
    };
    verdict(&prepared, pack, settings, &patterns, ran, bundle)
}

/// Plans every check against empty tables: what `check lint` does, without a bundle.
///
/// May be cancelled: nothing outlives it.
///
/// # Errors
/// Only by a fault of this program; what is wrong with the checks is the answer.
pub async fn lint(pack: &Pack) -> Result<Vec<SpecError>, AnalyzeError> {
    let evidence = Evidence::rows(vec![TargetRow::default().into()])?;
    let limits = Options::default().limits();
    let prepared = Prepared::new(&evidence, &[], None, &limits).await?;
    match plan_all(&prepared, pack, &limits, 1).await {
        Err(AnalyzeError::Specification(errors)) => Ok(errors),
        Err(other) => Err(other),
        Ok(_) => Ok(Vec::new()),
    }
}

/// Plans every check, up to `threads` at a time: for small evidence that is most of the work.
async fn plan_all(
    prepared: &Prepared,
    pack: &Pack,
    limits: &Limits,
    threads: usize,
) -> Result<Vec<Planned>, AnalyzeError> {
    let jobs = pack.checks().iter().map(|check| {
        let (check, catalog, limits) = (check.clone(), prepared.catalog.clone(), *limits);
        async move {
            let context = session(&catalog, Dialect::Check, &limits)?;
            let plan = plan_check(&context, &check, &catalog).await;
            Ok::<_, AnalyzeError>(plan.map(|plan| Planned { context, plan }))
        }
    });
    let mut planned = Vec::new();
    let mut errors = Vec::new();
    for job in in_order(jobs, threads).await {
        match job.unwrap_or_else(|| Err(AnalyzeError::internal("a check could not be planned")))? {
            Ok(plan) => planned.push(plan),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(planned) } else { Err(AnalyzeError::Specification(errors)) }
}

/// Runs jobs, up to `threads` at a time, and gives their answers in their order; `None` for one that
/// ended without an answer.
async fn in_order<F>(jobs: impl Iterator<Item = F>, threads: usize) -> Vec<Option<F::Output>>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(threads.max(1)));
    let mut running = JoinSet::new();
    let mut answers = Vec::new();
    for (place, job) in jobs.enumerate() {
        let permits = Arc::clone(&permits);
        answers.push(None);
        running.spawn(async move {
            let _permit = permits.acquire_owned().await;
            (place, job.await)
        });
    }
    while let Some(joined) = running.join_next().await {
        if let Ok((place, answer)) = joined
            && let Some(slot) = answers.get_mut(place)
        {
            *slot = Some(answer);
        }
    }
    answers
}

async fn plan_check(
    context: &SessionContext,
    check: &Check,
    catalog: &Catalog,
) -> Result<Arc<dyn ExecutionPlan>, SpecError> {
    let query = plan(context, Dialect::Check, &check.file, &check.sql, catalog.names()).await?;
    let line = check.query_line();
    rows::shape(&check.file, line, query.logical.schema().as_arrow())?;
    statuses::check(&check.file, line, &query.logical)?;
    if reads(&query.logical, LogEventRow::TABLE)
        && !check.header.requires.iter().any(|table| table == LogEventRow::TABLE)
    {
        let problem = "it reads log_events, and `requires` does not name it";
        return Err(SpecError::new(&check.file, problem, "add \"log_events\" to requires").at(line));
    }
    Ok(query.physical)
}

/// Whether a plan scans a table, wherever in it.
fn reads(plan: &LogicalPlan, table: &str) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::TableScan(scan) if scan.table_name.table() == table);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || walked.is_err()
}

/// Runs every check, up to `threads` at a time. The answers stand in the order of the pack.
async fn run_all(planned: Vec<Planned>, pack: &Pack, prepared: &Prepared, limits: &Limits, threads: usize) -> Vec<Ran> {
    let lacks_lines =
        |check: &Check| prepared.without_lines && check.header.requires.iter().any(|table| table == LogEventRow::TABLE);
    let jobs = planned.into_iter().zip(pack.checks()).map(|(planned, check)| {
        let (limits, lacks_lines) = (*limits, lacks_lines(check));
        async move { if lacks_lines { Ran::NoLines } else { run(planned, &limits).await } }
    });
    let lost = || Ran::Broken("it ended without an answer, which is a fault of casefile".to_owned());
    in_order(jobs, threads).await.into_iter().map(|ran| ran.unwrap_or_else(lost)).collect()
}

async fn run(planned: Planned, limits: &Limits) -> Ran {
    let ran: Result<Vec<RecordBatch>, RunError> = collect(&planned.context, planned.plan, limits).await;
    match ran {
        Ok(batches) => rows::read(&batches).map_or_else(Ran::Broken, Ran::Rows),
        Err(error) => Ran::Broken(error.to_string()),
    }
}

fn verdict(
    prepared: &Prepared,
    pack: &Pack,
    settings: &Settings,
    patterns: &[Pattern],
    ran: Vec<Ran>,
    bundle: BundleSummary,
) -> Result<Verdict, AnalyzeError> {
    let coverage = Coverage::new(&prepared.sources, &prepared.target, &prepared.tasks);
    let mut checks: Vec<CheckVerdict> =
        pack.checks().iter().zip(ran).map(|(check, ran)| check_verdict(check, ran, settings, &coverage)).collect();
    for (index, pattern) in patterns.iter().enumerate() {
        checks.push(signature_verdict(index, pattern, prepared, &coverage));
    }
    let conclusion = conclude(&checks);
    Verdict {
        format: FORMAT.to_owned(),
        digest: String::new(),
        verdict: conclusion,
        decision: decide(conclusion, &checks, settings, &prepared.target),
        bundle,
        as_of: prepared.target.window_to,
        engine: Engine::current(),
        pack: PackSummary { digest: pack.digest().to_string(), checks: pack.checks().len() },
        config: ConfigSummary {
            digest: settings.digest()?.to_string(),
            service: settings.service.clone(),
            owner: settings.owner.clone(),
            runbook: settings.runbook.clone(),
            signatures: settings.signature.len(),
        },
        checks,
        gaps: coverage.all_gaps(),
    }
    .sealed()
}

fn check_verdict(check: &Check, ran: Ran, settings: &Settings, coverage: &Coverage<'_>) -> CheckVerdict {
    let header = &check.header;
    let overrides = settings.checks.get(&header.id);
    let mut gaps: Vec<Gap> = header.requires.iter().flat_map(|table| coverage.gaps(table, Scope::default())).collect();
    gaps.sort();
    gaps.dedup();
    let (outcome, reason, rows) = match ran {
        Ran::Rows(rows) => {
            let (outcome, reason) = outcome::judge(&rows, &gaps, header.conclusive);
            (outcome, reason, rows)
        }
        Ran::NoLines => {
            (Outcome::Pending, "it judges log lines, which are judged once the bundle is sealed".to_owned(), Vec::new())
        }
        Ran::Broken(why) => (Outcome::Error, why, Vec::new()),
    };
    CheckVerdict {
        id: header.id.clone(),
        title: header.title.clone(),
        kind: Kind::Check,
        level: overrides.and_then(|settings| settings.level).unwrap_or(header.level),
        owner: overrides.and_then(|settings| settings.owner).unwrap_or(header.owner),
        conclusive: header.conclusive,
        outcome,
        reason,
        counts: BTreeMap::new(),
        rows: Vec::new(),
        rows_omitted: 0,
        unknown_because: if outcome == Outcome::Unknown { gaps } else { Vec::new() },
        advice: header.advice.clone(),
    }
    .with_rows(rows)
}

fn signature_verdict(index: usize, pattern: &Pattern, prepared: &Prepared, coverage: &Coverage<'_>) -> CheckVerdict {
    let judged = signature::judge(index, pattern, &prepared.matches, &prepared.tasks, &prepared.target, coverage);
    CheckVerdict {
        id: pattern.id.clone(),
        title: pattern.title.clone(),
        kind: Kind::Signature,
        level: pattern.level,
        owner: pattern.owner,
        conclusive: match pattern.expect {
            Expect::Failure => Conclusive::Fail,
            Expect::Success => Conclusive::Pass,
        },
        outcome: judged.outcome,
        reason: judged.reason,
        counts: BTreeMap::new(),
        rows: Vec::new(),
        rows_omitted: 0,
        unknown_because: judged.unknown_because,
        advice: pattern.advice.clone(),
    }
    .with_rows(judged.rows)
}
