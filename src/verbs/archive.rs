//! `archive`: bundles and verdicts, kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use casefile_analyzer::{Pack, Settings};
use casefile_archive::{Added, Archive, Entry, Kept, Label, Problem, Role, Truth, VerdictFile, VerifyOptions};
use casefile_collector::aws::{Aws, ConnectOptions, Lock, S3Url};
use casefile_collector::clock::{Clock, SystemClock};
use casefile_collector::plan;
use casefile_evidence::Bundle;

use super::pack;
use crate::cli::{ArchiveVerb, FilterArgs, FromArchive};
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::RolesFormat;
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::place::{is_free, read_input, s3_url, temporary};
use crate::render;
use crate::say::tell;
use crate::target::variable;

pub(crate) async fn run(verb: &ArchiveVerb, printer: &Printer) -> Result<Exit, Error> {
    match verb {
        ArchiveVerb::Add { bundle, verdicts, archive, lock, config, pack: rules } => {
            let archive = open_locking(&archive.archive, lock.lock()).await?;
            let sealed = Bundle::open(bundle)?;
            let loaded = Loaded::for_bundle(config.config.as_deref(), sealed.manifest().config.as_ref())?;
            let mut keep = kept(&pack(rules)?, &loaded.config.settings())?;
            let verdicts: Vec<VerdictFile> = verdicts.iter().map(|path| verdict(path)).collect::<Result<_, _>>()?;
            // A verdict of other rules is kept without them.
            keep.retain(|it| {
                verdicts.iter().any(|verdict| verdict.pack() == it.digest || verdict.config() == it.digest)
            });
            for verdict in &verdicts {
                if [verdict.pack(), verdict.config()].iter().any(|digest| !keep.iter().any(|it| it.digest == *digest)) {
                    printer.warn(&format!(
                        "the checks or the config of the verdict {} are not at hand, so they are not kept: give --config and \
                         --queries as they were, to reproduce it later",
                        verdict.digest()
                    ));
                }
            }
            let added = archive.add(bundle, &verdicts, &keep).await?;
            printer.stdout(&told(&archive, &added))?;
            Ok(Exit::Pass)
        }
        ArchiveVerb::List { archive, filter, output, format } => {
            let entries = newest(open(&archive.archive, false).await?.entries().await?, filter);
            printer.result(output.as_deref(), |style| render::list(&entries, *format, style))?;
            Ok(Exit::Pass)
        }
        ArchiveVerb::Stats { archive, filter, output, format } => {
            let entries = newest(open(&archive.archive, false).await?.entries().await?, filter);
            let stats = casefile_archive::stats(&entries);
            printer.result(output.as_deref(), |style| render::stats(&stats, *format, style))?;
            Ok(Exit::Pass)
        }
        ArchiveVerb::Compact { archive, athena: true, .. } => {
            if s3_url(Path::new(&archive.archive)).is_none() {
                return Err(Error::usage("Athena reads S3: give --archive s3://BUCKET/PREFIX"));
            }
            printer.stdout(&casefile_archive::athena(&archive.archive))?;
            Ok(Exit::Pass)
        }
        ArchiveVerb::Compact { archive, whole, .. } => {
            let archive = open(&archive.archive, false).await?;
            let mut changed = Vec::new();
            let interrupt = Interrupt::watch()?;
            let mut done = |month: &casefile_archive::Compacted| changed.push(month.clone());
            tokio::select! {
                biased;
                () = interrupt.caught("interrupted: the months that are done stay; run it again for the others") => {
                    return Ok(Exit::Internal);
                }
                compacted = archive.compact(*whole, SystemClock.now(), &mut done) => compacted?,
            }
            printer.stdout(&render::compacted(archive.name(), &changed))?;
            let sound = changed.iter().all(|month| month.problems.is_empty());
            Ok(if sound { Exit::Pass } else { Exit::Integrity })
        }
        ArchiveVerb::Roles { archive, kms_key, waiver_kms_key, lock, format } => {
            let (bucket, prefix) = bucket(&archive.archive)?;
            let (kms_key, waiver_kms_key) = (kms_key.as_deref(), waiver_kms_key.as_deref());
            // As the AWS CLI takes it: an ARN names no region of a bucket, but its partition.
            let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_default();
            let partition = casefile_archive::AwsPartition::of(&region);
            let place = casefile_archive::Place { bucket, prefix, kms_key, waiver_kms_key, lock: *lock, partition };
            printer.stdout(&roles(&place, *format)?)?;
            Ok(Exit::Pass)
        }
        ArchiveVerb::Label { digest, truth, why, by, archive } => {
            let archive = open(&archive.archive, false).await?;
            let entry = archive.find(digest).await?;
            let by = by.clone().or_else(|| variable("GITLAB_USER_LOGIN")).or_else(|| variable("USER"));
            let label = Label {
                format: Label::FORMAT.to_owned(),
                bundle: entry.bundle.clone(),
                truth: if truth == "bad" { Truth::Bad } else { Truth::Good },
                why: why.clone(),
                by: by.ok_or_else(|| Error::usage("nobody is named: give --by"))?,
                at: SystemClock.now(),
            };
            archive.label(&label).await?;
            printer.stdout(&format!("{}: {truth}: {why}\n", entry.bundle))?;
            Ok(Exit::Pass)
        }
        ArchiveVerb::Index { archive } => {
            let archive = open(&archive.archive, false).await?;
            let rebuilt = archive.rebuild(&mut |done, all| tell(|| format!("reading bundle {done} of {all}"))).await?;
            for Problem { key, problem } in &rebuilt.problems {
                printer.warn(&format!("left out: {key}: {problem}"));
            }
            printer.stdout(&format!("{}: {} rows in the index\n", archive.name(), rebuilt.rows))?;
            Ok(if rebuilt.problems.is_empty() { Exit::Pass } else { Exit::Integrity })
        }
        ArchiveVerb::Fetch { digest, archive, output } => {
            let archive = open(&archive.archive, false).await?;
            let entry = archive.find(digest).await?;
            let to = output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.tar", entry.bundle)));
            is_free(&to, "exists already: choose another file with -o")?;
            archive.fetch(&entry, &to).await?;
            printer.stdout(&format!("{}  sha256:{}\n", to.display(), entry.bundle))?;
            Ok(Exit::Pass)
        }
        ArchiveVerb::Verify { archive, sample, seed, resume, format } => {
            let archive = open(&archive.archive, false).await?;
            let done = resume.as_deref().map(read_done).transpose()?.unwrap_or_default();
            let mut file = resume.as_deref().map(append_to).transpose()?;
            let mut lost = None;
            let mut checked = 0;
            let mut sound = |key: &str| {
                checked += 1;
                tell(|| format!("checking bundles: {checked}"));
                if let Some(file) = &mut file
                    && let Err(error) = writeln!(file, "{key}")
                {
                    lost.get_or_insert(error);
                }
            };
            let options = VerifyOptions { sample: *sample, seed: *seed, done };
            let verified = archive.verify(&options, &mut sound).await?;
            if let Some(error) = lost {
                printer.warn(&format!("--resume could not be written: {error}"));
            }
            printer.result(None, |_| render::verified(archive.name(), &verified, *format))?;
            Ok(if verified.problems.is_empty() { Exit::Pass } else { Exit::Integrity })
        }
    }
}

