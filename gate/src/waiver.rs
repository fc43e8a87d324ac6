//! Waivers: a person lets a release through that the gate holds or refuses.

use std::collections::{BTreeMap, BTreeSet};

use casefile_attest::PublicKey;
use casefile_evidence::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::decision::{Reason, canonical_digest};
use crate::error::GateError;
use crate::policy::Policy;
use crate::question::{Inputs, Kind, Question};

/// A waiver. It changes a decision, never a verdict.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// `casefile-waiver/1`.
    pub format: String,
    /// What was asked.
    #[serde(default, skip_serializing_if = "Kind::is_region")]
    pub kind: Kind,
    /// The service.
    pub service: String,
    /// The region that the release may go to.
    pub region: String,
    /// The release. Another release needs another waiver.
    pub release: String,
    /// The reasons that are waived, as they stood when it was made. What came later is not covered.
    pub reasons: BTreeSet<Waived>,
    /// Why.
    pub why: String,
    /// A ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Who asks for it.
    pub requested_by: String,
    /// Who approves it.
    pub approved_by: BTreeSet<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// In an emergency: until when somebody looks at it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Timestamp>,
    /// The identity of the CI job.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ci: BTreeMap<String, String>,
}

/// A reason that is waived: by what it is, where, and of which verdict or marker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waived {
    /// What it is.
    pub code: Code,
    /// The service that it is about, where that is another one than the question's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The region that it is about.
    pub region: String,
    /// The digest of the verdict that it follows from.
    pub verdict: Option<String>,
    /// The digest of the bundle.
    pub bundle: Option<String>,
    /// The moment that was judged, or at which a deployment began.
    pub as_of: Option<Timestamp>,
}

impl From<&Reason> for Waived {
    fn from(reason: &Reason) -> Self {
        Self {
            code: reason.code,
            service: reason.service.clone(),
            region: reason.region.clone(),
            verdict: reason.verdict.clone(),
            bundle: reason.bundle.clone(),
            as_of: reason.as_of,
        }
    }
}

impl Waiver {
    /// The value of `format`.
    pub const FORMAT: &'static str = "casefile-waiver/1";

    /// The sha256 of its canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// Only by a fault of this program.
    pub fn digest(&self) -> Result<String, GateError> {
        canonical_digest(self)
    }

    /// Checks it against the policy, apart from its end.
    ///
    /// # Errors
    /// What the policy does not allow, in words.
    pub fn validate(&self, policy: &Policy) -> Result<(), String> {
        if self.format != Self::FORMAT {
            return Err(format!("its format is {:?}, not {:?}", self.format, Self::FORMAT));
        }
        if self.why.trim().is_empty() {
            return Err("it does not say why".to_owned());
        }
        if self.requested_by.trim().is_empty() {
            return Err("it does not say who asks for it".to_owned());
        }
        if self.reasons.is_empty() {
            return Err("it names no reason".to_owned());
        }
        let mut codes = self.reasons.iter().map(|reason| reason.code);
        if let Some(code) = codes.find(|code| !code.can_be_waived() || !policy.waivable.contains(code)) {
            return Err(format!("{code} is not in the policy's `waivable`"));
        }
        let one = |name: &String| name.trim().to_lowercase();
        let approvers: BTreeSet<String> = self.approved_by.iter().map(one).filter(|name| !name.is_empty()).collect();
        if approvers.contains(&one(&self.requested_by)) {
            return Err(format!("{} cannot approve what {0} asks for", self.requested_by));
        }
        if approvers.len() < policy.approvers {
            return Err(format!("it needs {} who approve it, and has {}", policy.approvers, approvers.len()));
        }
        let length = self.expires_at.millis_since(self.created_at);
        if length <= 0 {
            return Err("it ends before it begins".to_owned());
        }
        if self.review_by.is_some_and(|at| at <= self.created_at) {
            return Err("it is to be reviewed before it begins".to_owned());
        }
        if length > policy.waiver_max.0 {
            return Err(format!("it holds longer than the policy's `waiver_max`, {}", policy.waiver_max));
        }
        Ok(())
    }

    /// Whether it is about this question.
    pub(crate) fn is_about(&self, question: &Question) -> bool {
        (self.kind, &self.service, &self.region, &self.release)
            == (question.kind, &question.service, &question.region, &question.release)
    }

    /// Why it counts for nothing now.
    pub(crate) fn problem(
        &self,
        policy: &Policy,
        inputs: &Inputs,
        keys: &[PublicKey],
        now: Timestamp,
    ) -> Option<String> {
        if let Err(problem) = self.validate(policy) {
            return Some(problem);
        }
        if !keys.is_empty() && !self.digest().is_ok_and(|digest| inputs.is_signed(&digest, keys)) {
            return Some("no key of the policy's `waiver_keys` signed it".to_owned());
        }
        if now >= self.expires_at {
            return Some(format!("it ended at {}", self.expires_at));
        }
        (self.created_at > now).then(|| format!("it begins at {}", self.created_at))
    }

    /// Whether it covers a reason.
    pub(crate) fn covers(&self, reason: &Reason) -> bool {
        self.reasons.contains(&Waived::from(reason))
    }
}
