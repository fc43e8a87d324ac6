//! `backtest`: other rules on the deployments of an archive.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use casefile_analyzer::{Engine, Pack};
use casefile_archive::Entry;
use casefile_evidence::Digest;
use serde::{Deserialize, Serialize};

use super::archive::{newest, open};
use super::{options, pack};
use crate::backtest::{Job, Judging, OtherRules, Outcome, Rules, Table, run as judge};
use crate::cli;
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::operator::{ArchiveAt, Place};
use crate::output::Printer;
use crate::place::{STDOUT, can_be_written, folder_of, s3_url};
use crate::render;
use crate::target::check;

/// The word for the verdicts that the archive has.
const SEALED: &str = "sealed";

/// The version of [`Outcome`] in a file that `--resume` wrote.
const FORM: u32 = 1;

pub(crate) async fn run(args: &cli::Backtest, printer: &Printer) -> Result<Exit, Error> {
    let files: Vec<&Path> =
        [&args.output, &args.outcomes, &args.resume].into_iter().flatten().map(PathBuf::as_path).collect();
    if [&args.outcomes, &args.resume].into_iter().any(|file| file.as_deref() == Some(Path::new(STDOUT))) {
        return Err(Error::usage("- is standard output: --outcomes and --resume need the name of a file"));
    }
    if let Some(file) = args.resume.as_deref().filter(|file| Table::is_meant(file)) {
        let file = file.display();
        return Err(Error::usage(format!(
            "{file}: --resume keeps JSON lines, and not Parquet: name it .jsonl; --outcomes writes Parquet"
        )));
    }
    for (number, file) in files.iter().enumerate() {
        can_be_written(file)?;
        if files[..number].contains(file) {
            return Err(Error::usage(format!("{} is named twice: give each result a file of its own", file.display())));
        }
    }
    let rules = pack(&args.judge.pack)?;
    let loaded = args.judge.config.config.as_deref().map(|file| Loaded::find(Some(file))).transpose()?;
    if let Some(loaded) = &loaded {
        check(loaded, &rules)?;
    }
    let settings = loaded.as_ref().map(|loaded| loaded.config.settings());
    let options = options(&args.judge.engine, None);
    let rules_digest = rules.digest().to_string();
    let mut base = Base { name: args.base.clone(), ..Base::default() };
    let before = match args.base.as_str() {
        SEALED if args.base_queries.is_some() => {
            return Err(Error::usage("--base-queries needs --base FILE: `sealed` verdicts have their own checks"));
        }
        SEALED => None,
        file => {
            let old = Loaded::find(Some(Path::new(file)))?;
            let pack = match &args.base_queries {
                Some(folder) => Pack::from_dir(folder).map_err(|errors| Error::Analyze(errors.into()))?,
                None => rules.clone(),
            };
            check(&old, &pack)?;
            base.config = Some(old.config.settings().digest()?.to_string());
            base.rules = Some(pack.digest().to_string());
            Some((pack, old.config.settings()))
        }
    };
    let (archive, cost) = open(&args.archive.archive, false).await?.counting();
    let labels = archive.labels().await?;
    let mut filter = args.filter.clone();
    // A config is of one service.
    filter.service = filter.service.or_else(|| settings.as_ref().and_then(|settings| settings.service.clone()));
    let mut entries = newest(archive.entries().await?, &filter);
    if entries.is_empty() {
        let of = filter.service.map(|service| format!(" of service {service}")).unwrap_or_default();
        return Err(Error::usage(format!(
            "{} has no such deployment{of}: see `casefile archive list`",
            archive.name()
        )));
    }
    sample(&mut entries, args.sample.and_then(|most| usize::try_from(most).ok()));
    let entries: Vec<Arc<Entry>> = entries.into_iter().map(Arc::new).collect();
    let key = Key {
        form: FORM,
        rules: rules_digest,
        config: settings.as_ref().map(|settings| settings.digest()).transpose()?.map(|digest| digest.to_string()),
        base,
        engine: Engine::current(),
        whole: args.whole,
        labels: Digest::of(&serde_json::to_vec(&labels).map_err(Error::internal)?).to_string(),
    };
    let (mut done, mut resumed) = match &args.resume {
        Some(file) => {
            let (done, kept) = resume(file, &key, printer)?;
            (done, Some(kept))
        }
        None => (BTreeMap::new(), None),
    };
    // An outcome whose deployment has a newer verdict since is judged again.
    let verdicts: HashMap<&str, &Option<String>> =
        entries.iter().map(|entry| (entry.bundle.as_str(), &entry.verdict_digest)).collect();
    done.retain(|bundle, outcome| verdicts.get(bundle.as_str()).is_some_and(|digest| **digest == outcome.base));
    let mut outcomes = args.outcomes.as_deref().map(Outcomes::create).transpose()?;
    if let Some(outcomes) = &mut outcomes {
        done.values().try_for_each(|outcome| outcomes.add(outcome))?;
    }
    let job = Job {
        archive: ArchiveAt::new(&args.archive.archive, entries.iter().map(Arc::as_ref))?,
        checks: rules.to_json(),
        settings,
        base: before.as_ref().map(|(pack, settings)| OtherRules { checks: pack.to_json(), settings: settings.clone() }),
        whole: args.whole,
        labelled: entries.iter().map(|entry| &entry.bundle).filter(|it| labels.contains_key(*it)).cloned().collect(),
    };
    let name = archive.name().to_owned();
    // Bundles of S3 are waited for: others are judged meanwhile.
    let is_s3 = s3_url(Path::new(&args.archive.archive)).is_some();
    let at_once = options.threads.max(1) * if is_s3 { 2 } else { 1 };
    let before = match before {
        None => Rules::sealed(rules.clone()),
        Some((pack, settings)) => Rules::given(pack, settings, &options).await?,
    };
    let backtest = job.with(archive, rules, before, entries.clone(), options).await?;
    let judging = Judging::ready(job, Arc::new(backtest));
    let place = Place::Here(at_once).or_cluster(args.engine.as_ref());
    let mut keep = |outcome: &Outcome| {
        if let Some((path, file)) = &mut resumed {
            write(path, file, outcome)?;
        }
        outcomes.as_mut().map_or(Ok(()), |outcomes| outcomes.add(outcome))
    };
    let report = judge(judging, &place, &entries, &labels, done, &mut keep).await?;
    outcomes.map_or(Ok(()), Outcomes::finish)?;
    printer.result(args.output.as_deref(), |style| render::backtest(&report, &name, args.format, style))?;
    // Beside the result, which is the same however much had to be read for it.
    // On a cluster the executors read it.
    if is_s3 && args.engine.is_none() {
        printer.note(&render::cost(&name, &cost));
    }
    Ok(if !report.problems.is_empty() {
        Exit::Integrity
    } else if report.total() == 0 {
        // Nothing compared is not nothing turned.
        Exit::Inconclusive
    } else if report.flips().next().is_some() && !args.allow_flips {
        Exit::Fail
    } else {
        Exit::Pass
    })
}

