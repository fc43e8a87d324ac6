//! Reads what the gate decides by: verdicts, markers, stops and waivers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use casefile_archive::{ATTESTATIONS, Archive, Entry, Folder, MARKERS, STOPS, VerdictFile, WAIVERS};
use casefile_attest::{Envelope, Predicate, PublicKey, Statement};
use casefile_collector::normalise::short_name;
use casefile_evidence::Timestamp;
use casefile_gate::{Inputs, Policy, Question, Record, Waiver};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::archive::verdict;
use crate::error::Error;
use crate::target::pipeline;

/// Services and regions.
pub(super) type Places = BTreeSet<(String, String)>;

/// Verdicts that are read at once.
const AT_ONCE: usize = 16;

/// Those of an archive that a question depends on.
pub(super) async fn of_question(archive: &Archive, question: &Question, policy: &Policy) -> Result<Inputs, Error> {
    let asked = [(question.service.clone(), question.region.clone())];
    let (inputs, entries) = of_archive(archive, &places(question, policy), &asked).await?;
    let mut inputs = inputs.narrowed(question, policy);
    check(archive, &inputs.records, &entries).await?;
    inputs.signatures = signatures(archive, &inputs, policy).await?;
    Ok(inputs)
}

/// The places that a question depends on: service and region.
pub(super) fn places(question: &Question, policy: &Policy) -> Places {
    question.places(policy).into_iter().map(|place| (place.service, place.region)).collect()
}

/// Compares what the index says with the verdicts themselves.
pub(super) async fn check(
    archive: &Archive,
    records: impl IntoIterator<Item = &Record>,
    entries: &[Entry],
) -> Result<(), Error> {
    let one = |record: Record| async move {
        let same = |entry: &&Entry| (&entry.bundle, &entry.verdict_digest) == (&record.bundle, &record.verdict);
        let Some((entry, digest)) = entries.iter().find(same).zip(record.verdict.as_ref()) else { return Ok(()) };
        if record_of(&archive.verdict_of(entry).await?, digest)? == record {
            return Ok(());
        }
        Err(Error::Document {
            place: archive.name().to_owned(),
            problem: format!("has a verdict {digest} that says otherwise than its index: run `casefile archive index`"),
        })
    };
    let reads: Vec<_> = records.into_iter().cloned().map(one).collect();
    futures::stream::iter(reads).buffered(AT_ONCE).try_collect().await
}

/// Who signed the passes and the waivers, where the policy asks for it. A signature that is forged is an error.
pub(super) async fn signatures(
    archive: &Archive,
    inputs: &Inputs,
    policy: &Policy,
) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
    let mut signatures = BTreeMap::new();
    let keys = policy.keys()?;
    let passes = inputs.records.iter().filter(|it| !keys.is_empty() && it.conclusion.as_deref() == Some("pass"));
    for digest in passes.filter_map(|record| record.verdict.as_ref()) {
        signatures.insert(digest.clone(), signers(archive, digest, Predicate::Verdict, &keys).await?);
    }
    let keys = policy.waiver_keys()?;
    for waiver in inputs.waivers.iter().filter(|_| !keys.is_empty()) {
        let digest = waiver.digest()?;
        let by = signers(archive, &digest, Predicate::Waiver, &keys).await?;
        signatures.insert(digest, by);
    }
    Ok(signatures)
}

/// Those of the keys that signed the verdict or the waiver of this digest.
async fn signers(
    archive: &Archive,
    digest: &str,
    predicate: Predicate,
    keys: &[PublicKey],
) -> Result<BTreeSet<String>, Error> {
    let mut signers = BTreeSet::new();
    for (key, _, bytes) in archive.documents(&Folder::of_digest(ATTESTATIONS, digest)?).await? {
        signers.extend(signers_of(&key, &bytes, digest, predicate, keys)?);
    }
    Ok(signers)
}

fn signers_of(
    place: &str,
    bytes: &[u8],
    digest: &str,
    predicate: Predicate,
    keys: &[PublicKey],
) -> Result<BTreeSet<String>, Error> {
    let wrong = |problem: String| Error::Document { place: place.to_owned(), problem };
    let envelope = Envelope::read(bytes).map_err(|error| wrong(error.to_string()))?;
    let signers = envelope.signers(keys).map_err(|error| wrong(error.to_string()))?;
    let payload = envelope.payload().map_err(|error| wrong(error.to_string()))?;
    let statement = Statement::read(&payload).map_err(|error| wrong(error.to_string()))?;
    // A statement of another kind about the same file says nothing here.
    Ok(if statement.about(predicate) == Some(digest) { signers } else { BTreeSet::new() })
}

