//! `gate begin`, `close`, `stop`, `lift` and `waive`: documents that the gate reads. Each is written once; a change is a
//! further document.

use std::collections::BTreeSet;

use casefile_archive::{Archive, Folder, MARKERS, STOPS, WAIVERS};
use casefile_attest::{Predicate, Statement};
use casefile_collector::clock::{Clock, SystemClock};
use casefile_gate::{
    Code, GateError, Marker, MarkerKind, Outcome, Record, Stop, StopKind, Waived, Waiver, is_open, judge,
};

use super::super::attest::{self, Signer};
use super::inputs::{last, of_question, records};
use super::{ENGINE, archive, asked, named};
use crate::cli::{ArchiveArg, ByArg, GateStop, Waive, Which};
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::{GateFormat, TextFormat};
use crate::output::Printer;
use crate::render;
use crate::target::{ci_identity, variable};

pub(super) async fn begin(which: &Which, at: &ArchiveArg, by: &ByArg, printer: &Printer) -> Result<Exit, Error> {
    // The first deployment begins before anything is kept.
    let (archive, journal, mut marker) = marker(which, at, true, by).await?;
    for stops in [Folder::of_all(STOPS), Folder::of(STOPS, &marker.service, None)?] {
        let stop = last::<Stop>(&archive, &stops).await?.1.filter(|stop| stop.kind == StopKind::Stop);
        if let Some(Stop { by, at, why, service, .. }) = stop {
            let what = service.as_deref().unwrap_or("every service");
            printer.stdout(&format!("{by} stopped {what} at {at}: {why}: refuse\n"))?;
            return Ok(Exit::Fail);
        }
    }
    let (number, before) = last::<Marker>(&archive, &journal).await?;
    let place = BTreeSet::from([(marker.service.clone(), marker.region.clone())]);
    let records = records(&archive, &archive.entries().await?, &place).await?;
    if let Some(before) = before.filter(|before| is_open(before, &records)) {
        let same = before.release == marker.release;
        let told = format!("{} began release {} in {} at {}", before.by, before.release, before.region, before.at);
        printer.stdout(&format!("{told}{}\n", if same { "" } else { ", and it has no verdict yet: hold" }))?;
        return Ok(if same { Exit::Pass } else { Exit::Inconclusive });
    }
    marker.kind = MarkerKind::Begin;
    let of_release = |record: &&Record| record.release.as_ref() == Some(&marker.release);
    marker.verdicts = records.iter().filter(of_release).filter_map(|record| record.verdict.clone()).collect();
    if !archive.append_document(&journal, number, render::json(&marker)?.into_bytes()).await? {
        printer.stdout(&format!("another job began a deployment in {} at the same moment: hold\n", marker.region))?;
        return Ok(Exit::Inconclusive);
    }
    printer.stdout(&format!("release {} begins in {}, in {}\n", marker.release, marker.region, archive.name()))?;
    Ok(Exit::Pass)
}

pub(super) async fn close(
    which: &Which,
    at: &ArchiveArg,
    by: &ByArg,
    why: &str,
    printer: &Printer,
) -> Result<Exit, Error> {
    let (archive, journal, mut marker) = marker(which, at, false, by).await?;
    let (number, before) = last::<Marker>(&archive, &journal).await?;
    let open = match before.filter(|before| before.release == marker.release) {
        Some(before) if before.kind == MarkerKind::Begin => before,
        other => {
            let (release, region) = (&marker.release, &marker.region);
            let what = other.map_or_else(
                || format!("no deployment of release {release} began in {region}"),
                |closed| format!("{} closed release {release} in {region} at {} already", closed.by, closed.at),
            );
            return Err(Error::usage(what));
        }
    };
    (marker.kind, marker.why) = (MarkerKind::Close, Some(said(why)?));
    if !archive.append_document(&journal, number, render::json(&marker)?.into_bytes()).await? {
        return Err(Error::usage("another job changed it at the same moment: look, and try again"));
    }
    printer.stdout(&format!("closed: release {} in {}, begun at {}\n", marker.release, marker.region, open.at))?;
    Ok(Exit::Pass)
}

/// The archive, the journal, and a marker that says nothing yet.
async fn marker(which: &Which, at: &ArchiveArg, create: bool, by: &ByArg) -> Result<(Archive, Folder, Marker), Error> {
    let loaded = Loaded::find(which.config.config.as_deref())?;
    let (service, release) = named(which, &loaded)?;
    let journal = Folder::of(MARKERS, &service, Some(&which.region))?;
    let marker = Marker {
        format: Marker::FORMAT.to_owned(),
        kind: MarkerKind::Begin,
        service,
        region: which.region.clone(),
        release,
        at: SystemClock.now(),
        by: who(by)?,
        verdicts: BTreeSet::new(),
        why: None,
        ci: ci_identity(),
    };
    Ok((archive::open(&at.archive, create).await?, journal, marker))
}

