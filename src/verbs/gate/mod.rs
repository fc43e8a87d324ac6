//! `gate`: may a release go to the next region?

mod inputs;
mod mark;
mod plan;
mod status;

use std::path::Path;
use std::time::Duration;

use casefile_archive::{Archive, DECISIONS, Partition};
use casefile_collector::clock::{Clock, SystemClock};
use casefile_collector::normalise::short_name;
use casefile_evidence::Timestamp;
use casefile_gate::{Decision, Inputs, Kind, Outcome, Policy, Question, judge};

use super::{archive, pack};
use crate::cli::{Ask, FromArchive, GateVerb, PackArgs, PolicyArg, Which};
use crate::config::{Loaded, read_train};
use crate::error::Error;
use crate::exit::Exit;
use crate::format::GateFormat;
use crate::output::Printer;
use crate::place::write_file;
use crate::render;
use crate::say;
use crate::target::{ci_identity, pipeline, release_in_ci, variable};

/// While the gate holds, the archive is asked this often.
const ASK_EVERY: Duration = Duration::from_secs(15);
const ENGINE: &str = env!("CARGO_PKG_VERSION");

pub(crate) async fn run(verb: &GateVerb, printer: &Printer) -> Result<Exit, Error> {
    match verb {
        GateVerb::Region(args) => ask(args, Kind::Region, printer).await,
        GateVerb::Service(args) => ask(args, Kind::Service, printer).await,
        GateVerb::Plan(args) => plan::run(args, printer).await,
        GateVerb::Status(args) => status::run(args, printer).await,
        GateVerb::Begin { which, archive, by } => mark::begin(which, archive, by, printer).await,
        GateVerb::Close { which, archive, by, why } => mark::close(which, archive, by, why, printer).await,
        GateVerb::Stop(args) => mark::stop(args, casefile_gate::StopKind::Stop, printer).await,
        GateVerb::Lift(args) => mark::stop(args, casefile_gate::StopKind::Lift, printer).await,
        GateVerb::Waive(args) => mark::waive(args, printer).await,
        GateVerb::Explain { decision, from, format } => {
            let decision = read(decision, from).await?;
            printer.result(None, |style| render::decision(&decision, *format, style))?;
            Ok(Exit::Pass)
        }
    }
}

async fn ask(args: &Ask, kind: Kind, printer: &Printer) -> Result<Exit, Error> {
    let (question, policy) = asked(&args.which, &args.rules, kind)?;
    let archive = match &args.from.archive {
        Some(place) => Some(archive::open(place, false).await?),
        None if args.verdicts.is_empty() => {
            return Err(Error::usage("which verdicts? give --archive, or --verdict FILE"));
        }
        None => None,
    };
    let moment = moment(args.now.as_deref())?;
    let clock = SystemClock;
    let until = args.wait.map(|wait| clock.now().plus_millis(wait.0));
    let mut told = String::new();
    let decision = loop {
        let now = moment.unwrap_or_else(|| clock.now());
        let mut inputs = match &archive {
            Some(archive) => inputs::of_question(archive, &question, &policy).await?,
            None => Inputs::default(),
        };
        let files = inputs::of_files(&args.verdicts, &policy)?;
        inputs.records.extend(files.records);
        for (digest, by) in files.signatures {
            inputs.signatures.entry(digest).or_default().extend(by);
        }
        let mut decision = judge(&question, &policy, inputs, now, ENGINE)?;
        decision.ci = ci_identity();
        let left = until.map_or(0, |until| until.millis_since(now));
        if decision.outcome != Outcome::Hold || left <= 0 {
            break decision;
        }
        let line = render::gate_headline(&decision);
        if line != told {
            printer.note(&format!("HOLD  {line}"));
            told = line;
        }
        let turns = decision.next_at.map_or(i64::MAX, |at| at.millis_since(now));
        let pause = left.min(turns.max(100)).min(i64::try_from(ASK_EVERY.as_millis()).unwrap_or(i64::MAX));
        tokio::time::sleep(Duration::from_millis(u64::try_from(pause).unwrap_or_default())).await;
    };
    for (format, path) in &args.reports {
        write_file(path, &render::decision(&decision, *format, Printer::file_style())?)?;
    }
    printer.result(None, |style| render::decision(&decision, args.format, style))?;
    let exit = exit_of(decision.outcome);
    if let Some(archive) = archive.filter(|_| !args.no_keep && moment.is_none())
        && let Err(error) = keep(&archive, &decision).await
    {
        say::error(&error);
        printer.warn("the decision is not in the archive: with --no-keep it need not be");
        // Nothing proceeds by a decision that nobody can find again.
        return Ok(if exit == Exit::Pass { Exit::Internal } else { exit });
    }
    Ok(exit)
}

fn moment(now: Option<&str>) -> Result<Option<Timestamp>, Error> {
    now.map(Timestamp::parse).transpose().map_err(|error| Error::usage(format!("--now: {error}")))
}

fn exit_of(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Proceed => Exit::Pass,
        Outcome::Hold => Exit::Inconclusive,
        Outcome::Refuse => Exit::Fail,
    }
}

