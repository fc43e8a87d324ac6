//! The judgement.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::{Code, Outcome};
use crate::decision::{Decision, IgnoredWaiver, Reason};
use crate::error::GateError;
use crate::marker::{Marker, MarkerKind, Stop, StopKind};
use crate::next::{next, outcome};
use crate::policy::{Policy, Requires};
use crate::record::Record;
use crate::region::{Region, rules};
use crate::waiver::Waiver;

/// May this release of the service go to this region?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The service's name.
    pub service: String,
    /// The region that the release is to go to.
    pub region: String,
    /// The release's name, the same in every region.
    pub release: String,
    /// The number of the pipeline within its project: which of two releases is newer.
    pub sequence: Option<i64>,
    /// The project that `sequence` counts in.
    pub project: Option<String>,
    /// The images that are to run, by container, where they are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// The digest of the config of the one who asks.
    pub config: Option<String>,
    /// The digest of the checks of the one who asks.
    pub pack: Option<String>,
}

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Verdicts of the service.
    pub records: Vec<Record>,
    /// The newest marker of each region.
    pub markers: Vec<Marker>,
    /// The newest stop document of the service, and that of all services.
    pub stops: Vec<Stop>,
    /// Waivers.
    pub waivers: Vec<Waiver>,
}

impl Inputs {
    /// The inputs that the question can depend on, in one order. What is left out changes no decision.
    fn narrowed(mut self, question: &Question, policy: &Policy) -> Self {
        let regions: Vec<&String> = policy.waves.iter().flatten().collect();
        let of_service = |service: &String, region: &String| *service == question.service && regions.contains(&region);
        self.records.retain(|record| of_service(&record.service, &record.region));
        // Of the deployments that began those that are open, found while all verdicts are there.
        self.markers.retain(|marker| of_service(&marker.service, &marker.region) && is_open(marker, &self.records));
        self.markers.sort();
        let kept = regions.iter().flat_map(|region| Region::of(region, &self.records).needed(&question.release));
        let mut kept: Vec<Record> = kept.cloned().collect();
        kept.sort();
        kept.dedup();
        self.records = kept;
        self.stops.retain(|stop| stop.service.as_ref().is_none_or(|service| *service == question.service));
        self.stops.sort();
        self.waivers.retain(|waiver| waiver.is_about(question));
        self.waivers.sort();
        self
    }
}

/// Answers the question at a moment. `engine`: the version of casefile.
///
/// # Errors
/// A policy that is wrong, or a region that it does not have.
pub fn judge(
    question: &Question,
    policy: &Policy,
    inputs: Inputs,
    now: Timestamp,
    engine: &str,
) -> Result<Decision, GateError> {
    policy.validate()?;
    if !policy.waves.iter().flatten().any(|region| *region == question.region) {
        let known: Vec<&str> = policy.waves.iter().flatten().map(String::as_str).collect();
        let region = &question.region;
        return Err(GateError::Question(format!("{region} is in no wave of [gate], which has {}", known.join(", "))));
    }
    let inputs = inputs.narrowed(question, policy);
    let reasons = reasons(question, policy, &inputs, now)?;
    let ignored = inputs.waivers.iter().filter_map(|waiver| {
        let problem = waiver.problem(policy, now)?;
        Some(IgnoredWaiver { why: waiver.why.clone(), requested_by: waiver.requested_by.clone(), problem })
    });
    let mut decision = Decision {
        format: Decision::FORMAT.to_owned(),
        digest: String::new(),
        outcome: outcome(&reasons),
        question: question.clone(),
        now,
        next_at: next(now, |at| self::reasons(question, policy, &inputs, at))?,
        reasons,
        ignored_waivers: ignored.collect(),
        policy: policy.clone(),
        policy_digest: policy.digest()?,
        inputs: inputs.clone(),
        engine: engine.to_owned(),
        ci: BTreeMap::new(),
    };
    decision.digest = decision.computed_digest()?;
    Ok(decision)
}

