//! Evidence + pack + settings = verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use casefile_evidence::Row;
use casefile_evidence::tables::LogEventRow;

use crate::again::Change;
use crate::error::{AnalyzeError, SpecError};
use crate::options::Options;
use crate::pack::{Check, Pack, findings};
use crate::plans::{PlannedCheck, Planning, Plans, in_order, source};
use crate::prepared::Prepared;
use crate::sandbox::{Planned, Refusal};
use crate::settings::Settings;
use crate::signature::{Compiled, Expect, LastCompiled, Matches, Pattern, Quorum, SIGNATURE_TABLES, Signature};
use crate::tables::{Evidence, History};
use crate::terms::{Conclusive, Owner, Status};
use crate::verdict::{
    self, BundleSummary, CheckVerdict, ConfigSummary, Coverage, Engine, EvidenceRow, FORMAT, Kind, Outcome,
    PackSummary, Release, RolloutSummary, Scene, Target, Verdict, conclude, decide, fill_tails, judge_history,
    judge_signature,
};

/// The result of running one check.
enum Ran {
    Rows(Vec<EvidenceRow>),
    /// It needs log lines, and they were not kept.
    NoLines,
    /// It was not run: the change of the rules has no effect on it.
    Kept(Box<CheckVerdict>),
    Broken(String),
}

/// A pack that is planned: ready to judge any evidence, as often as it is asked to.
#[derive(Debug, Clone)]
pub struct Analyzer {
    pack: Arc<Pack>,
    plans: Arc<Plans>,
    signatures: Arc<LastCompiled<Settings>>,
    /// Signatures before and after a change of their patterns.
    pub(crate) pairs: Arc<LastCompiled<Vec<(Signature, Signature)>>>,
}

impl Analyzer {
    /// Plans a pack. Of the options only the limits, the threads and the isolation matter.
    ///
    /// Cancel safe: a running query stops at its next batch.
    ///
    /// # Errors
    /// Every check that cannot be used.
    pub async fn new(pack: Pack, options: &Options) -> Result<Self, AnalyzeError> {
        let plans = Plans::new(&pack, options).await?;
        Ok(Self::of(pack, plans))
    }

    fn of(pack: Pack, plans: Plans) -> Self {
        Self { pack: Arc::new(pack), plans: Arc::new(plans), signatures: Arc::default(), pairs: Arc::default() }
    }

    /// The checks.
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// Whether a row of the check may say `status`. Some checks never say `fail`: a desired count of 0 is
    /// neither good nor bad.
    pub fn may_say(&self, id: &str, status: Status) -> bool {
        let planned = self.pack.checks().iter().zip(&self.plans.checks).find(|(check, _)| check.header.id == id);
        planned.is_some_and(|(_, planned)| planned.says().is_none_or(|says| says.contains(&status)))
    }

    /// Judges evidence.
    ///
    /// Cancel safe: a running query stops at its next batch.
    ///
    /// # Errors
    /// Where a setting cannot be used, or the evidence cannot be read. A check that fails while it runs is
    /// no error: it is an outcome of the verdict.
    pub async fn analyze(
        &self,
        evidence: &Evidence,
        settings: &Settings,
        options: &Options,
    ) -> Result<Verdict, AnalyzeError> {
        self.judge(evidence, None, None, settings, options).await
    }

    /// As [`Analyzer::analyze`], with the matches that were found while lines passed by, where the lines were not kept; and
    /// with a verdict of before a change of the rules, whose outcomes stay where the change has no effect on them.
    pub(crate) async fn judge(
        &self,
        evidence: &Evidence,
        matched: Option<&Matches>,
        base: Option<(&Verdict, &Change)>,
        settings: &Settings,
        options: &Options,
    ) -> Result<Verdict, AnalyzeError> {
        let signatures = self.signatures.of(settings, || settings.compile(&self.pack))?;
        let views = &self.plans.views;
        let prepared = Prepared::new(evidence, matched, views, &settings.rollout, &signatures, options).await?;
        self.judge_prepared(&prepared, evidence, base, settings, &signatures, options).await
    }

    async fn judge_prepared(
        &self,
        prepared: &Prepared,
        evidence: &Evidence,
        base: Option<(&Verdict, &Change)>,
        settings: &Settings,
        signatures: &Compiled,
        options: &Options,
    ) -> Result<Verdict, AnalyzeError> {
        let kept = |check: &Check, planned: &PlannedCheck| {
            let (base, change) = base?;
            let id = &check.header.id;
            let is_affected =
                change.checks.contains(id) || change.is_of_signatures() && planned.reads_any(&SIGNATURE_TABLES);
            base.checks
                .iter()
                .find(|of_base| of_base.id == *id && of_base.outcome != Outcome::Error && !is_affected)
                .cloned()
                .map(Box::new)
        };
        let ran = run_all(&self.plans, &self.pack, prepared, options, kept).await?;
        let bundle = BundleSummary {
            digest: evidence.bundle.as_ref().map(|bundle| bundle.digest().to_string()),
            format: evidence.bundle.as_ref().map(|bundle| bundle.manifest().format),
            ci: evidence.bundle.as_ref().map(|bundle| bundle.manifest().ci.clone()).unwrap_or_default(),
            target: Target::from(&prepared.target),
        };
        let history = evidence.history.clone();
        assemble(prepared, (&self.pack, &self.plans), settings, &signatures.patterns, ran, bundle, history)
    }
}

