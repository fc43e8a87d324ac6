//! Figures about the deployments of a period.

use std::collections::BTreeMap;

use crate::entry::Entry;

/// Figures about a set of deployments.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// All of them.
    pub total: Group,
    /// By service and region.
    pub groups: BTreeMap<(String, String), Group>,
}

/// Figures about some deployments. A deployment is a bundle, with its newest verdict.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// Deployments.
    pub deployments: usize,
    /// Deployments by verdict; those without one under `none`.
    pub verdicts: BTreeMap<String, usize>,
    /// Deployments that were decided without a person: pass or fail.
    pub decided: usize,
    /// Deployments in which nothing was deployed.
    pub nothing_deployed: usize,
    /// Seconds from the creation of the rollout to the decision, sorted, where both are known and the collection was live.
    seconds: Vec<i64>,
    /// Deployments by blocking check that failed.
    pub failed_checks: BTreeMap<String, usize>,
    /// Deployments by kind of gap.
    pub gaps: BTreeMap<String, usize>,
}

impl Group {
    /// The seconds from creation to decision that this share of the deployments stayed within; `None` if it is not known
    /// of any.
    pub fn percentile(&self, share: f64) -> Option<i64> {
        let last = self.seconds.len().checked_sub(1)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of a list in memory"
        )]
        let place = ((last as f64) * share.clamp(0.0, 1.0)).ceil() as usize;
        self.seconds.get(place).copied()
    }

    fn take(&mut self, entry: &Entry) {
        let count = |map: &mut BTreeMap<String, usize>, key: String| *map.entry(key).or_default() += 1;
        self.deployments += 1;
        count(&mut self.verdicts, entry.verdict.clone().unwrap_or_else(|| "none".to_owned()));
        self.decided += usize::from(matches!(entry.verdict.as_deref(), Some("pass" | "fail")));
        let nothing_deployed = entry.nothing_deployed == Some(true);
        self.nothing_deployed += usize::from(nothing_deployed);
        // An import was not decided when its evidence ended.
        if !nothing_deployed
            && entry.stop_reason != "imported"
            && let (Some(created), Some(decided)) = (entry.created_at, entry.as_of)
        {
            let seconds = decided.millis_since(created).div_euclid(1000);
            let place = self.seconds.partition_point(|other| *other <= seconds);
            self.seconds.insert(place, seconds);
        }
        Entry::texts(entry.failed.as_ref()).into_iter().for_each(|check| count(&mut self.failed_checks, check));
        Entry::texts(entry.gaps.as_ref()).into_iter().for_each(|gap| count(&mut self.gaps, gap));
    }
}

/// Figures about entries of the index. Of a bundle with several verdicts the newest counts.
pub fn stats<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Stats {
    let mut newest: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries {
        let known = newest.entry(&entry.bundle).or_insert(entry);
        if (entry.as_of, &entry.verdict_digest) > (known.as_of, &known.verdict_digest) {
            *known = entry;
        }
    }
    let mut stats = Stats::default();
    for entry in newest.into_values() {
        stats.total.take(entry);
        stats.groups.entry((entry.service.clone(), entry.region.clone())).or_default().take(entry);
    }
    stats
}