/// The bucket and the prefix of an archive. Not only names: Terraform's `${var.bucket}` too.
fn bucket(place: &str) -> Result<(&str, &str), Error> {
    let named = place.strip_prefix(S3Url::SCHEME).map(|rest| rest.trim_end_matches('/'));
    let named = named.filter(|named| !named.is_empty() && !named.contains(['*', '?', ' ']) && !named.contains(".."));
    let named = named.ok_or_else(|| Error::usage("IAM knows S3: give --archive s3://BUCKET/PREFIX"))?;
    Ok(named.split_once('/').unwrap_or((named, "")))
}

/// The IAM policies of each role.
fn roles(place: &casefile_archive::Place<'_>, format: RolesFormat) -> Result<String, Error> {
    let policy = |role: Role| role.policy(place);
    if format == RolesFormat::Json {
        let by_name: BTreeMap<&str, _> = Role::ALL.into_iter().map(|role| (role.name(), policy(role))).collect();
        return Ok(serde_json::to_string_pretty(&by_name).map_err(Error::internal)? + "\n");
    }
    let document = |role: Role| {
        let policy = plan::terraform(&policy(role), &format!("casefile_{}", role.name()));
        format!("# {}\n{policy}", role.about())
    };
    Ok(Role::ALL.map(document).join("\n"))
}

/// Opens an archive: a folder, or `s3://BUCKET/PREFIX`.
pub(crate) async fn open(place: &str, create: bool) -> Result<Archive, Error> {
    if place.is_empty() {
        return Err(Error::usage("the archive's place is empty: give --archive, or unset CASEFILE_ARCHIVE"));
    }
    match s3_url(Path::new(place)) {
        Some(url) => in_s3(url, None).await,
        None => Ok(Archive::on_disk(Path::new(place), create)?),
    }
}

/// Opens an archive to add to it, with a retention of what is added.
pub(crate) async fn open_locking(place: &str, lock: Option<Lock>) -> Result<Archive, Error> {
    match (s3_url(Path::new(place)), lock) {
        (Some(url), lock) => in_s3(url, lock).await,
        (None, None) => open(place, true).await,
        (None, Some(_)) => Err(Error::usage("--lock: only S3 has Object Lock; give --archive s3://BUCKET/PREFIX")),
    }
}

async fn in_s3(url: &str, lock: Option<Lock>) -> Result<Archive, Error> {
    let url = S3Url::parse(url)?;
    let aws = Aws::connect(ConnectOptions::default()).await?;
    let store = aws.store(url.clone()).await?;
    let archive = Archive::in_store(store.objects(), url.key().clone(), url.to_string());
    Ok(match lock {
        Some(lock) => archive.with_locking_store(aws.locking_store(url, lock).await?.objects()),
        None => archive,
    })
}