/// What an archive says of places, and the waivers of services in regions.
pub(super) async fn of_archive(
    archive: &Archive,
    places: &Places,
    asked: &[(String, String)],
) -> Result<(Inputs, Vec<Entry>), Error> {
    let journals = places.iter().map(|(service, region)| Folder::of(MARKERS, service, Some(region)));
    let markers = lasts(archive, &journals.collect::<Result<Vec<_>, _>>()?).await?;
    let services: BTreeSet<&String> = asked.iter().map(|(service, _)| service).collect();
    let stops = services.into_iter().map(|service| Folder::of(STOPS, service, None));
    let stops = std::iter::once(Ok(Folder::of_all(STOPS))).chain(stops);
    let stops = lasts(archive, &stops.collect::<Result<Vec<_>, _>>()?).await?;
    let mut all_waivers = Vec::new();
    for (service, region) in asked {
        all_waivers.extend(waivers(archive, service, region).await?);
    }
    // Read last: what a marker says has begun may have its verdict by now.
    let entries = archive.entries().await?;
    let records = records(archive, &entries, places).await?;
    Ok((Inputs { records, markers, stops, waivers: all_waivers, ..Inputs::default() }, entries))
}

/// The waivers of a service in a region.
pub(super) async fn waivers(archive: &Archive, service: &str, region: &str) -> Result<Vec<Waiver>, Error> {
    waivers_in(archive, &Folder::of(WAIVERS, service, Some(region))?).await
}

/// The waivers of a folder, each checked against its name.
pub(super) async fn waivers_in(archive: &Archive, folder: &Folder) -> Result<Vec<Waiver>, Error> {
    let mut waivers = Vec::new();
    for (key, digest, bytes) in archive.documents(folder).await? {
        let waiver: Waiver = document(&key, &bytes)?;
        if waiver.digest()? != digest {
            return Err(Error::Document { place: key, problem: "was changed: its digest is another".to_owned() });
        }
        waivers.push(waiver);
    }
    Ok(waivers)
}

/// What an archive knows of places: what the index (`entries`) has of them, and what it lacks. A row that is missing
/// hides no verdict, and no bundle that awaits one.
pub(super) async fn records(archive: &Archive, entries: &[Entry], places: &Places) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    for (service, region) in places {
        let is_here = |entry: &&Entry| (&entry.service, &entry.region) == (service, region);
        let indexed: Vec<&Entry> = entries.iter().filter(is_here).collect();
        let (verdicts, bundles) = archive.beside_the_index(service, region, &indexed).await?;
        records.extend(of_index(&indexed));
        for file in &verdicts {
            records.push(record_of(file, file.digest())?);
        }
        records.extend(bundles.into_iter().map(|(bundle, day)| {
            // No more is known of its moment: it may be the last of that day.
            let end = Timestamp::parse(&format!("{day}T23:59:59.999Z")).ok();
            Record::unjudged(service, region, bundle, end)
        }));
    }
    Ok(records)
}

/// The last documents of several journals.
async fn lasts<T: DeserializeOwned>(archive: &Archive, journals: &[Folder]) -> Result<Vec<T>, Error> {
    let read = try_join_all(journals.iter().map(|journal| last(archive, journal))).await?;
    Ok(read.into_iter().filter_map(|(_, document)| document).collect())
}

/// The last document of a journal, with its number.
pub(super) async fn last<T: DeserializeOwned>(archive: &Archive, journal: &Folder) -> Result<(u64, Option<T>), Error> {
    let (number, bytes) = archive.last(journal).await?;
    let read = bytes.map(|bytes| document(&format!("{journal}/{number:08}.json"), &bytes)).transpose()?;
    Ok((number, read))
}

fn document<T: DeserializeOwned>(place: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Document {
        place: place.to_owned(),
        problem: format!(
            "is not a document of the gate ({error}): put its first version back; S3 keeps it where the bucket has versions"
        ),
    })
}