/// All reasons at a moment, the worst first.
fn reasons(question: &Question, policy: &Policy, inputs: &Inputs, now: Timestamp) -> Result<Vec<Reason>, GateError> {
    let wave = policy.waves.iter().position(|wave| wave.contains(&question.region)).unwrap_or_default();
    let here = Region::of(&question.region, &inputs.records);
    let mut reasons: Vec<Reason> = stops(&here, inputs).collect();
    reasons.extend(freezes(&here, policy, now)?);
    // The job that asks may have begun the same release before: it is tried again.
    let others = begun(inputs, here.name).filter(|marker| marker.release != question.release);
    reasons.extend(others.map(|marker| in_flight(&here, marker)));
    reasons.extend(here.order(question));
    reasons.extend(here.already(question));
    if wave == 0 {
        reasons.push(here.reason(Code::FirstWave, "the first wave requires no verdict".to_owned()));
    }
    let mut passes = Vec::new();
    for earlier in &policy.waves[..wave] {
        let mut of_wave = Vec::new();
        let mut one_passed = false;
        for name in earlier {
            let region = Region::of(name, &inputs.records);
            let mut found = region.required(question, policy, now);
            let flight: Vec<Reason> = begun(inputs, name).map(|marker| in_flight(&region, marker)).collect();
            if !flight.is_empty() {
                // The verdict that is missing is the one that is awaited.
                found.retain(|reason| reason.code != Code::Missing && reason.code != Code::Passed);
                found.extend(flight);
            }
            one_passed |= outcome(&found) == Outcome::Proceed;
            of_wave.extend(found);
            passes.extend(region.pass(question));
        }
        if policy.requires == Requires::Any && one_passed {
            // Evidence that nobody judged may hold a failure.
            of_wave.retain(|reason| reason.outcome() != Outcome::Hold || reason.code == Code::NotEvaluable);
        }
        reasons.extend(of_wave);
    }
    reasons.extend(rules(question, policy, &passes));
    for reason in &mut reasons {
        if reason.outcome() == Outcome::Proceed {
            continue;
        }
        let covering = inputs.waivers.iter().find(|it| it.covers(reason) && it.problem(policy, now).is_none());
        reason.waived_by = covering.map(|waiver| {
            let approved: Vec<&str> = waiver.approved_by.iter().map(String::as_str).collect();
            let by = if approved.is_empty() { waiver.requested_by.clone() } else { approved.join(", ") };
            format!("{by}, until {}: {}", waiver.expires_at, waiver.why)
        });
    }
    let order = |region: &str| policy.waves.iter().flatten().position(|name| name == region);
    reasons.sort_by(|a, b| {
        (b.outcome(), order(&a.region), a.code, &a.detail).cmp(&(a.outcome(), order(&b.region), b.code, &b.detail))
    });
    Ok(reasons)
}

fn stops(here: &Region<'_>, inputs: &Inputs) -> impl Iterator<Item = Reason> {
    let standing = inputs.stops.iter().filter(|stop| stop.kind == StopKind::Stop);
    standing.map(|stop| {
        let what = stop.service.as_deref().unwrap_or("every service");
        let detail = format!("{} stopped {what} at {}: {}", stop.by, stop.at, stop.why);
        Reason { as_of: Some(stop.at), ..here.reason(Code::Stop, detail) }
    })
}

fn freezes(here: &Region<'_>, policy: &Policy, now: Timestamp) -> Result<Vec<Reason>, GateError> {
    let mut reasons = Vec::new();
    for freeze in &policy.freeze {
        let until = freeze.until(now).map_err(|error| GateError::Policy(format!("freeze: {error}")))?;
        let Some(until) = until else { continue };
        let detail = format!("frozen until {until}: {}", freeze.why);
        reasons.push(Reason { until: Some(until), ..here.reason(Code::Frozen, detail) });
    }
    Ok(reasons)
}

fn begun<'a>(inputs: &'a Inputs, region: &'a str) -> impl Iterator<Item = &'a Marker> {
    inputs.markers.iter().filter(move |marker| marker.region == region)
}

/// A deployment of the region that has begun and has no verdict yet.
fn in_flight(region: &Region<'_>, marker: &Marker) -> Reason {
    let detail = format!("{} began release {} at {}, and it has no verdict yet", marker.by, marker.release, marker.at);
    Reason { as_of: Some(marker.at), ..region.reason(Code::InFlight, detail) }
}

/// Whether a deployment that began has neither a verdict nor been closed.
pub fn is_open(marker: &Marker, records: &[Record]) -> bool {
    let closes = |record: &Record| {
        (&record.service, &record.region) == (&marker.service, &marker.region)
            && record.release.as_ref() == Some(&marker.release)
            && record.verdict.is_some()
            && record.moment() >= marker.at
    };
    marker.kind == MarkerKind::Begin && !records.iter().any(closes)
}
