//! What the verdicts of one region say.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;

use crate::code::Code;
use crate::decision::Reason;
use crate::policy::{Policy, version};
use crate::question::{Question, UNKNOWN_ACCOUNT, UNSIGNED};
use crate::record::Record;

/// Clocks of two machines may differ by this.
pub(crate) const CLOCKS_DIFFER_MS: i64 = 5 * 60 * 1000;

/// A region, with its verdicts.
#[derive(Debug, Clone)]
pub(crate) struct Region<'a> {
    pub(crate) service: &'a str,
    pub(crate) name: &'a str,
    /// Newest first.
    records: Vec<&'a Record>,
    /// When the newest rollout began.
    newest: Option<Timestamp>,
    /// Names and numbers of releases count only if a pass says them, which is signed.
    strict: bool,
}

impl<'a> Region<'a> {
    pub(crate) fn of(service: &'a str, name: &'a str, records: &'a [Record], strict: bool) -> Self {
        let is_here = |record: &&Record| (record.service.as_str(), record.region.as_str()) == (service, name);
        let mut records: Vec<&Record> = records.iter().filter(is_here).collect();
        let newest = records.iter().filter_map(|record| record.created_at).max();
        // The rollout that runs comes first, of its verdicts the newest, of those over the same evidence the worst.
        let key = |record: &Record| (began(record, newest), record.moment(), record.badness());
        records.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| a.cmp(b)));
        Self { service, name, records, newest, strict }
    }

    /// That the region's verdicts are of several accounts; and each of them that failed last.
    pub(crate) fn accounts(&self) -> Vec<Reason> {
        let accounts: BTreeSet<&str> = self.records.iter().filter_map(|record| record.account.as_deref()).collect();
        if accounts.len() < 2 {
            return Vec::new();
        }
        let names: Vec<&str> = accounts.iter().copied().collect();
        let detail = format!(
            "there are verdicts of the accounts {}, and a region must have those of one: name it in `accounts`",
            names.join(", ")
        );
        let last = accounts
            .iter()
            .filter_map(|account| self.records.iter().find(|record| record.account.as_deref() == Some(account)));
        let failed = last.filter(|record| record.conclusion.as_deref() == Some("fail")).map(|record| {
            let account = record.account.as_deref().unwrap_or_default();
            self.about(record, Code::Failed, format!("account {account}: {}", record.why()))
        });
        std::iter::once(self.reason(Code::AccountUnclear, detail)).chain(failed).collect()
    }

    /// The records that a question about the release can depend on.
    pub(crate) fn needed(&self, release: &str) -> impl Iterator<Item = &'a Record> + use<'a> {
        let running = self.records.first().copied();
        let mut accounts = BTreeSet::new();
        let needed = |record: &&Record| {
            if record.account.as_ref().is_some_and(|account| accounts.insert(account.clone())) {
                return true;
            }
            let began = |record| began(record, self.newest);
            running.is_some_and(|running| record.is_same_rollout(running) || began(record) == began(running))
                || record.release.as_deref() == Some(release)
        };
        let kept: Vec<&Record> = self.records.iter().copied().filter(needed).collect();
        kept.into_iter()
    }

    /// The verdict that counts: the newest of the rollout that runs. Of several over the same evidence those of the
    /// asker's own rules count, and of those the worst.
    pub(crate) fn current(&self, question: &Question) -> Option<&'a Record> {
        let newest = *self.records.first()?;
        let same_evidence = |record: &&&Record| record.bundle == newest.bundle;
        let own = |record: &&&Record| {
            question.config.as_ref().is_some_and(|config| record.config.as_ref() == Some(config))
                && question.pack.as_ref().is_none_or(|pack| record.pack.as_ref() == Some(pack))
        };
        let evidence = || self.records.iter().filter(same_evidence);
        evidence()
            .filter(own)
            .max_by_key(|record| record.badness())
            .or_else(|| evidence().max_by_key(|r| r.badness()))
            .copied()
    }

    /// The release that a record is about. A run that deployed nothing judged the rollout that was there: that of a newer
    /// release, if another record says so.
    fn release_of(&self, record: &'a Record) -> Option<&'a str> {
        let deployed = || self.records.iter().filter(|other| !other.nothing_deployed && other.is_same_rollout(record));
        if !record.nothing_deployed {
            return record.release.as_deref();
        }
        let newer = deployed().find(|other| other.release != record.release && !is_older(other, record));
        match newer {
            None => record.release.as_deref(),
            Some(other) if self.strict && !other.is_pass() => None,
            Some(other) => other.release.as_deref(),
        }
    }

    pub(crate) fn reason(&self, code: Code, detail: String) -> Reason {
        Reason {
            code,
            service: None,
            region: self.name.to_owned(),
            verdict: None,
            bundle: None,
            as_of: None,
            until: None,
            waived_by: None,
            detail,
        }
    }

    pub(crate) fn about(&self, record: &Record, code: Code, detail: String) -> Reason {
        Reason {
            verdict: record.verdict.clone(),
            bundle: Some(record.bundle.clone()),
            as_of: record.as_of,
            ..self.reason(code, detail)
        }
    }

    /// Whether the release may follow the one that runs here: by the numbers of their pipelines, else by their version
    /// numbers.
    pub(crate) fn order(&self, question: &Question) -> Option<Reason> {
        let running = self.running(question)?;
        if running.name == Some(&question.release) {
            return None;
        }
        let record = running.record;
        let named = named(running.name, record);
        let older = |what: String| Some(self.about(record, Code::OlderThanDeployed, what));
        match (question.sequence.zip(record.sequence), question.project == record.project) {
            (Some((asked, runs)), true) if asked < runs => {
                return older(format!(
                    "release {named} was deployed here last, by pipeline {runs}, which is newer than pipeline {asked}"
                ));
            }
            (Some((asked, runs)), true) if asked > runs => return None,
            _ => {}
        }
        match version(&question.release).zip(running.name.and_then(version)) {
            Some((asked, runs)) if asked < runs => {
                older(format!("release {named} was deployed here last, which is newer"))
            }
            Some((asked, runs)) if asked > runs => None,
            _ => Some(self.about(
                record,
                Code::OrderUnknown,
                format!(
                    "release {named} was deployed here last, and it cannot be told which of the two is newer: the number \
                     of its pipeline, or of this one (--sequence), is not known, or they are of two projects"
                ),
            )),
        }
    }

    /// What runs here.
    pub(crate) fn running(&self, question: &Question) -> Option<Running<'a>> {
        let record = self.current(question)?;
        Some(Running { record, name: self.release_of(record) })
    }

    /// Whether the release that runs here is newer than another one: by their version numbers, else by the numbers of their
    /// pipelines, if the other one passed here. `None` if that cannot be told.
    pub(crate) fn is_newer(&self, running: &Running<'_>, than: &str) -> Option<bool> {
        if let Some((runs, other)) = version(running.name?).zip(version(than)) {
            return Some(runs > other);
        }
        let mut of_other = self.records.iter().filter(|record| record.release.as_deref() == Some(than)).peekable();
        // After a failure a later pipeline may have rolled it back.
        of_other.peek().filter(|newest| newest.is_pass())?;
        let counts = |record: &&&Record| {
            record.project == running.record.project && !record.nothing_deployed && (!self.strict || record.is_pass())
        };
        let other = of_other.filter(counts).filter_map(|record| record.sequence).max();
        Some(running.record.sequence? > other?)
    }

    /// The pass of the release, if it runs here.
    pub(crate) fn pass(&self, question: &Question) -> Option<&'a Record> {
        let running = self.current(question).filter(|record| record.is_pass())?;
        (self.release_of(running) == Some(&question.release)).then_some(running)
    }

    /// That the release has passed or failed here before.
    pub(crate) fn already(&self, question: &Question) -> Option<Reason> {
        let running = self.running(question).filter(|running| running.name == Some(&question.release))?;
        let about = |code, detail| Some(self.about(running.record, code, detail));
        match running.record.conclusion.as_deref() {
            Some("pass") => about(Code::AlreadyPassedHere, "the release has passed here already".to_owned()),
            Some("fail") => {
                about(Code::AlreadyFailedHere, format!("the release has failed here: {}", running.record.why()))
            }
            _ => None,
        }
    }

    /// The reasons of a region that must have passed.
    pub(crate) fn required(&self, question: &Question, policy: &Policy, now: Timestamp) -> Vec<Reason> {
        let release = question.release.as_str();
        let accounts = self.accounts();
        if !accounts.is_empty() {
            return accounts;
        }
        let Some(record) = self.current(question) else {
            let accounts = &policy.accounts;
            let of = if accounts.is_empty() { String::new() } else { format!(" in account {}", accounts.join(" or ")) };
            return vec![self.reason(Code::Missing, format!("there is no verdict of release {release}{of}"))];
        };
        let runs = self.release_of(record);
        if record.verdict.is_none() && runs.is_none() {
            // It may be of any release.
            return vec![self.about(record, Code::NotEvaluable, "its newest evidence has no verdict".to_owned())];
        }
        if runs != Some(release) {
            let named = named(runs, record);
            let was_here = self.records.iter().any(|other| other.release.as_deref() == Some(release));
            let is_newer = question.project == record.project
                && question.sequence.zip(record.sequence).is_some_and(|(asked, runs)| runs > asked);
            return vec![if self.strict && !record.is_pass() {
                // Anybody may say so, to hide what failed there.
                let detail = format!("release {named} was deployed there last, and no signed verdict says so");
                self.about(record, Code::NotSigned, detail)
            } else if was_here || is_newer {
                self.about(record, Code::Superseded, format!("release {named} was deployed there since"))
            } else {
                self.about(
                    record,
                    Code::Missing,
                    format!("there is no verdict of release {release}; release {named} was deployed there last"),
                )
            }];
        }
        let why = record.why();
        match record.conclusion.as_deref() {
            Some("pass") => self.passed(record, question, policy, now),
            Some("fail") => vec![self.about(record, Code::Failed, why.to_owned())],
            Some("inconclusive") => vec![self.about(record, Code::Inconclusive, why.to_owned())],
            Some(UNSIGNED) => vec![self.about(
                record,
                Code::NotSigned,
                "it passed, and no key of the policy signed that verdict (`casefile attest`)".to_owned(),
            )],
            Some(UNKNOWN_ACCOUNT) => vec![self.about(
                record,
                Code::NotEvaluable,
                "it passed in an account that its evidence does not name, and the policy names accounts".to_owned(),
            )],
            Some(other) => vec![self.about(record, Code::NotEvaluable, format!("its verdict is {other}: {why}"))],
            None => vec![self.about(record, Code::NotEvaluable, "its newest evidence has no verdict".to_owned())],
        }
    }

    fn passed(&self, record: &'a Record, question: &Question, policy: &Policy, now: Timestamp) -> Vec<Reason> {
        let Some(as_of) = record.as_of else {
            return vec![self.about(record, Code::NotEvaluable, "the verdict names no moment".to_owned())];
        };
        let mut reasons = Vec::new();
        if as_of > now.plus_millis(CLOCKS_DIFFER_MS) {
            let detail = format!("the verdict is of {as_of}, which is later than now ({now}): check the clocks");
            let until = Some(as_of.plus_millis(-CLOCKS_DIFFER_MS));
            reasons.push(Reason { until, ..self.about(record, Code::NotEvaluable, detail) });
        }
        if let Some(age) = policy.max_age
            && now.millis_since(as_of) > age.0
        {
            let detail =
                format!("the verdict is of {as_of}, and max_age is {age}: run `casefile validate --recheck` there");
            reasons.push(self.about(record, Code::Stale, detail));
        }
        if let Some(soak) = policy.soak {
            let until = self.first_pass(record).plus_millis(soak.0);
            if now < until {
                let detail = format!("passed; it soaks until {until} ({soak})");
                reasons.push(Reason { until: Some(until), ..self.about(record, Code::Soaking, detail) });
            } else if policy.recheck && as_of < until {
                let detail = format!(
                    "the newest verdict is of {as_of}, before the end of the soak ({until}): run `casefile validate --recheck` there"
                );
                reasons.push(self.about(record, Code::Missing, detail));
            }
        }
        let wrong = question.images.iter().filter(|(container, digest)| {
            record.images.get(*container).is_none_or(|images| images.iter().any(|image| image != *digest))
        });
        for (container, digest) in wrong {
            let runs =
                record.images.get(container).map(|it| it.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
            let detail = format!(
                "container {container} runs {} there, and {digest} is to be deployed",
                runs.unwrap_or_else(|| "no image that is known".to_owned())
            );
            reasons.push(self.about(record, Code::ReleaseDiffers, detail));
        }
        if reasons.is_empty() {
            reasons.push(self.about(record, Code::Passed, format!("passed, as of {as_of}")));
        }
        reasons
    }

    /// The moment of the first pass of this rollout that no failure followed.
    fn first_pass(&self, record: &Record) -> Timestamp {
        let mut moments: BTreeMap<Timestamp, bool> = BTreeMap::new();
        for other in self.records.iter().filter(|other| other.is_same_rollout(record)) {
            let failed = moments.entry(other.moment()).or_default();
            *failed |= other.conclusion.as_deref() == Some("fail");
        }
        let passes: BTreeSet<Timestamp> =
            self.records.iter().filter(|it| it.is_pass() && it.is_same_rollout(record)).map(|it| it.moment()).collect();
        let failed = moments.into_iter().filter(|(_, failed)| *failed).map(|(at, _)| at).max();
        let first = passes.into_iter().find(|at| failed.is_none_or(|failed| *at > failed));
        first.unwrap_or_else(|| record.moment())
    }
}

