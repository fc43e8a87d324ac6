//! `reproduce` and `diff`: a verdict against the same judgement today, and against another verdict.

use std::path::{Path, PathBuf};

use casefile_analyzer::{Evidence, Pack, Settings, analyze};
use casefile_archive::{Archive, ArchiveError, VerdictFile};
use casefile_evidence::{Bundle, Timestamp};
use casefile_gate::Decision;
use serde_json::Value;

use super::archive::{self, Located, locate};
use super::{gate, kept_pack, options, pack};
use crate::cli::{Diff, FromArchive, Reproduce};
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::{Format, TextFormat};
use crate::output::Printer;
use crate::render::{self, BundleDifference, Compared};

pub(crate) async fn run(args: &Reproduce, printer: &Printer) -> Result<Exit, Error> {
    if let Some(decision) = decision(args).await? {
        return decided(&decision, args, printer).await;
    }
    let archive = opened(&args.from).await?;
    let kept = verdict(&args.verdict, archive.as_ref()).await?;
    let before = value(&kept)?;
    let bundle = bundle(args, &kept).await?;
    let sealed = Bundle::open(&bundle.path)?;
    let digest = sealed.digest().to_string();
    if kept.bundle() != Some(digest.as_str()) {
        return Err(Error::usage(format!(
            "the verdict is about the bundle {}, and this is {digest}: give --bundle that one",
            kept.bundle().unwrap_or("(none)")
        )));
    }
    let mut notes = Vec::new();
    let settings = settings(args, &kept, &sealed, archive.as_ref(), &mut notes).await?;
    let rules = rules(args, &kept, archive.as_ref(), &mut notes).await?;
    // A verdict of the whole bundle has its end as its moment.
    let as_of = before["as_of"].as_str().map(Timestamp::parse).transpose();
    let as_of = as_of.map_err(|error| Error::usage(format!("the verdict's as_of: {error}")))?;
    let as_of = as_of.filter(|at| sealed.manifest().window.to.is_none_or(|end| *at < end));
    let history = serde_json::from_value(before["history"].clone())
        .map_err(|error| Error::usage(format!("the history of the verdict: {error}")))?;
    let evidence = Evidence::bundle(&sealed)?.with_history(history);
    let again = analyze(&evidence, &rules, &settings, &options(&args.judge.engine, as_of)).await?;
    let after = render::verdict(&again, Format::Json, Printer::file_style())?;
    let after = serde_json::from_str(&after).map_err(Error::internal)?;
    told(&Compared { before, after, notes }, args.format, printer)
}

