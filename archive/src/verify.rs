//! Checking an archive: every object against its digest, and the index against the objects.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Digest;
use serde_json::Value;

use crate::add::target_of;
use crate::documents::digest_in;
use crate::entry::Entry;
use crate::error::ArchiveError;
use crate::index::{by_bundle, names};
use crate::layout::{BUNDLES, CONFIGS, DECISIONS, MARKERS, Partition, STOPS, VERDICTS, WAIVERS};
use crate::verdict::VerdictFile;
use crate::{Archive, temporary, unsound};

/// Which objects are read.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Read this many bundles, chosen by `seed`; all if `None`.
    pub sample: Option<usize>,
    /// Chooses the sample.
    pub seed: u64,
    /// Keys that an earlier run found sound: they are not read again.
    pub done: BTreeSet<String>,
}

/// An object that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Its key.
    pub key: String,
    /// The problem, with its remedy.
    pub problem: String,
}

/// The result of [`Archive::verify`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Bundles in the archive.
    pub bundles: usize,
    /// Bundles that were read, or found sound by an earlier run.
    pub checked: usize,
    /// Of those the ones that an earlier run found sound, which were not read.
    pub earlier: usize,
    /// Verdicts that were read.
    pub verdicts: usize,
    /// Documents of the gate that were read.
    pub documents: usize,
    /// The problems, by key.
    pub problems: Vec<Problem>,
}

impl Archive {
    /// Checks bundles, verdicts, configs, documents of the gate and the index. `sound` is called with each key that passed.
    ///
    /// # Errors
    /// Where the store cannot be listed or the index cannot be read. A problem of an object is no error.
    pub async fn verify(
        &self,
        options: &VerifyOptions,
        sound: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Verified, ArchiveError> {
        let mut verified = Verified::default();
        let bundles = self.keys(BUNDLES).await?;
        let verdicts = self.keys(VERDICTS).await?;
        let entries = self.rows().await?;
        verified.bundles = bundles.len();
        let of_bundle = by_bundle(verdicts.clone());
        let mut indexed: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        entries.iter().for_each(|entry| indexed.entry(&entry.bundle).or_default().push(entry));
        for key in sampled(&bundles, options) {
            if options.done.contains(key) {
                verified.earlier += 1;
            } else {
                match self.check_bundle(key, &of_bundle, &indexed).await? {
                    None => sound(key),
                    Some(problem) => {
                        verified.problems.push(Problem { key: key.clone(), problem });
                        continue;
                    }
                }
            }
            verified.checked += 1;
        }
        for key in &verdicts {
            verified.verdicts += 1;
            if let Some(problem) = self.check_verdict(key).await? {
                verified.problems.push(Problem { key: key.clone(), problem });
            }
        }
        for key in self.keys(CONFIGS).await? {
            if let Some(problem) = changed_config(&key, &self.read(&key).await?) {
                verified.problems.push(Problem { key, problem: format!("was changed: {problem}") });
            }
        }
        for kind in [DECISIONS, WAIVERS, MARKERS, STOPS] {
            for key in self.keys(kind).await? {
                verified.documents += 1;
                if let Some(problem) = self.check_document(&key).await? {
                    verified.problems.push(Problem { key, problem });
                }
            }
        }
        compare_index(&bundles, &verdicts, &entries, &mut verified.problems);
        verified.problems.sort();
        verified.problems.dedup();
        Ok(verified)
    }

    /// A decision is named by the digest of its canonical JSON without `digest` and `ci`, a waiver by that of all of it.
    /// Markers and stops are numbered.
    async fn check_document(&self, key: &str) -> Result<Option<String>, ArchiveError> {
        let is_numbered = [MARKERS, STOPS].iter().any(|kind| key.starts_with(kind));
        let named = digest_in(key);
        if named.is_none() && !is_numbered {
            return Ok(Some("is not a document of the gate: its name is not <digest>.json; remove it".to_owned()));
        }
        let Ok(mut value) = serde_json::from_slice::<Value>(&self.read(key).await?) else {
            return Ok(Some("was changed: it is not JSON".to_owned()));
        };
        let Some(named) = named else { return Ok(None) };
        if let Some(object) = value.as_object_mut().filter(|_| key.starts_with(DECISIONS)) {
            object.remove("digest");
            object.remove("ci");
        }
        let canonical = serde_json_canonicalizer::to_vec(&value).map_err(ArchiveError::internal)?;
        let found = Digest::of(&canonical).to_string();
        Ok((found != named).then(|| format!("was changed: its digest is {found}")))
    }

    async fn check_bundle(
        &self,
        key: &str,
        verdicts: &BTreeMap<String, Vec<String>>,
        indexed: &BTreeMap<&str, Vec<&Entry>>,
    ) -> Result<Option<String>, ArchiveError> {
        let Some(named) = digest_of_bundle(key) else {
            return Ok(Some("is not a bundle: its name is not <digest>.tar".to_owned()));
        };
        let folder = temporary()?;
        let path = folder.path().join("bundle.tar");
        self.download(key, None, &path).await?;
        if std::fs::metadata(&path).is_ok_and(|file| file.len() == 0) {
            return Ok(Some("is empty: its upload broke off; add the bundle again".to_owned()));
        }
        let bundle = match casefile_evidence::Bundle::open(&path) {
            Ok(bundle) => bundle,
            Err(error) => return Ok(Some(format!("was changed: {}", unsound(&error, &path)))),
        };
        let found = bundle.digest().to_string();
        if found != named {
            return Ok(Some(format!("was changed: it holds the bundle {found}")));
        }
        let target = target_of(&bundle)?;
        let place = Partition::new(&target.service, target.region.as_deref(), target.window_from)
            .map(|partition| partition.bundle(bundle.digest()));
        if place.as_ref().is_ok_and(|place| place == key) {
            // Verdicts that are not sound are named by their own check.
            let rows = self.rows_in(&path, &bundle, key, verdicts, &mut Vec::new()).await?;
            let indexed = indexed.get(found.as_str()).into_iter().flatten();
            // Of a verdict that is missing the comparison with the index tells.
            let mut told = indexed.filter(|row| rows.iter().any(|it| it.verdict_digest == row.verdict_digest));
            if told.any(|row| !rows.contains(row)) {
                return Ok(Some("the index says otherwise of it: run `casefile archive index`".to_owned()));
            }
        }
        Ok(match place {
            Ok(place) if place == key => None,
            Ok(place) => Some(format!("is in another folder than its own, {place}: move it")),
            Err(error) => Some(error.to_string()),
        })
    }

    async fn check_verdict(&self, key: &str) -> Result<Option<String>, ArchiveError> {
        let Some((bundle, verdict)) = names(key) else {
            return Ok(Some("is not a verdict: its name is not <bundle digest>-<verdict digest>.json".to_owned()));
        };
        Ok(match VerdictFile::read(self.read(key).await?.to_vec(), "it") {
            Err(ArchiveError::Verdict { problem, .. } | ArchiveError::NotAVerdict { problem, .. }) => Some(problem),
            Err(error) => return Err(error),
            Ok(read) if read.digest() != verdict => Some(format!("holds another verdict, {}", read.digest())),
            Ok(read) if read.bundle() != Some(bundle.as_str()) => Some("is about another bundle".to_owned()),
            Ok(read) => match read.partition() {
                // A verdict of an older version may not say.
                Err(_) => None,
                Ok(own) if own.verdict(&bundle, &verdict) == key => None,
                Ok(own) => {
                    Some(format!("is in another folder than its own, {}: move it", own.verdict(&bundle, &verdict)))
                }
            },
        })
    }
}

/// What is wrong with the object of a config, which is named by its own digest; `None` of any other object.
pub(crate) fn changed_config(key: &str, bytes: &[u8]) -> Option<String> {
    let named = digest_in(key).filter(|_| key.starts_with(CONFIGS))?;
    let found = Digest::of(bytes).to_string();
    (found != named).then(|| format!("its digest is {found}"))
}

pub(crate) fn digest_of_bundle(key: &str) -> Option<String> {
    Some(Digest::parse(key.rsplit('/').next()?.strip_suffix(".tar")?)?.to_string())
}

/// The bundles to read, in the order of their keys.
fn sampled<'a>(bundles: &'a [String], options: &VerifyOptions) -> Vec<&'a String> {
    let Some(sample) = options.sample.filter(|sample| *sample < bundles.len()) else { return bundles.iter().collect() };
    let mut order: Vec<(String, &String)> =
        bundles.iter().map(|key| (Digest::of(format!("{} {key}", options.seed).as_bytes()).to_string(), key)).collect();
    order.sort_unstable();
    let mut chosen: Vec<&String> = order.into_iter().take(sample).map(|(_, key)| key).collect();
    chosen.sort_unstable();
    chosen
}