/// Judges evidence once: [`Analyzer`] in one call.
///
/// # Errors
/// As [`Analyzer::new`] and [`Analyzer::analyze`].
pub async fn analyze(
    evidence: &Evidence,
    pack: &Pack,
    settings: &Settings,
    options: &Options,
) -> Result<Verdict, AnalyzeError> {
    Planning::begin(pack, options)?.analyze(evidence, settings).await
}

impl Planning<'_> {
    /// Judges evidence once: as [`analyze`].
    ///
    /// Cancel safe: a running query stops at its next batch.
    ///
    /// # Errors
    /// As [`Analyzer::new`] and [`Analyzer::analyze`]. An error in the settings is told before one in a check.
    pub async fn analyze(mut self, evidence: &Evidence, settings: &Settings) -> Result<Verdict, AnalyzeError> {
        let (pack, options) = (self.pack, self.options);
        let signatures = Compiled::new(settings.compile(pack)?)?;
        let views = self.views().await?;
        // The views are computed and the lines are matched while the checks are planned.
        let prepared = Prepared::new(evidence, None, &views, &settings.rollout, &signatures, options);
        let (checks, prepared) = tokio::join!(self.checks(), prepared);
        let plans = Plans { checks: checks?, views };
        let analyzer = Analyzer::of(pack.clone(), plans);
        analyzer.judge_prepared(&prepared?, evidence, None, settings, &signatures, options).await
    }
}

/// Plans and lints every check, without a bundle: `check lint`.
///
/// May be cancelled: nothing outlives it.
///
/// # Errors
/// Only internal errors; problems of the checks are the result.
pub async fn lint(pack: &Pack, options: &Options) -> Result<Vec<SpecError>, AnalyzeError> {
    match Plans::new(pack, options).await {
        Err(AnalyzeError::Specification(errors)) => Ok(errors),
        Err(other) => Err(other),
        Ok(plans) => {
            let checks = pack.checks().iter().zip(&plans.checks);
            let of = |(check, planned): (&Check, &PlannedCheck)| match planned {
                PlannedCheck::Here(query) => findings(check, query.logical()),
                PlannedCheck::Apart(planned) => planned.findings.clone(),
            };
            Ok(checks.flat_map(of).collect())
        }
    }
}

/// Runs every check, up to `threads` at a time, and beside them those that have a process of their own. The answers
/// stand in the order of the pack.
async fn run_all(
    plans: &Plans,
    pack: &Pack,
    prepared: &Prepared,
    options: &Options,
    kept: impl Fn(&Check, &PlannedCheck) -> Option<Box<CheckVerdict>>,
) -> Result<Vec<Ran>, AnalyzeError> {
    let limits = options.limits();
    let lacks_lines =
        |check: &Check| prepared.without_lines && check.header.requires.iter().any(|table| table == LogEventRow::TABLE);
    let (mut ran, mut here, mut apart) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (place, (planned, check)) in plans.checks.iter().zip(pack.checks()).enumerate() {
        if let Some(kept) = kept(check, planned) {
            ran.insert(place, Ran::Kept(kept));
            continue;
        }
        match planned {
            _ if lacks_lines(check) => drop(ran.insert(place, Ran::NoLines)),
            PlannedCheck::Here(query) => here.push((place, Arc::clone(query))),
            PlannedCheck::Apart(planned) => apart.push((place, planned, check)),
        }
    }
    let jobs = here.iter().map(|(_, query)| {
        let (query, contents) = (Arc::clone(query), Arc::clone(&prepared.contents));
        let together = options.together.clone();
        async move {
            match query.run(&contents, &limits, together.as_ref()).await {
                Ok(batches) => verdict::read(&batches).map_or_else(Ran::Broken, Ran::Rows),
                Err(error) => Ran::Broken(error.to_string()),
            }
        }
    });
    let lost = || Ran::Broken("it ended without an answer, which is a fault of casefile".to_owned());
    let (here_ran, apart_ran) =
        tokio::join!(in_order(jobs, options.threads), run_apart(plans, &apart, prepared, options));
    ran.extend(here.iter().map(|(place, _)| *place).zip(here_ran.into_iter().map(|ran| ran.unwrap_or_else(lost))));
    ran.extend(apart.iter().map(|(place, ..)| *place).zip(apart_ran?));
    Ok(ran.into_values().collect())
}