/// A bundle that an argument names, on disk.
pub(crate) struct Located {
    pub(crate) path: PathBuf,
    /// Removed with this value.
    _folder: Option<tempfile::TempDir>,
}

/// Finds a bundle: a path, `archive://PLACE#DIGEST`, or the first digits of a digest with `--archive`. That of an
/// archive is written to a temporary file, and checked.
pub(crate) async fn locate(bundle: &Path, from: &FromArchive) -> Result<Located, Error> {
    let named = bundle.to_string_lossy();
    let (place, digest) = match named.strip_prefix("archive://").map(|rest| rest.rsplit_once('#')) {
        Some(Some((place, digest))) => (place.to_owned(), digest.to_owned()),
        Some(None) => {
            return Err(Error::usage(format!("{named} has no digest: write archive://PLACE#DIGEST")));
        }
        None => match &from.archive {
            Some(archive) if !bundle.exists() && is_digest(&named) => (archive.clone(), named.into_owned()),
            Some(archive) if !bundle.exists() => {
                return Err(Error::usage(format!(
                    "{named} is no file, and not the beginning of a digest in {archive}: give at least four of its digits"
                )));
            }
            _ => return Ok(Located { path: bundle.to_owned(), _folder: None }),
        },
    };
    let archive = open(&place, false).await?;
    let entry = archive.find(&digest).await?;
    let folder = temporary()?;
    let path = folder.path().join(format!("{}.tar", entry.bundle));
    archive.fetch(&entry, &path).await?;
    Ok(Located { path, _folder: Some(folder) })
}

/// Whether a text can be the beginning of a digest.
fn is_digest(text: &str) -> bool {
    let digits = text.trim_start_matches("sha256:");
    (4..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The rules of a verdict, as the archive keeps them.
pub(crate) fn kept(pack: &Pack, settings: &Settings) -> Result<Vec<Kept>, Error> {
    let config = settings.to_canonical_json()?;
    Ok(vec![
        Kept {
            kind: "packs",
            digest: pack.digest().to_string(),
            bytes: serde_json::to_vec(&pack.to_json()).map_err(Error::internal)?,
        },
        Kept { kind: "configs", digest: casefile_evidence::Digest::of(&config).to_string(), bytes: config },
    ])
}

/// A verdict file.
pub(crate) fn verdict(path: &Path) -> Result<VerdictFile, Error> {
    let bytes = read_input(path)?;
    Ok(VerdictFile::read(bytes, &path.display().to_string())?)
}

/// The result of an addition, in a line.
pub(crate) fn told(archive: &Archive, added: &Added) -> String {
    let new = added.verdicts.iter().filter(|(_, is_new)| *is_new).count();
    let bundle = if added.is_new { "added" } else { "there already" };
    format!(
        "{}/{}  {bundle}, {new} new of {} verdicts\n",
        archive.name().trim_end_matches('/'),
        added.key,
        added.verdicts.len()
    )
}

/// The entries that a filter asks for, each bundle once with its newest verdict, newest first.
pub(crate) fn newest(entries: Vec<Entry>, filter: &FilterArgs) -> Vec<Entry> {
    let mut newest: BTreeMap<String, Entry> = BTreeMap::new();
    for entry in entries {
        match newest.get(&entry.bundle) {
            Some(known) if (known.as_of, &known.verdict_digest) >= (entry.as_of, &entry.verdict_digest) => {}
            _ => _ = newest.insert(entry.bundle.clone(), entry),
        }
    }
    let is =
        |wanted: &Option<String>, value: Option<&str>| wanted.as_deref().is_none_or(|wanted| value == Some(wanted));
    let mut entries: Vec<Entry> = newest
        .into_values()
        .filter(|entry| {
            is(&filter.service, Some(&entry.service))
                && is(&filter.region, Some(&entry.region))
                && is(&filter.release, entry.release.as_deref())
                && is(&filter.verdict, Some(entry.verdict.as_deref().unwrap_or("none")))
                && filter.since.as_ref().is_none_or(|since| entry.date >= *since)
                && filter.until.as_ref().is_none_or(|until| entry.date <= *until)
        })
        .collect();
    entries.sort_by(|a, b| (b.window_from, &b.bundle).cmp(&(a.window_from, &a.bundle)));
    entries
}

fn read_done(path: &Path) -> Result<BTreeSet<String>, Error> {
    match std::fs::read_to_string(path) {
        // A run that was killed may have written half a line: such a bundle is read again.
        Ok(text) => {
            let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let done: BTreeSet<String> = lines.map(str::to_owned).collect();
            match done.iter().find(|line| !line.starts_with("bundles/")) {
                Some(_) => Err(Error::usage(format!("{} is not a list that --resume wrote", path.display()))),
                None => Ok(done),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

fn append_to(path: &Path) -> Result<std::fs::File, Error> {
    std::fs::OpenOptions::new().append(true).create(true).open(path).map_err(Error::io("write", path))
}
