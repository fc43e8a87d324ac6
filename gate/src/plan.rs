//! The whole picture of a train: what may go where now, what holds and until when, what refuses.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::Outcome;
use crate::decision::{Decision, Reason};
use crate::error::GateError;
use crate::judge::judge;
use crate::marker::Marker;
use crate::policy::Policy;
use crate::question::{Inputs, Kind, Question};
use crate::record::Record;
use crate::region::{CLOCKS_DIFFER_MS, Running};
use crate::train::Train;

/// How far a release has come in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs there, and has passed.
    Passed,
    /// It runs there, and has failed.
    Failed,
    /// It runs there, and its verdict is neither pass nor fail.
    Undecided,
    /// Its deployment has begun, and has no verdict yet.
    Deploying,
    /// It may go there now.
    Proceed,
    /// Not now.
    Hold,
    /// Not unless a person acts, or there is another release.
    Refuse,
}

/// A release of a service that is planned for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The release's name.
    pub release: String,
    /// The number of its pipeline.
    pub sequence: Option<i64>,
    /// The project that `sequence` counts in.
    pub project: Option<String>,
}

impl Planned {
    /// A release by its name, with the pipeline that the verdicts of the service name for it.
    pub fn named(release: &str, service: &str, records: &[Record]) -> Self {
        let of_release = |record: &&Record| record.service == service && record.release.as_deref() == Some(release);
        let newest = records.iter().filter(of_release).max_by_key(|record| record.sequence);
        Self {
            release: release.to_owned(),
            sequence: newest.and_then(|record| record.sequence),
            project: newest.and_then(|record| record.project.clone()),
        }
    }

    /// The release of the service that was deployed last, in any region.
    pub fn newest(service: &str, records: &[Record]) -> Option<Self> {
        let deployed =
            |record: &&Record| record.service == service && record.release.is_some() && !record.nothing_deployed;
        let newest = records.iter().filter(deployed).max_by_key(|record| (record.created_at, record.as_of))?;
        Some(Self::named(newest.release.as_deref()?, service, records))
    }
}

/// A region of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The service.
    pub service: String,
    /// The region.
    pub region: String,
    /// Its wave, from 1.
    pub wave: usize,
    /// The release.
    pub release: Option<String>,
    /// How far it has come.
    pub state: State,
    /// Why, the worst first.
    pub reasons: Vec<Reason>,
    /// The earliest moment at which a hold turns without a further verdict or act; null if there is none.
    pub next_at: Option<Timestamp>,
}

/// That a service needs another one somewhere, or that a wave follows another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Arrow {
    /// What goes first: service and region.
    pub before: (String, String),
    /// What waits for it.
    pub after: (String, String),
    /// `wave` or `need`.
    pub because: String,
}

/// The picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `casefile-plan/1`.
    pub format: String,
    /// The moment.
    pub now: Timestamp,
    /// Each region of each service, those first that others wait for.
    pub steps: Vec<Step>,
    /// What waits for what.
    pub arrows: Vec<Arrow>,
    /// The version of casefile.
    pub engine: String,
}

impl Plan {
    /// The value of `format`.
    pub const FORMAT: &'static str = "casefile-plan/1";
}

/// The questions that a plan asks, each with its policy.
///
/// # Errors
/// A policy that is wrong.
pub fn questions<'a>(
    train: &'a Train,
    releases: &BTreeMap<String, Planned>,
) -> Result<Vec<(Question, &'a Policy)>, GateError> {
    let needs = names(releases);
    let mut questions = Vec::new();
    for (service, planned) in releases {
        let policy = train.policy(service)?;
        for region in policy.waves.iter().flatten() {
            let asked = |kind| (question(kind, service, region, planned, &needs), policy);
            questions.extend([asked(Kind::Region), asked(Kind::Service)]);
        }
    }
    Ok(questions)
}

fn names(releases: &BTreeMap<String, Planned>) -> BTreeMap<String, String> {
    releases.iter().map(|(service, planned)| (service.clone(), planned.release.clone())).collect()
}

fn question(kind: Kind, service: &str, region: &str, planned: &Planned, needs: &BTreeMap<String, String>) -> Question {
    Question {
        kind,
        service: service.to_owned(),
        region: region.to_owned(),
        release: planned.release.clone(),
        sequence: planned.sequence,
        project: planned.project.clone(),
        images: BTreeMap::new(),
        config: None,
        pack: None,
        needs: needs.clone(),
    }
}