async fn run_apart(
    plans: &Plans,
    checks: &[(usize, &Planned, &Check)],
    prepared: &Prepared,
    options: &Options,
) -> Result<Vec<Ran>, AnalyzeError> {
    let Some(isolation) = &options.isolation else {
        return Ok(checks.iter().map(|_| Ran::Broken("there is no process to run it in".to_owned())).collect());
    };
    let sources = checks.iter().map(|(.., check)| source(check)).collect();
    let mut contents = prepared.contents.as_ref().clone();
    contents.retain(|table| checks.iter().any(|(_, planned, _)| planned.reads.contains(table)));
    let answers = isolation.run(sources, &plans.views.catalog, &contents, options.limits()).await?;
    let ran = answers.into_iter().map(|answer| match answer {
        Ok(batches) => verdict::read(&batches).map_or_else(Ran::Broken, Ran::Rows),
        Err(Refusal::Refused(error)) => Ran::Broken(error.problem),
        Err(Refusal::Failed(error)) => Ran::Broken(error.to_string()),
    });
    Ok(ran.collect())
}

fn assemble(
    prepared: &Prepared,
    (pack, plans): (&Pack, &Plans),
    settings: &Settings,
    patterns: &[Pattern],
    ran: Vec<Ran>,
    bundle: BundleSummary,
    history: Option<History>,
) -> Result<Verdict, AnalyzeError> {
    let coverage = Coverage::new(prepared);
    let scene = Scene {
        tasks: &prepared.tasks,
        target: &prepared.target,
        coverage: &coverage,
        ended: prepared.ended,
        judged: &prepared.judged,
        wants_none: prepared.service.as_ref().is_some_and(|service| service.desired_count == Some(0)),
    };
    let checks = pack.checks().iter().zip(&plans.checks).zip(ran);
    let verdict = |(check, ran)| check_verdict(check, ran, settings, prepared, &coverage);
    let mut checks: Vec<CheckVerdict> = checks.map(verdict).collect();
    for (index, pattern) in patterns.iter().enumerate() {
        checks.push(signature_verdict(index, pattern, &prepared.matches, scene));
    }
    if let Some(history) = &history {
        checks.push(judge_history(history, settings, coverage.gaps_of([LogEventRow::TABLE])));
    }
    let conclusion = conclude(&checks);
    let gaps = coverage.all_gaps();
    Verdict {
        format: FORMAT.to_owned(),
        digest: String::new(),
        verdict: conclusion,
        decision: decide(conclusion, &checks, &gaps, settings, &prepared.target, &prepared.judged),
        bundle,
        release: Release { name: prepared.target.release.clone(), images: prepared.images.clone() },
        rollout: RolloutSummary::new(&prepared.judged, prepared.tasks_by_definition),
        impact: prepared.impact.clone(),
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
        gaps,
        history,
    }
    .sealed()
}

fn check_verdict(
    (check, planned): (&Check, &PlannedCheck),
    ran: Ran,
    settings: &Settings,
    prepared: &Prepared,
    coverage: &Coverage<'_>,
) -> CheckVerdict {
    let header = &check.header;
    let overrides = settings.checks.get(&header.id);
    let gaps = coverage.gaps_of(header.requires.iter().map(String::as_str));
    let (outcome, reason, rows) = match ran {
        Ran::Kept(kept) => return *kept,
        Ran::Rows(mut rows) => {
            let (outcome, reason) = verdict::judge(&rows, &gaps, header.conclusive);
            if ["task_id", "container"].iter().all(|column| planned.has_column(column)) {
                fill_tails(&mut rows, &prepared.matches.tails, &prepared.tasks, coverage);
            }
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
        owner: overrides.and_then(|settings| settings.owner).unwrap_or_else(|| owner_of(&rows, header.owner)),
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

/// The owner of a check whose rows may have owners of their own. Of several owners of failing rows the platform comes
/// first, because the service cannot mend its faults; then the service.
fn owner_of(rows: &[EvidenceRow], owner: Owner) -> Owner {
    let failing = || rows.iter().filter(|row| row.status == Status::Fail);
    let any = |wanted: Owner| failing().any(|row| row.owner.unwrap_or(owner) == wanted);
    [Owner::Platform, Owner::Service, Owner::Shared].into_iter().find(|wanted| any(*wanted)).unwrap_or(owner)
}

fn signature_verdict(index: usize, pattern: &Pattern, matches: &Matches, scene: Scene<'_>) -> CheckVerdict {
    let judged = judge_signature(index, pattern, matches, scene);
    CheckVerdict {
        id: pattern.id.clone(),
        title: pattern.title.clone(),
        kind: Kind::Signature,
        level: pattern.level,
        // A service that never ran could not log: whose fault that is, other checks tell.
        owner: if judged.nobody_ran { Owner::Shared } else { pattern.owner },
        conclusive: match (pattern.expect, pattern.quorum) {
            (Expect::Failure, _) => Conclusive::Fail,
            (Expect::Success, Quorum::Once | Quorum::Any) => Conclusive::Pass,
            (Expect::Success, Quorum::Every) => Conclusive::None,
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