async fn keep(archive: &Archive, decision: &Decision) -> Result<(), Error> {
    let question = &decision.question;
    let folder = Partition::new(&question.service, Some(&question.region), Some(decision.now))?.documents(DECISIONS);
    let json = render::decision(decision, GateFormat::Json, Printer::file_style())?;
    Ok(archive.put_document(&folder, &decision.digest, json.into_bytes()).await?)
}

/// The question and the policy.
fn asked(which: &Which, rules: &PolicyArg, kind: Kind) -> Result<(Question, Policy), Error> {
    let loaded = Loaded::find(which.config.config.as_deref())?;
    let (service, release) = named(which, &loaded)?;
    let policy = match &rules.policy {
        Some(path) => read_train(path)?.policy(&service)?.clone(),
        None => loaded.config.gate.clone().ok_or_else(|| {
            Error::usage(
                "which policy? give --policy, or [gate] in casefile.toml, e.g. \
                 `waves = [[\"ap-southeast-2\"], [\"eu-west-1\"]]`",
            )
        })?,
    };
    if let Some((other, _)) =
        rules.needs.iter().find(|(name, _)| !policy.needs.iter().any(|need| need.service == *name))
    {
        return Err(Error::usage(format!("--needs: {service} does not need {other}")));
    }
    let counted = pipeline(variable);
    let question = Question {
        kind,
        service,
        region: which.region.clone(),
        release,
        sequence: which.sequence.or(counted.as_ref().map(|(number, _)| *number)),
        project: which.project.clone().or(counted.map(|(_, project)| project)),
        images: which.image_digest.iter().cloned().collect(),
        // An orchestrator has a policy, and no config of the service.
        config: if loaded.origin.is_some() { Some(loaded.config.settings().digest()?.to_string()) } else { None },
        pack: if policy.same_pack { Some(pack(&PackArgs::default())?.digest().to_string()) } else { None },
        needs: rules.needs.iter().cloned().collect(),
    };
    Ok((question, policy))
}

/// The service and the release.
fn named(which: &Which, loaded: &Loaded) -> Result<(String, String), Error> {
    let config = &loaded.config;
    let service = which.service.clone().or_else(|| config.target.service.clone()).or_else(|| config.service.clone());
    let service =
        service.ok_or_else(|| Error::usage("which service? give --service, or `service` in casefile.toml"))?;
    let release = which.release.clone().filter(|name| !name.is_empty()).or_else(release_in_ci);
    let release = release.ok_or_else(|| Error::usage("which release? give --release"))?;
    Ok((short_name(&service).to_owned(), release))
}

/// A decision that an argument names: a file, or the first digits of its digest.
pub(crate) async fn read(named: &Path, from: &FromArchive) -> Result<Decision, Error> {
    let (place, bytes) = match &from.archive {
        Some(place) if !named.exists() => {
            let (key, bytes) = archive::open(place, false).await?.decision(&named.to_string_lossy()).await?;
            (key, bytes.to_vec())
        }
        None if !named.exists() => {
            let named = named.display();
            return Err(Error::usage(format!("{named} is no file; a decision of an archive needs --archive")));
        }
        _ => (named.display().to_string(), std::fs::read(named).map_err(Error::io("read", named))?),
    };
    Decision::read(&bytes).map_err(|problem| Error::Document { place, problem })
}

/// Decides again from what the decision kept, and compares it with the verdicts of the archive. Returns the differences.
pub(crate) async fn again(decision: &Decision, from: &FromArchive) -> Result<Vec<String>, Error> {
    let mut differences = Vec::new();
    let again = judge(&decision.question, &decision.policy, decision.inputs.clone(), decision.now, &decision.engine)?;
    if again.digest != decision.digest {
        differences.push(format!(
            "it comes out as {} now, with the digest {}: this casefile ({ENGINE}) decides otherwise than {}",
            again.outcome, again.digest, decision.engine
        ));
    }
    if let Some(place) = &from.archive {
        let archive = archive::open(place, false).await?;
        let places = inputs::places(&decision.question, &decision.policy);
        let kept = inputs::records(&archive, &archive.entries().await?, &places).await?;
        for record in &decision.inputs.records {
            if !kept.contains(record) {
                let digest = record.verdict.as_deref().unwrap_or("(none)");
                differences
                    .push(format!("{}: the archive does not have the verdict {digest} as it was used", record.region));
            }
        }
        let signed = inputs::signatures(&archive, &decision.inputs, &decision.policy).await?;
        for (digest, by) in &decision.inputs.signatures {
            if signed.get(digest).is_none_or(|known| !by.is_subset(known)) {
                differences.push(format!("the archive does not have the signatures of {digest} that were used"));
            }
        }
        let (service, region) = (&decision.question.service, &decision.question.region);
        let waivers = inputs::waivers(&archive, service, region).await?;
        for waiver in decision.inputs.waivers.iter().filter(|waiver| !waivers.contains(waiver)) {
            differences.push(format!("the archive does not have the waiver that {} asked for", waiver.requested_by));
        }
    }
    Ok(differences)
}