/// Judges both questions about every region of every service. `releases`: by service; a service without one holds.
///
/// # Errors
/// A policy that is wrong.
pub fn plan(
    train: &Train,
    releases: &BTreeMap<String, Planned>,
    inputs: &Inputs,
    now: Timestamp,
    engine: &str,
) -> Result<Plan, GateError> {
    let needs = names(releases);
    let mut steps = Vec::new();
    let mut arrows = Vec::new();
    for service in train.order()? {
        let policy = train.policy(service)?;
        for (wave, regions) in policy.waves.iter().enumerate() {
            for region in regions {
                let place = |service: &str, region: &str| (service.to_owned(), region.to_owned());
                let here = place(service, region);
                let earlier = policy.waves[..wave].last().into_iter().flatten();
                arrows.extend(earlier.map(|before| Arrow {
                    before: place(service, before),
                    after: here.clone(),
                    because: "wave".to_owned(),
                }));
                for need in &policy.needs {
                    arrows.extend(need.regions.here(region).iter().map(|needed| Arrow {
                        before: place(&need.service, needed),
                        after: here.clone(),
                        because: "need".to_owned(),
                    }));
                }
                let step = Step {
                    service: service.to_owned(),
                    region: region.clone(),
                    wave: wave + 1,
                    release: None,
                    state: State::Hold,
                    reasons: Vec::new(),
                    next_at: None,
                };
                let Some(planned) = releases.get(service) else {
                    steps.push(step);
                    continue;
                };
                let asked = |kind| question(kind, service, region, planned, &needs);
                let by_region = judge(&asked(Kind::Region), policy, inputs.clone(), now, engine)?;
                let by_service = judge(&asked(Kind::Service), policy, inputs.clone(), now, engine)?;
                let there = there(&by_region, now)?;
                let mut step = joined(Step { release: Some(planned.release.clone()), ..step }, by_region, by_service);
                step.state = there.unwrap_or(step.state);
                // Both answers must turn by then.
                if let Some(at) = step.next_at {
                    for kind in [Kind::Region, Kind::Service] {
                        let then = judge(&asked(kind), policy, inputs.clone(), at, engine)?;
                        step.next_at = step.next_at.filter(|_| then.outcome != Outcome::Hold);
                    }
                }
                steps.push(step);
            }
        }
    }
    arrows.sort();
    Ok(Plan { format: Plan::FORMAT.to_owned(), now, steps, arrows, engine: engine.to_owned() })
}

/// How the release stands in the region, if it is there.
fn there(decision: &Decision, now: Timestamp) -> Result<Option<State>, GateError> {
    let Decision { question: asked, policy, inputs, .. } = decision;
    // The markers of a decision are those that are open.
    let is_here = |marker: &Marker| {
        (&marker.service, &marker.region, &marker.release) == (&asked.service, &asked.region, &asked.release)
    };
    if inputs.markers.iter().any(is_here) {
        return Ok(Some(State::Deploying));
    }
    let seen = inputs.seen(asked, policy)?;
    let running = seen.region(asked, policy, &asked.service, &asked.region).running(asked);
    let is_asked = |running: &Running<'_>| {
        let is_later = running.record.moment() > now.plus_millis(CLOCKS_DIFFER_MS);
        running.name == Some(&asked.release) && !is_later
    };
    Ok(running.filter(is_asked).map(|running| match running.record.conclusion.as_deref() {
        Some("pass") => State::Passed,
        Some("fail") => State::Failed,
        _ => State::Undecided,
    }))
}

/// Both answers in one.
fn joined(mut step: Step, by_region: Decision, by_service: Decision) -> Step {
    let outcome = by_region.outcome.max(by_service.outcome);
    let waits: Vec<Option<Timestamp>> = [&by_region, &by_service]
        .into_iter()
        .filter(|decision| decision.outcome == Outcome::Hold)
        .map(|decision| decision.next_at)
        .collect();
    step.reasons = by_region.reasons;
    for reason in by_service.reasons {
        if !step.reasons.contains(&reason) {
            step.reasons.push(reason);
        }
    }
    step.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.outcome()));
    step.state = match outcome {
        Outcome::Proceed => State::Proceed,
        Outcome::Hold => State::Hold,
        Outcome::Refuse => State::Refuse,
    };
    if step.state == State::Hold && waits.iter().all(Option::is_some) {
        step.next_at = waits.into_iter().flatten().max();
    }
    step
}
