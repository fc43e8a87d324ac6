//! Records, markers and waivers that the tests of the gate are made of.

mod properties;
mod trains;
mod trust;
mod waves;

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;

use crate::{
    Code, Decision, Inputs, Kind, Marker, MarkerKind, Outcome, Policy, Question, Record, Stop, StopKind, Waived,
    Waiver, judge,
};

const HOUR: i64 = 3_600_000;

fn policy(text: &str) -> Policy {
    toml::from_str(&format!("waves = [[\"a\"], [\"b\", \"c\"], [\"d\"]]\n{text}")).unwrap()
}

fn question(region: &str, release: &str, sequence: i64) -> Question {
    Question {
        kind: Kind::Region,
        service: "web".to_owned(),
        region: region.to_owned(),
        release: release.to_owned(),
        sequence: Some(sequence),
        project: Some("1".to_owned()),
        images: BTreeMap::new(),
        config: None,
        pack: None,
        needs: BTreeMap::new(),
    }
}

/// A verdict of a rollout that began at `began`, as of `as_of` (hours).
fn record(region: &str, release: &str, conclusion: &str, began: i64, as_of: i64) -> Record {
    Record {
        service: "web".to_owned(),
        region: region.to_owned(),
        account: None,
        bundle: format!("bundle-{region}-{release}-{began}-{as_of}"),
        verdict: Some(format!("{region}-{release}-{conclusion}-{as_of}")),
        conclusion: Some(conclusion.to_owned()),
        why: Some("a cause".to_owned()),
        as_of: Some(Timestamp(as_of * HOUR)),
        release: Some(release.to_owned()),
        images: BTreeMap::new(),
        rollout: Some(format!("{region}-{release}-{began}")),
        created_at: Some(Timestamp(began * HOUR)),
        nothing_deployed: false,
        engine: Some("0.1.0".to_owned()),
        pack: Some("pack".to_owned()),
        config: Some("config".to_owned()),
        sequence: release.trim_start_matches('r').parse().ok(),
        project: Some("1".to_owned()),
    }
}

/// That a deployment began.
fn marker(region: &str, release: &str, hour: i64) -> Marker {
    Marker {
        format: Marker::FORMAT.to_owned(),
        kind: MarkerKind::Begin,
        service: "web".to_owned(),
        region: region.to_owned(),
        release: release.to_owned(),
        at: Timestamp(hour * HOUR),
        by: "pipeline 2".to_owned(),
        verdicts: BTreeSet::new(),
        why: None,
        ci: BTreeMap::new(),
    }
}

fn decide(question: &Question, policy: &Policy, inputs: Inputs, hour: i64) -> Decision {
    judge(question, policy, inputs, Timestamp(hour * HOUR), "0.1.0").unwrap()
}

fn of(records: &[Record]) -> Inputs {
    Inputs { records: records.to_vec(), ..Inputs::default() }
}

fn codes(decision: &Decision) -> Vec<Code> {
    decision.reasons.iter().map(|reason| reason.code).collect()
}

/// A waiver of these reasons of a decision.
fn waiver(decision: &Decision, codes: &[Code]) -> Waiver {
    let reasons = decision.reasons.iter().filter(|reason| codes.contains(&reason.code));
    let reasons: BTreeSet<Waived> = reasons.map(Waived::from).collect();
    Waiver {
        format: Waiver::FORMAT.to_owned(),
        kind: decision.question.kind,
        service: "web".to_owned(),
        region: decision.question.region.clone(),
        release: decision.question.release.clone(),
        reasons,
        why: "the failing check is wrong".to_owned(),
        ticket: None,
        requested_by: "ada".to_owned(),
        approved_by: BTreeSet::from(["grace".to_owned()]),
        created_at: Timestamp(2 * HOUR),
        expires_at: Timestamp(8 * HOUR),
        review_by: None,
        ci: BTreeMap::new(),
    }
}

/// Two public keys, as `openssl pkey -pubout` writes them.
const ALICE: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAI9IXlxuZuBrVP/Z6RJ9v7c8Yzo9NdVDzY9hJXtHgMq4=\n-----END PUBLIC KEY-----\n";
const BOB: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn signed_by(key: &str, digest: &str) -> (String, BTreeSet<String>) {
    let id = casefile_attest::PublicKey::from_pem(key).unwrap().id();
    (digest.to_owned(), [id].into())
}