/// The decision of the gate that the argument names, if it names one.
async fn decision(args: &Reproduce) -> Result<Option<Decision>, Error> {
    if args.verdict.exists() {
        let text = std::fs::read_to_string(&args.verdict).map_err(Error::io("read", &args.verdict))?;
        let format =
            serde_json::from_str::<Value>(&text).ok().and_then(|value| value["format"].as_str().map(str::to_owned));
        return match format.as_deref() {
            Some(Decision::FORMAT) => Ok(Some(gate::read(&args.verdict, &args.from).await?)),
            _ => Ok(None),
        };
    }
    match gate::read(&args.verdict, &args.from).await {
        Ok(decision) => Ok(Some(decision)),
        Err(Error::Archive(ArchiveError::NotThere { .. }) | Error::Usage(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn decided(decision: &Decision, args: &Reproduce, printer: &Printer) -> Result<Exit, Error> {
    let differences = gate::again(decision, &args.from).await?;
    let same = differences.is_empty();
    printer.result(None, |_| {
        Ok(match args.format {
            TextFormat::Json => format!(
                "{}\n",
                serde_json::json!({ "decision": decision.digest, "outcome": decision.outcome, "same": same, "differences": differences })
            ),
            TextFormat::Terminal if same => format!("SAME  {}  {}\n", decision.outcome, decision.digest),
            TextFormat::Terminal => format!("DIFFERENT  {}\n  {}\n", decision.digest, differences.join("\n  ")),
        })
    })?;
    Ok(if same { Exit::Pass } else { Exit::Fail })
}

pub(crate) async fn diff(args: &Diff, printer: &Printer) -> Result<Exit, Error> {
    // An archive that nothing is asked of need not be there.
    let archive = match args.before.exists() && args.after.exists() {
        true => None,
        false => opened(&args.from).await?,
    };
    let (before, after) = match (bundle_named(&args.before, args).await?, bundle_named(&args.after, args).await?) {
        (None, None) => (&args.before, &args.after),
        (Some(before), Some(after)) => {
            let difference = BundleDifference::of(&Bundle::open(&before.path)?, &Bundle::open(&after.path)?)?;
            printer.result(None, |style| render::bundles(&difference, args.format, style))?;
            return Ok(if difference.is_same() { Exit::Pass } else { Exit::Fail });
        }
        _ if args.from.archive.is_none() && [&args.before, &args.after].iter().any(|named| !named.exists()) => {
            let missing = if args.before.exists() { &args.after } else { &args.before };
            return Err(Error::usage(format!("{} does not exist", missing.display())));
        }
        _ => {
            return Err(Error::usage("one of the two is a bundle, the other is not: give two bundles or two verdicts"));
        }
    };
    let before = value(&verdict(before, archive.as_ref()).await?)?;
    let after = value(&verdict(after, archive.as_ref()).await?)?;
    told(&Compared { before, after, notes: Vec::new() }, args.format, printer)
}

/// The bundle that an argument names; `None` if it names none: then it should be a verdict.
async fn bundle_named(named: &Path, args: &Diff) -> Result<Option<Located>, Error> {
    let is_bundle = named.is_dir() || named.extension().is_some_and(|extension| extension == "tar");
    if named.exists() && !is_bundle {
        return Ok(None);
    }
    match locate(named, &args.from).await {
        Ok(located) if located.path.exists() => Ok(Some(located)),
        Ok(_) | Err(Error::Archive(ArchiveError::NotThere { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

fn told(compared: &Compared, format: TextFormat, printer: &Printer) -> Result<Exit, Error> {
    printer.result(None, |style| render::difference(compared, format, style))?;
    Ok(if compared.is_same() { Exit::Pass } else { Exit::Fail })
}

async fn opened(from: &FromArchive) -> Result<Option<Archive>, Error> {
    match &from.archive {
        Some(place) => Ok(Some(archive::open(place, false).await?)),
        None => Ok(None),
    }
}

/// A verdict that an argument names: a file, or the first digits of its digest.
async fn verdict(named: &Path, archive: Option<&Archive>) -> Result<VerdictFile, Error> {
    match archive {
        Some(archive) if !named.exists() => Ok(archive.verdict(&named.to_string_lossy()).await?),
        _ => archive::verdict(named),
    }
}

fn value(verdict: &VerdictFile) -> Result<Value, Error> {
    serde_json::from_slice(&verdict.bytes).map_err(Error::internal)
}

async fn bundle(args: &Reproduce, verdict: &VerdictFile) -> Result<Located, Error> {
    let named = match (&args.bundle, verdict.bundle(), &args.from.archive) {
        (Some(bundle), ..) => bundle.clone(),
        (None, Some(digest), Some(_)) => PathBuf::from(digest),
        (None, None, _) => return Err(Error::usage("the verdict names no bundle: it cannot be reproduced")),
        (None, Some(_), None) => {
            return Err(Error::usage("which bundle? give --bundle, or the --archive that has it"));
        }
    };
    locate(&named, &args.from).await
}

/// The settings that the verdict was computed with: `--config`, else those of the archive, else those sealed into the
/// bundle.
async fn settings(
    args: &Reproduce,
    verdict: &VerdictFile,
    bundle: &Bundle,
    archive: Option<&Archive>,
    notes: &mut Vec<String>,
) -> Result<Settings, Error> {
    if args.judge.config.config.is_none()
        && let Some(archive) = archive
        && let Some(bytes) = archive.kept("configs", verdict.config()).await?
    {
        return serde_json::from_slice(&bytes).map_err(|error| {
            Error::usage(format!("the settings of the archive cannot be read by this casefile: {error}"))
        });
    }
    let loaded = Loaded::for_bundle(args.judge.config.config.as_deref(), bundle.manifest().config.as_ref())?;
    let settings = loaded.config.settings();
    let found = settings.digest()?.to_string();
    if found != verdict.config() && args.judge.config.config.is_none() {
        notes.push(
            "the settings of the verdict are not at hand: give --config, or the --archive that has them".to_owned(),
        );
    }
    Ok(settings)
}

/// The checks that computed the verdict: `--queries`, else those of the archive, else those that ship with this program.
async fn rules(
    args: &Reproduce,
    verdict: &VerdictFile,
    archive: Option<&Archive>,
    notes: &mut Vec<String>,
) -> Result<Pack, Error> {
    let given = &args.judge.pack;
    let own = pack(given)?;
    if own.digest().to_string() == verdict.pack() || given.queries.is_some() || given.extra_queries.is_some() {
        return Ok(own);
    }
    let kept = match archive {
        Some(archive) => archive.kept("packs", verdict.pack()).await?,
        None => None,
    };
    let Some(bytes) = kept else {
        notes.push(
            "the checks of the verdict are not at hand: give --queries, or the --archive that has them".to_owned(),
        );
        return Ok(own);
    };
    let pack = kept_pack(&bytes)?;
    if pack.digest().to_string() != verdict.pack() {
        notes.push("the views that the checks build on changed with this version of casefile".to_owned());
    }
    Ok(pack)
}
