//! What a service needs of others before it may go.

use casefile_evidence::Timestamp;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::code::Code;
use crate::decision::Reason;
use crate::judge::required;
use crate::policy::{Policy, Requires};
use crate::question::{Inputs, Question};
use crate::region::Region;
use crate::span::Span;

/// A service that must have passed first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Its name.
    pub service: String,
    /// Which release of it.
    #[serde(default)]
    pub release: Release,
    /// Where.
    #[serde(default)]
    pub regions: Regions,
    /// How long it must have run, counted from its first pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Span>,
    /// How old its pass may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    /// The AWS accounts whose verdicts of it count. A train takes these three from the needed service's own policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// The public keys (PEM) of which one must have signed its pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// The oldest version of casefile whose verdicts of it count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_engine: Option<String>,
}

/// Which release of a needed service must run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    /// The needed one, or a newer one.
    #[default]
    AtLeast,
    /// The needed one.
    Exact,
}

/// In which regions a needed service must have passed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Regions {
    /// In the region that is asked about.
    #[default]
    Same,
    /// In all its regions. A train replaces it by their names.
    All,
    /// In these.
    Named(Vec<String>),
}

impl Regions {
    /// The regions, for a question about `region`.
    pub(crate) fn here(&self, region: &str) -> Vec<String> {
        match self {
            Self::Same => vec![region.to_owned()],
            Self::All => Vec::new(),
            Self::Named(names) => names.clone(),
        }
    }
}

impl Serialize for Regions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Same => serializer.serialize_str("same"),
            Self::All => serializer.serialize_str("all"),
            Self::Named(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Regions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl<'de> Visitor<'de> for Words {
            type Value = Regions;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"same\", \"all\" or a list of regions")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Regions, E> {
                match text {
                    "same" => Ok(Regions::Same),
                    "all" => Ok(Regions::All),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Regions, A::Error> {
                let mut regions = Vec::new();
                while let Some(name) = names.next_element()? {
                    regions.push(name);
                }
                Ok(Regions::Named(regions))
            }
        }

        deserializer.deserialize_any(Words)
    }
}

/// What the needed services say. What those need in turn is their own gate's question.
pub(crate) fn needs(
    reasons: &mut Vec<Reason>,
    here: &Region<'_>,
    question: &Question,
    policy: &Policy,
    inputs: &Inputs,
    now: Timestamp,
) {
    if policy.needs.is_empty() {
        reasons.push(here.reason(Code::NeedsNothing, "it needs no other service".to_owned()));
    }
    for need in &policy.needs {
        for name in need.regions.here(&question.region) {
            let region = inputs.region(question, policy, &need.service, &name);
            let found = needed(&region, need, question, policy, inputs, now);
            reasons.extend(found.into_iter().map(|reason| Reason { service: Some(need.service.clone()), ..reason }));
        }
    }
}

/// The reasons of a region of a needed service.
fn needed(
    region: &Region<'_>,
    need: &Need,
    question: &Question,
    policy: &Policy,
    inputs: &Inputs,
    now: Timestamp,
) -> Vec<Reason> {
    let wanted = question.needed(&need.service);
    let asked = Question {
        service: need.service.clone(),
        region: region.name.to_owned(),
        release: wanted.to_owned(),
        sequence: None,
        project: None,
        images: Default::default(),
        config: None,
        pack: None,
        ..question.clone()
    };
    let rules = Policy {
        requires: Requires::All,
        soak: need.soak,
        recheck: false,
        max_age: need.max_age,
        same_config: false,
        same_pack: false,
        min_engine: need.min_engine.clone(),
        accounts: need.accounts.clone(),
        ..policy.clone()
    };
    let judged = |release: &str| {
        let asked = Question { release: release.to_owned(), ..asked.clone() };
        let mut found = required(region, &asked, &rules, inputs, now);
        found.extend(crate::region::rules(&asked, &rules, &region.pass(&asked).into_iter().collect::<Vec<_>>()));
        found
    };
    let Some(running) = region.running(&asked) else { return judged(wanted) };
    if need.release == Release::Exact || running.name == Some(wanted) {
        return judged(wanted);
    }
    match region.is_newer(&running, wanted) {
        Some(true) => judged(running.name.unwrap_or_default()),
        Some(false) => judged(wanted),
        None => {
            let named = running.name.unwrap_or("without a name");
            vec![region.about(
                running.record,
                Code::OrderUnknown,
                format!(
                    "release {named} was deployed there last, and it cannot be told whether it has what {wanted} has: they \
                     are not both version numbers, and {wanted} has no pass there that names its pipeline"
                ),
            )]
        }
    }
}
