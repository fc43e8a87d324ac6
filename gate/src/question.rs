//! The question, and what is known when it is asked.

use std::collections::{BTreeMap, BTreeSet};

use casefile_attest::PublicKey;
use serde::{Deserialize, Serialize};

use crate::error::GateError;
use crate::judge::is_open;
use crate::marker::{Marker, Stop};
use crate::policy::{Policy, public_keys};
use crate::record::Record;
use crate::region::Region;
use crate::waiver::Waiver;

/// What is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Have the regions of the earlier waves passed?
    #[default]
    Region,
    /// Do the services that this one needs run there?
    Service,
}

impl Kind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_region(&self) -> bool {
        *self == Self::Region
    }
}

/// May this release of the service go to this region?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked.
    #[serde(default, skip_serializing_if = "Kind::is_region")]
    pub kind: Kind,
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
    /// The releases that are needed of other services, by service; of one that is not named, the release that is asked
    /// about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub needs: BTreeMap<String, String>,
}

/// A region of a service whose verdicts a decision depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The service's name.
    pub service: String,
    /// The region.
    pub region: String,
    /// The release that is looked for.
    pub release: String,
}

impl Question {
    /// The places that the decision depends on.
    pub fn places(&self, policy: &Policy) -> Vec<Place> {
        let own = |region: &String| Place {
            service: self.service.clone(),
            region: region.clone(),
            release: self.release.clone(),
        };
        match self.kind {
            Kind::Region => policy.waves.iter().flatten().map(own).collect(),
            Kind::Service => {
                let needed = policy.needs.iter().flat_map(|need| {
                    need.regions.here(&self.region).into_iter().map(|region| Place {
                        service: need.service.clone(),
                        region,
                        release: self.needed(&need.service).to_owned(),
                    })
                });
                std::iter::once(own(&self.region)).chain(needed).collect()
            }
        }
    }

    /// The release that is needed of another service.
    pub(crate) fn needed(&self, service: &str) -> &str {
        self.needs.get(service).unwrap_or(&self.release)
    }
}

/// The conclusion of a pass that is not signed.
pub(crate) const UNSIGNED: &str = "unsigned";

/// The conclusion of a pass in an account that is not known, where accounts are named.
pub(crate) const UNKNOWN_ACCOUNT: &str = "of an unknown account";

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Verdicts.
    pub records: Vec<Record>,
    /// The newest marker of each region.
    pub markers: Vec<Marker>,
    /// The newest stop document of the service, and that of all services.
    pub stops: Vec<Stop>,
    /// Waivers.
    pub waivers: Vec<Waiver>,
    /// Who signed: the ids of the policy's keys, by the digest of a verdict or a waiver.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signatures: BTreeMap<String, BTreeSet<String>>,
}

impl Inputs {
    /// The inputs that the question can depend on, in one order. What is left out changes no decision.
    pub fn narrowed(mut self, question: &Question, policy: &Policy) -> Self {
        let places = question.places(policy);
        let is_there = |service: &String, region: &String| {
            places.iter().any(|place| (&place.service, &place.region) == (service, region))
        };
        let counts = |record: &Record| {
            let (accounts, _) = policy.trust(question, &record.service);
            record.account.as_ref().is_none_or(|account| accounts.is_empty() || accounts.contains(account))
        };
        self.records.retain(|record| is_there(&record.service, &record.region) && counts(record));
        // Of the deployments that began those that are open, found while all verdicts are there.
        self.markers.retain(|marker| is_there(&marker.service, &marker.region) && is_open(marker, &self.records));
        self.markers.sort();
        let kept = places
            .iter()
            .flat_map(|place| self.region(question, policy, &place.service, &place.region).needed(&place.release));
        let mut kept: Vec<Record> = kept.cloned().collect();
        kept.sort();
        kept.dedup();
        self.records = kept;
        self.stops.retain(|stop| stop.service.as_ref().is_none_or(|service| *service == question.service));
        self.stops.sort();
        self.waivers.retain(|waiver| waiver.is_about(question));
        self.waivers.sort();
        let verdicts = self.records.iter().filter_map(|record| record.verdict.clone());
        let kept: BTreeSet<String> = verdicts.chain(self.waivers.iter().filter_map(|it| it.digest().ok())).collect();
        self.signatures.retain(|digest, _| kept.contains(digest));
        self
    }

    /// As the judgement sees them: a pass that none of the keys signed is none, nor is one of an account that is not known
    /// where accounts are named.
    pub(crate) fn seen(&self, question: &Question, policy: &Policy) -> Result<Self, GateError> {
        let mut seen = self.clone();
        for record in seen.records.iter_mut().filter(|record| record.is_pass()) {
            let (accounts, keys) = policy.trust(question, &record.service);
            let keys = public_keys("keys", keys)?;
            if !keys.is_empty() && !record.verdict.as_ref().is_some_and(|digest| self.is_signed(digest, &keys)) {
                record.conclusion = Some(UNSIGNED.to_owned());
            } else if !accounts.is_empty() && record.account.is_none() {
                record.conclusion = Some(UNKNOWN_ACCOUNT.to_owned());
            }
        }
        Ok(seen)
    }

    /// A region of a service.
    pub(crate) fn region<'a>(
        &'a self,
        question: &Question,
        policy: &Policy,
        service: &'a str,
        name: &'a str,
    ) -> Region<'a> {
        let (_, keys) = policy.trust(question, service);
        Region::of(service, name, &self.records, !keys.is_empty())
    }

    /// Whether one of the keys signed the verdict or the waiver.
    pub(crate) fn is_signed(&self, digest: &str, keys: &[PublicKey]) -> bool {
        let signers = self.signatures.get(digest);
        signers.is_some_and(|signers| keys.iter().any(|key| signers.contains(&key.id())))
    }
}