pub(super) async fn stop(args: &GateStop, kind: StopKind, printer: &Printer) -> Result<Exit, Error> {
    let archive = archive::open(&args.archive.archive, args.force).await?;
    if let Some(service) = args.service.as_ref().filter(|_| kind == StopKind::Stop && !args.force) {
        let known: BTreeSet<String> = archive.entries().await?.into_iter().map(|entry| entry.service).collect();
        if !known.contains(service) {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let names = if names.is_empty() { "no service".to_owned() } else { names.join(", ") };
            return Err(Error::usage(format!(
                "the archive has no deployment of {service}; it has {names}: with --force it is stopped all the same"
            )));
        }
    }
    let journal = match &args.service {
        Some(service) => Folder::of(STOPS, service, None)?,
        None => Folder::of_all(STOPS),
    };
    let (number, before) = last::<Stop>(&archive, &journal).await?;
    let standing = before.filter(|before| before.kind == StopKind::Stop);
    let what = args.service.as_deref().unwrap_or("every service");
    match (&standing, kind) {
        (None, StopKind::Lift) => {
            return Err(Error::usage(format!("no stop of {what} stands: `casefile gate status` lists those that do")));
        }
        (None, StopKind::Stop) => {}
        (Some(Stop { by, at, why, .. }), _) => {
            let ends = if kind == StopKind::Stop { "this stop takes its place" } else { "it ends now" };
            printer.note(&format!("{by} stopped {what} at {at}: {why}; {ends}"));
        }
    }
    let stop = Stop {
        format: Stop::FORMAT.to_owned(),
        kind,
        service: args.service.clone(),
        at: SystemClock.now(),
        by: who(&args.by)?,
        why: said(&args.why)?,
    };
    if !archive.append_document(&journal, number, render::json(&stop)?.into_bytes()).await? {
        return Err(Error::usage("another job changed it at the same moment: look, and try again"));
    }
    let text = match args.format {
        TextFormat::Json => render::json(&stop)?,
        TextFormat::Terminal if kind == StopKind::Stop => {
            format!("{what} is stopped in every region, in {}\n", archive.name())
        }
        TextFormat::Terminal => format!("{what} is no longer stopped\n"),
    };
    printer.stdout(&text)?;
    Ok(Exit::Pass)
}

pub(super) async fn waive(args: &Waive, printer: &Printer) -> Result<Exit, Error> {
    let (question, policy) = asked(&args.which, &args.rules, args.of.into())?;
    let archive = archive::open(&args.archive.archive, false).await?;
    let now = SystemClock.now();
    let mut inputs = of_question(&archive, &question, &policy).await?;
    let before = judge(&question, &policy, inputs.clone(), now, ENGINE)?;
    let standing = || before.reasons.iter().filter(|reason| reason.outcome() != Outcome::Proceed);
    if let Some(other) = args.reasons.iter().find(|code| !standing().any(|reason| reason.code == **code)) {
        let codes: Vec<String> = standing().map(|reason| reason.code.to_string()).collect();
        let codes = if codes.is_empty() { "nothing".to_owned() } else { codes.join(", ") };
        return Err(Error::usage(format!("the gate does not name {other} now: {codes} keeps the release back")));
    }
    let covered = |code: Code| args.reasons.contains(&code);
    let waiver = Waiver {
        format: Waiver::FORMAT.to_owned(),
        kind: question.kind,
        service: question.service.clone(),
        region: question.region.clone(),
        release: question.release.clone(),
        reasons: standing().filter(|it| covered(it.code)).map(Waived::from).collect(),
        why: args.why.clone(),
        ticket: args.ticket.clone(),
        requested_by: args.requested_by.clone(),
        approved_by: args.approved_by.iter().cloned().collect(),
        created_at: now,
        expires_at: now.plus_millis(args.length.unwrap_or(policy.waiver_max).0),
        review_by: args.review_within.map(|within| now.plus_millis(within.0)),
        ci: ci_identity(),
    };
    waiver.validate(&policy).map_err(GateError::Waiver)?;
    if args.key.is_none() && !policy.waiver_keys.is_empty() {
        return Err(Error::usage("the policy has waiver_keys: give --key, to sign the waiver"));
    }
    let bytes = render::json(&waiver)?.into_bytes();
    let digest = waiver.digest()?;
    if let Some(key) = &args.key {
        let signer = Signer::open(key, None).await?;
        if !policy.waiver_keys.is_empty() && !policy.waiver_keys()?.contains(&signer.public()) {
            return Err(Error::usage(format!("the key {key} is none of the policy's waiver_keys")));
        }
        let said = Statement::of_document(&bytes, &digest, Predicate::Waiver).map_err(Error::internal)?;
        // Before the waiver: what is there without its signature counts for nothing.
        attest::keep(&archive, &digest, &signer.sign(&said).await?).await?;
        inputs.signatures.entry(digest.clone()).or_default().insert(signer.public().id());
    }
    let folder = Folder::of(WAIVERS, &question.service, Some(&question.region))?;
    archive.put_document(&folder, &digest, bytes).await?;
    inputs.waivers.push(waiver);
    let decision = judge(&question, &policy, inputs, now, ENGINE)?;
    printer.note(&format!("waiver {digest} is kept in {}; the gate now says:", archive.name()));
    printer.result(None, |style| render::decision(&decision, GateFormat::Terminal, style))?;
    Ok(Exit::Pass)
}

fn who(by: &ByArg) -> Result<String, Error> {
    let named = by.by.clone().or_else(|| variable("GITLAB_USER_LOGIN")).or_else(|| variable("USER"));
    named
        .filter(|name| !name.trim().is_empty())
        .ok_or_else(|| Error::usage("who? give --by (GITLAB_USER_LOGIN and USER are not set)"))
}

fn said(why: &str) -> Result<String, Error> {
    if why.trim().is_empty() { Err(Error::usage("--why is empty")) } else { Ok(why.to_owned()) }
}