/// A release, with its end if that was no good one.
fn named(name: Option<&str>, record: &Record) -> String {
    let name = name.unwrap_or("without a name");
    if record.conclusion.as_deref() == Some("fail") { format!("{name} (which failed)") } else { name.to_owned() }
}

/// The verdict that counts, and the release that it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running<'a> {
    pub(crate) record: &'a Record,
    pub(crate) name: Option<&'a str>,
}

/// When the rollout of a record began. Evidence that does not say is taken to be about the newest one: what could not be
/// read hides no later verdict, and no earlier one outlives it.
fn began(record: &Record, newest: Option<Timestamp>) -> Timestamp {
    record.created_at.or(newest).unwrap_or_else(|| record.moment())
}

/// Whether the release of the first is certainly older than that of the second.
fn is_older(first: &Record, second: &Record) -> bool {
    first.project == second.project && first.sequence.zip(second.sequence).is_some_and(|(first, second)| first < second)
}

/// Passes that were computed with other rules than the policy allows, and images that differ between regions.
pub(crate) fn rules(question: &Question, policy: &Policy, passes: &[&Record]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let about = |record: &Record, code: Code, detail: String| {
        let (service, name) = (record.service.as_str(), record.region.as_str());
        let region = Region { service, name, records: Vec::new(), newest: None, strict: false };
        region.about(record, code, detail)
    };
    let first = passes.first();
    let config = question.config.as_ref().or_else(|| first.and_then(|record| record.config.as_ref()));
    let pack = question.pack.as_ref().or_else(|| first.and_then(|record| record.pack.as_ref()));
    for record in passes {
        if policy.same_config && record.config.as_ref() != config {
            reasons.push(about(record, Code::RulesDiffer, "the verdict was computed with another config".to_owned()));
        }
        if policy.same_pack && record.pack.as_ref() != pack {
            reasons.push(about(record, Code::RulesDiffer, "the verdict was computed with other checks".to_owned()));
        }
        if policy.is_too_old(record.engine.as_deref()) {
            let engine = record.engine.as_deref().unwrap_or("(unknown)");
            let least = policy.min_engine.as_deref().unwrap_or_default();
            let detail = format!("the verdict is of casefile {engine}, and min_engine is {least}");
            reasons.push(about(record, Code::RulesDiffer, detail));
        }
        let other = first.filter(|first| {
            first.images.iter().any(|(container, images)| record.images.get(container).is_some_and(|it| it != images))
        });
        if let Some(first) = other {
            let detail = format!("its images differ from those of {}, for the same release", first.region);
            reasons.push(about(record, Code::ReleaseDiffers, detail));
        }
    }
    reasons
}