/// Objects that the index lacks, and rows whose objects are gone.
fn compare_index(bundles: &[String], verdicts: &[String], entries: &[Entry], problems: &mut Vec<Problem>) {
    let stored: BTreeMap<String, &String> =
        bundles.iter().filter_map(|key| Some((digest_of_bundle(key)?, key))).collect();
    let indexed: BTreeSet<&str> = entries.iter().map(|entry| entry.bundle.as_str()).collect();
    for (digest, key) in &stored {
        if !indexed.contains(digest.as_str()) {
            let problem = "is not in the index: run `casefile archive index`".to_owned();
            problems.push(Problem { key: (*key).clone(), problem });
        }
    }
    let known: BTreeSet<(&str, &str)> =
        entries.iter().filter_map(|entry| Some((entry.bundle.as_str(), entry.verdict_digest.as_deref()?))).collect();
    let mut kept = BTreeSet::new();
    for key in verdicts {
        let Some((bundle, verdict)) = names(key) else { continue };
        if !stored.contains_key(&bundle) {
            let problem = format!("is about the bundle {bundle}, which the archive does not have");
            problems.push(Problem { key: key.clone(), problem });
        } else if !known.contains(&(bundle.as_str(), verdict.as_str())) {
            let problem = "is not in the index: run `casefile archive index`".to_owned();
            problems.push(Problem { key: key.clone(), problem });
        }
        kept.insert((bundle, verdict));
    }
    for entry in entries {
        if !stored.contains_key(&entry.bundle) {
            let problem = "is missing: the index has it".to_owned();
            problems.push(Problem { key: entry.key.clone(), problem });
        }
        if let Some(verdict) = &entry.verdict_digest
            && !kept.contains(&(entry.bundle.clone(), verdict.clone()))
        {
            let problem = format!("its verdict {verdict} is missing: the index has it");
            problems.push(Problem { key: entry.key.clone(), problem });
        }
    }
}