/// Every n-th of them, so that few are left and every time is among them.
fn sample(entries: &mut Vec<Entry>, most: Option<usize>) {
    let (all, Some(most)) = (entries.len(), most.filter(|most| *most < entries.len())) else { return };
    let mut place = 0;
    entries.retain(|_| {
        place += 1;
        (place * most) / all != ((place - 1) * most) / all
    });
}

/// The first line of a file that `--resume` wrote: what its outcomes depend on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    /// The version of the outcomes' form.
    #[serde(default)]
    form: u32,
    rules: String,
    config: Option<String>,
    base: Base,
    engine: Engine,
    whole: bool,
    labels: String,
}

/// What is compared with.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Base {
    name: String,
    rules: Option<String>,
    config: Option<String>,
}

/// A file that outcomes are written to, with its path.
type Kept = (PathBuf, File);

fn create(path: &Path) -> Result<Kept, Error> {
    folder_of(path).map_err(Error::io("create the folder of", path))?;
    Ok((path.to_owned(), File::create(path).map_err(Error::io("write", path))?))
}

fn write(path: &Path, file: &mut File, line: &impl Serialize) -> Result<(), Error> {
    let line = serde_json::to_string(line).map_err(Error::internal)?;
    writeln!(file, "{line}").map_err(Error::io("write", path))
}

/// The file of `--outcomes`: its name chooses the form.
enum Outcomes {
    Lines(Kept),
    Table(Table),
}

impl Outcomes {
    fn create(path: &Path) -> Result<Self, Error> {
        if Table::is_meant(path) { Table::new(path).map(Self::Table) } else { create(path).map(Self::Lines) }
    }

    fn add(&mut self, outcome: &Outcome) -> Result<(), Error> {
        match self {
            Self::Lines((path, file)) => write(path, file, outcome),
            Self::Table(table) => table.add(outcome),
        }
    }

    fn finish(self) -> Result<(), Error> {
        match self {
            Self::Lines(_) => Ok(()),
            Self::Table(table) => table.finish(),
        }
    }
}

/// The outcomes of an earlier run, and the file for further ones. A file of other rules is begun anew.
fn resume(path: &Path, key: &Key, printer: &Printer) -> Result<(BTreeMap<String, Outcome>, Kept), Error> {
    let not_ours = || {
        Error::usage(format!(
            "{} is not a file that --resume wrote (that of --outcomes does not say of which rules it is): choose another",
            path.display()
        ))
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) if error.kind() == ErrorKind::InvalidData => return Err(not_ours()),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    // A run that was killed may have written half a line: that deployment is judged again.
    let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let first = lines.next().map(serde_json::from_str::<Key>);
    let done: Vec<Outcome> = match first {
        Some(Ok(known)) if known == *key => {
            lines.map(serde_json::from_str).collect::<Result<_, _>>().map_err(|_| not_ours())?
        }
        Some(Err(_)) => return Err(not_ours()),
        Some(Ok(_)) => {
            printer.warn(&format!(
                "{} is of other rules or labels, or of another casefile: it is begun anew",
                path.display()
            ));
            Vec::new()
        }
        None => Vec::new(),
    };
    // Written beside it first, so that a run that is killed now loses nothing.
    let new = path.with_extension("new");
    let mut kept = create(&new)?;
    write(&new, &mut kept.1, key)?;
    for outcome in &done {
        write(&new, &mut kept.1, outcome)?;
    }
    fs::rename(&new, path).map_err(Error::io("write", path))?;
    let kept = (path.to_owned(), kept.1);
    Ok((done.into_iter().map(|outcome| (outcome.bundle.clone(), outcome)).collect(), kept))
}
