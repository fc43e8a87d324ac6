//! In-toto Statements v1 (<https://github.com/in-toto/attestation>): what is said of which subjects.

use std::collections::BTreeMap;

use casefile_evidence::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predicate {
    /// A verdict: `urn:casefile:verdict:v1`.
    Verdict,
    /// A decision of the gate: `urn:casefile:decision:v1`.
    Decision,
    /// A waiver of the gate: `urn:casefile:waiver:v1`.
    Waiver,
    /// A verdict as `https://in-toto.io/attestation/test-result/v0.1`, for tools that know no other: it has no word for
    /// inconclusive.
    TestResult,
}

impl Predicate {
    /// Its type.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Verdict => "urn:casefile:verdict:v1",
            Self::Decision => "urn:casefile:decision:v1",
            Self::Waiver => "urn:casefile:waiver:v1",
            Self::TestResult => "https://in-toto.io/attestation/test-result/v0.1",
        }
    }
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    /// The type of the predicate.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// A file or an image, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name, for people.
    #[serde(default)]
    pub name: String,
    /// Its digests: `sha256` in hex.
    pub digest: BTreeMap<String, String>,
}

impl Subject {
    fn new(name: &str, sha256: &str) -> Self {
        Self { name: name.to_owned(), digest: [("sha256".to_owned(), sha256.to_owned())].into() }
    }
}

/// There is no such statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StatementError(String);

impl Statement {
    /// A statement about a verdict: its file (whose digest the caller has checked), the bundle and the images.
    ///
    /// # Errors
    /// [`StatementError`]: the file is not a verdict over a sealed bundle, or has no such predicate.
    pub fn of_verdict(file: &[u8], predicate: Predicate) -> Result<Self, StatementError> {
        let wrong = |problem: &str| StatementError(problem.to_owned());
        let verdict: Value = serde_json::from_slice(file).map_err(|error| StatementError(error.to_string()))?;
        let bundle = verdict["bundle"]["digest"].as_str().ok_or_else(|| wrong("is about no sealed bundle"))?;
        let mut subject = vec![
            // The bundle's digest is that of this file of it.
            Subject::new("tagmanifest-sha256.txt", bundle),
            Subject::new("verdict.json", &Digest::of(file).to_string()),
        ];
        for image in verdict["release"]["images"].as_array().into_iter().flatten() {
            let digest = image["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:"));
            if let Some(digest) = digest {
                subject.push(Subject::new(image["image"].as_str().unwrap_or("image"), digest));
            }
        }
        let said = match predicate {
            Predicate::TestResult => test_result(&verdict)?,
            _ => said(&verdict, bundle),
        };
        Ok(Self { kind: STATEMENT.to_owned(), subject, predicate_type: predicate.uri().to_owned(), predicate: said })
    }

    /// A statement about a document of the gate, which it holds whole. `digest`: the one by which the archive knows it.
    ///
    /// # Errors
    /// [`StatementError`]: it is not JSON.
    pub fn of_document(file: &[u8], digest: &str, predicate: Predicate) -> Result<Self, StatementError> {
        let document: Value = serde_json::from_slice(file).map_err(|error| StatementError(error.to_string()))?;
        let name = if predicate == Predicate::Waiver { "waiver.json" } else { "decision.json" };
        Ok(Self {
            kind: STATEMENT.to_owned(),
            subject: vec![Subject::new(name, &Digest::of(file).to_string())],
            predicate_type: predicate.uri().to_owned(),
            predicate: json!({ "digest": digest, "document": document }),
        })
    }

    /// Reads the payload of an envelope.
    ///
    /// # Errors
    /// [`StatementError`]: it is no statement.
    pub fn read(payload: &[u8]) -> Result<Self, StatementError> {
        let read: Self = serde_json::from_slice(payload)
            .map_err(|error| StatementError(format!("is no statement of in-toto: {error}")))?;
        if read.kind != STATEMENT {
            return Err(StatementError(format!("is of the type {:?}, not {STATEMENT:?}", read.kind)));
        }
        Ok(read)
    }

    /// Canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// [`StatementError`]: only by a fault of this program.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        serde_json_canonicalizer::to_vec(self).map_err(|error| StatementError(error.to_string()))
    }

    /// The digest of the verdict or the document that it is about, if the predicate is this one.
    pub fn about(&self, predicate: Predicate) -> Option<&str> {
        let key = if predicate == Predicate::Verdict { "verdictDigest" } else { "digest" };
        (self.predicate_type == predicate.uri()).then(|| self.predicate[key].as_str()).flatten()
    }

    /// Whether something with this sha256 (hex) is a subject.
    pub fn is_about(&self, sha256: &str) -> bool {
        self.subject.iter().any(|subject| subject.digest.get("sha256").is_some_and(|digest| digest == sha256))
    }
}

/// What a verdict says, in short.
fn said(verdict: &Value, bundle: &str) -> Value {
    let target = &verdict["bundle"]["target"];
    let rollout = if target["service_deployment_arn"].is_string() {
        &target["service_deployment_arn"]
    } else {
        &target["deployment_id"]
    };
    json!({
        "verdict": verdict["verdict"],
        "decision": {
            "action": verdict["decision"]["action"],
            "to": verdict["decision"]["to"],
            "why": verdict["decision"]["why"],
        },
        "asOf": verdict["as_of"],
        "service": target["service"],
        "region": target["region"],
        "account": target["account"],
        "cluster": target["cluster"],
        "release": verdict["release"]["name"],
        "rollout": rollout,
        "rolloutCreatedAt": target["deployment_created_at"],
        "nothingDeployed": verdict["rollout"]["nothing_deployed"],
        "verdictDigest": verdict["digest"],
        "bundleDigest": bundle,
        "configDigest": verdict["config"]["digest"],
        "packDigest": verdict["pack"]["digest"],
        "engine": verdict["engine"],
        "gaps": verdict["gaps"].as_array().map_or(0, Vec::len),
        "ci": verdict["bundle"]["ci"],
    })
}

fn test_result(verdict: &Value) -> Result<Value, StatementError> {
    let checks = |outcome: &str, level: &str| -> Vec<&str> {
        let checks = verdict["checks"].as_array().into_iter().flatten();
        let these = checks.filter(|check| check["outcome"] == outcome && check["level"] == level);
        these.filter_map(|check| check["id"].as_str()).collect()
    };
    let warned = [checks("fail", "advise"), checks("error", "advise")].concat();
    let result = match verdict["verdict"].as_str() {
        Some("pass") if warned.is_empty() => "PASSED",
        Some("pass") => "WARNED",
        Some("fail") => "FAILED",
        other => {
            return Err(StatementError(format!(
                "the verdict is {}, and a test result knows only passed and failed: sign it as a verdict",
                other.unwrap_or("none")
            )));
        }
    };
    let passed = [checks("pass", "block"), checks("pass", "advise")].concat();
    let descriptor = |name: &str, digest: &Value| json!({ "name": name, "digest": { "sha256": digest } });
    Ok(json!({
        "result": result,
        "configuration": [
            descriptor("config", &verdict["config"]["digest"]),
            descriptor("checks", &verdict["pack"]["digest"]),
        ],
        "passedTests": passed,
        "warnedTests": warned,
        "failedTests": checks("fail", "block"),
    }))
}