/// The verdicts. A bundle that has a verdict does not count as one without.
fn of_index(entries: &[&Entry]) -> Vec<Record> {
    let judged: BTreeSet<&str> =
        entries.iter().filter(|entry| entry.verdict_digest.is_some()).map(|entry| entry.bundle.as_str()).collect();
    let counts = |entry: &&&Entry| entry.verdict_digest.is_some() || !judged.contains(entry.bundle.as_str());
    entries.iter().filter(counts).map(|entry| record(entry)).collect()
}

fn record(entry: &Entry) -> Record {
    let ci: BTreeMap<String, String> = serde_json::from_str(&entry.ci).unwrap_or_default();
    let images: Value = entry.images.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let counted = pipeline(|name| ci.get(name).cloned());
    Record {
        service: entry.service.clone(),
        region: entry.region.clone(),
        account: entry.account.clone(),
        bundle: entry.bundle.clone(),
        verdict: entry.verdict_digest.clone(),
        conclusion: entry.verdict.clone(),
        why: entry.why.clone(),
        as_of: entry.as_of.or(entry.window_to),
        release: entry.release.clone(),
        images: by_container(&images),
        rollout: entry.rollout.clone(),
        created_at: entry.created_at,
        nothing_deployed: entry.nothing_deployed == Some(true),
        engine: entry.engine.clone(),
        pack: entry.pack.clone(),
        config: entry.config.clone(),
        sequence: counted.as_ref().map(|(number, _)| *number),
        project: counted.map(|(_, project)| project),
    }
}

fn by_container(images: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut by: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for image in images.as_array().into_iter().flatten() {
        if let (Some(container), Some(digest)) = (image["container"].as_str(), image["digest"].as_str()) {
            by.entry(container.to_owned()).or_default().insert(digest.to_owned());
        }
    }
    by
}

/// Verdict files, with their signatures (`attest` writes them beside).
pub(super) fn of_files(paths: &[PathBuf], policy: &Policy) -> Result<Inputs, Error> {
    let keys = policy.keys()?;
    let mut inputs = Inputs::default();
    for path in paths {
        let file = verdict(path)?;
        inputs.records.push(record_of(&file, &path.display().to_string())?);
        let envelope = path.with_extension("intoto.json");
        if !keys.is_empty() && envelope.exists() {
            let bytes = std::fs::read(&envelope).map_err(Error::io("read", &envelope))?;
            let place = envelope.display().to_string();
            let by = signers_of(&place, &bytes, file.digest(), Predicate::Verdict, &keys)?;
            inputs.signatures.entry(file.digest().to_owned()).or_default().extend(by);
        }
    }
    Ok(inputs)
}

/// What a verdict says, as the index has it.
fn record_of(file: &VerdictFile, place: &str) -> Result<Record, Error> {
    let json: Value = serde_json::from_slice(&file.bytes).map_err(Error::internal)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let time = |value: &Value| value.as_str().and_then(|text| Timestamp::parse(text).ok());
    let target = &json["bundle"]["target"];
    let ci = &json["bundle"]["ci"];
    let of = |key: &str| text(&target[key]).ok_or_else(|| Error::usage(format!("{place}: the verdict names no {key}")));
    let counted = pipeline(|name| text(&ci[name]));
    Ok(Record {
        service: short_name(&of("service")?).to_owned(),
        region: of("region")?,
        account: text(&target["account"]),
        bundle: file.bundle().unwrap_or("(not sealed)").to_owned(),
        verdict: Some(file.digest().to_owned()),
        conclusion: text(&json["verdict"]),
        why: text(&json["decision"]["why"]),
        as_of: time(&json["as_of"]),
        release: text(&json["release"]["name"]),
        images: by_container(&json["release"]["images"]),
        rollout: text(&target["service_deployment_arn"]).or_else(|| text(&target["deployment_id"])),
        created_at: time(&target["deployment_created_at"]),
        nothing_deployed: json["rollout"]["nothing_deployed"] == true,
        engine: text(&json["engine"]["casefile"]),
        pack: Some(file.pack().to_owned()),
        config: Some(file.config().to_owned()),
        sequence: counted.as_ref().map(|(number, _)| *number),
        project: counted.map(|(_, project)| project),
    })
}
