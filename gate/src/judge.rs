//! The judgement.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use crate::code::{Code, Outcome};
use crate::decision::{Decision, IgnoredWaiver, Reason};
use crate::error::GateError;
use crate::marker::{Marker, MarkerKind, StopKind};
use crate::need;
use crate::next::{next, outcome};
use crate::policy::{Policy, Requires};
use crate::question::{Inputs, Kind, Question};
use crate::record::Record;
use crate::region::{CLOCKS_DIFFER_MS, Region, rules};
use crate::waiver::Waiver;

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
        return Err(GateError::Question(format!(
            "{region} is in no wave of the policy, which has {}",
            known.join(", ")
        )));
    }
    if policy.needs.iter().any(|need| need.service == question.service) {
        return Err(GateError::Policy(format!("{} needs itself", question.service)));
    }
    let inputs = inputs.narrowed(question, policy);
    let waiver_keys = policy.waiver_keys()?;
    let seen = inputs.seen(question, policy)?;
    let counts = |waiver: &Waiver, at| waiver.problem(policy, &inputs, &waiver_keys, at);
    let reasons_at = |at| self::reasons(question, policy, &seen, at, |waiver| counts(waiver, at).is_none());
    let reasons = reasons_at(now)?;
    let ignored = inputs.waivers.iter().filter_map(|waiver| {
        let problem = counts(waiver, now)?;
        Some(IgnoredWaiver { why: waiver.why.clone(), requested_by: waiver.requested_by.clone(), problem })
    });
    let mut decision = Decision {
        format: Decision::FORMAT.to_owned(),
        digest: String::new(),
        outcome: outcome(&reasons),
        question: question.clone(),
        now,
        next_at: next(now, &inputs.waivers.iter().map(|it| it.created_at).collect::<Vec<_>>(), reasons_at)?,
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
fn reasons(
    question: &Question,
    policy: &Policy,
    inputs: &Inputs,
    now: Timestamp,
    counts: impl Fn(&Waiver) -> bool,
) -> Result<Vec<Reason>, GateError> {
    let here = inputs.region(question, policy, &question.service, &question.region);
    let mut reasons: Vec<Reason> = stops(&here, inputs).collect();
    // What failed here does not keep it from being tried again.
    reasons.extend(here.accounts().into_iter().filter(|reason| reason.code == Code::AccountUnclear));
    reasons.extend(freezes(&here, policy, now)?);
    // The job that asks may have begun the same release before: it is tried again.
    let others = begun(inputs, &here).filter(|marker| marker.release != question.release);
    reasons.extend(others.map(|marker| in_flight(&here, marker)));
    reasons.extend(here.already(question));
    match question.kind {
        Kind::Region => waves(&mut reasons, &here, question, policy, inputs, now),
        Kind::Service => need::needs(&mut reasons, &here, question, policy, inputs, now),
    }
    for reason in &mut reasons {
        if reason.outcome() == Outcome::Proceed {
            continue;
        }
        let covering = inputs.waivers.iter().find(|it| it.covers(reason) && counts(it));
        reason.waived_by = covering.map(|waiver| {
            let approved: Vec<&str> = waiver.approved_by.iter().map(String::as_str).collect();
            let by = if approved.is_empty() { waiver.requested_by.clone() } else { approved.join(", ") };
            let review = waiver.review_by.map(|at| format!(", to be reviewed by {at}")).unwrap_or_default();
            format!("{by}, until {}{review}: {}", waiver.expires_at, waiver.why)
        });
    }
    let order = |region: &str| policy.waves.iter().flatten().position(|name| name == region);
    let key = |it: &Reason| (std::cmp::Reverse(it.outcome()), it.service.clone(), order(&it.region), it.code);
    reasons.sort_by(|a, b| (key(a), &a.region, &a.detail).cmp(&(key(b), &b.region, &b.detail)));
    Ok(reasons)
}

/// What the earlier waves say.
fn waves(
    reasons: &mut Vec<Reason>,
    here: &Region<'_>,
    question: &Question,
    policy: &Policy,
    inputs: &Inputs,
    now: Timestamp,
) {
    reasons.extend(here.order(question));
    let wave = policy.waves.iter().position(|wave| wave.contains(&question.region)).unwrap_or_default();
    if wave == 0 {
        reasons.push(here.reason(Code::FirstWave, "the first wave requires no verdict".to_owned()));
    }
    let mut passes = Vec::new();
    for earlier in &policy.waves[..wave] {
        let mut of_wave = Vec::new();
        let mut one_passed = false;
        for name in earlier {
            let region = inputs.region(question, policy, &question.service, name);
            let found = required(&region, question, policy, inputs, now);
            one_passed |= outcome(&found) == Outcome::Proceed;
            of_wave.extend(found);
            passes.extend(region.pass(question));
        }
        if policy.requires == Requires::Any && one_passed {
            // What nobody judged, or nobody vouches for, may hide a failure.
            let unsigned = !policy.keys.is_empty();
            let hides = |code| {
                matches!(code, Code::NotEvaluable | Code::NotSigned | Code::AccountUnclear)
                    || (unsigned && code == Code::Inconclusive)
            };
            of_wave.retain(|reason| reason.outcome() != Outcome::Hold || hides(reason.code));
        }
        reasons.extend(of_wave);
    }
    reasons.extend(rules(question, policy, &passes));
}

/// The reasons of a region that must have passed.
pub(crate) fn required(
    region: &Region<'_>,
    question: &Question,
    policy: &Policy,
    inputs: &Inputs,
    now: Timestamp,
) -> Vec<Reason> {
    let mut found = region.required(question, policy, now);
    let flight: Vec<Reason> = begun(inputs, region).map(|marker| in_flight(region, marker)).collect();
    if !flight.is_empty() {
        // The verdict that is missing is the one that is awaited.
        found.retain(|reason| reason.code != Code::Missing && reason.code != Code::Passed);
        found.extend(flight);
    }
    found
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

fn begun<'a>(inputs: &'a Inputs, region: &'a Region<'_>) -> impl Iterator<Item = &'a Marker> {
    inputs.markers.iter().filter(|marker| marker.service == region.service && marker.region == region.name)
}

/// A deployment of the region that has begun and has no verdict yet.
fn in_flight(region: &Region<'_>, marker: &Marker) -> Reason {
    let detail = format!("{} began release {} at {}, and it has no verdict yet", marker.by, marker.release, marker.at);
    Reason { as_of: Some(marker.at), ..region.reason(Code::InFlight, detail) }
}

/// Whether a deployment that began has neither a verdict nor been closed. A verdict closes it that was not there when it
/// began, and was not judged before that, by clocks that may differ.
pub fn is_open(marker: &Marker, records: &[Record]) -> bool {
    let closes = |record: &Record| {
        (&record.service, &record.region) == (&marker.service, &marker.region)
            && record.release.as_ref() == Some(&marker.release)
            && record.verdict.as_ref().is_some_and(|digest| !marker.verdicts.contains(digest))
            && record.moment() >= marker.at.plus_millis(-CLOCKS_DIFFER_MS)
    };
    marker.kind == MarkerKind::Begin && !records.iter().any(closes)
}
