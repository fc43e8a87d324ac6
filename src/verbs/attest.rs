//! `attest`: signs a verdict, a decision or a waiver. The signature goes beside it, never into the bundle.

use std::path::{Path, PathBuf};

use casefile_archive::{ATTESTATIONS, Archive, Folder};
use casefile_attest::{Envelope, Predicate, PrivateKey, PublicKey, Statement};
use casefile_collector::aws::{ConnectOptions, KmsKey};
use casefile_evidence::Digest;
use casefile_gate::{Decision, Waiver};
use serde_json::Value;

use super::archive::{open, verdict};
use crate::cli::{Attest, Statements};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::place::{STDOUT, read_input, write_file};
use crate::render;

pub(crate) async fn run(args: &Attest, printer: &Printer) -> Result<Exit, Error> {
    let archive = match &args.archive {
        Some(place) => Some(open(place, false).await?),
        None => None,
    };
    let signer = Signer::open(&args.key, args.profile.clone()).await?;
    let (digest, statement) = statement(args, archive.as_ref()).await?;
    let envelope = signer.sign(&statement).await?;
    let stem = args.file.with_extension("");
    let stem = stem.file_name().map_or_else(|| digest.clone(), |name| name.to_string_lossy().into_owned());
    let beside = |ending: &str| args.file.with_file_name(format!("{stem}{ending}"));
    if args.output.as_deref() == Some(Path::new(STDOUT)) {
        return Err(Error::usage("two files are written, so -o cannot be standard output: name a file"));
    }
    let to = args.output.clone().unwrap_or_else(|| beside(".intoto.json"));
    let bundle = match &args.output {
        Some(output) => sigstore_beside(output),
        None => beside(".sigstore.json"),
    };
    if to == args.file || bundle == args.file {
        return Err(Error::usage(format!("-o {} is the file that is signed: choose another", args.file.display())));
    }
    write_file(&to, &render::json(&envelope)?)?;
    write_file(&bundle, &render::json(&envelope.sigstore())?)?;
    if let Some(archive) = &archive {
        keep(archive, &digest, &envelope).await?;
    }
    printer.stdout(&format!("{}  signed by {}\n{}\n", to.display(), signer.public().id(), bundle.display()))?;
    Ok(Exit::Pass)
}

/// `a.intoto.json` has `a.sigstore.json` beside it.
fn sigstore_beside(envelope: &Path) -> PathBuf {
    let name = envelope.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".intoto.json").or_else(|| name.strip_suffix(".json")).unwrap_or(&name);
    envelope.with_file_name(format!("{stem}.sigstore.json"))
}

/// The digest of what the argument names, and the statement about it.
async fn statement(args: &Attest, archive: Option<&Archive>) -> Result<(String, Statement), Error> {
    let wrong = |problem: String| Error::usage(format!("{}: {problem}", args.file.display()));
    let predicate = match args.predicate {
        Statements::Verdict => Predicate::Verdict,
        Statements::TestResult => Predicate::TestResult,
    };
    let file = match archive {
        Some(archive) if !args.file.exists() => archive.verdict(&args.file.to_string_lossy()).await?,
        _ => {
            let bytes = read_input(&args.file)?;
            let format = serde_json::from_slice::<Value>(&bytes).ok().map(|value| value["format"].clone());
            let is_of_gate = [Decision::FORMAT, Waiver::FORMAT].iter().any(|known| format == Some((*known).into()));
            if is_of_gate && predicate == Predicate::TestResult {
                return Err(wrong("a test result is said of a verdict, and this is a document of the gate".to_owned()));
            }
            if format == Some(Decision::FORMAT.into()) {
                let place = args.file.display().to_string();
                let decision = Decision::read(&bytes).map_err(|problem| Error::Document { place, problem })?;
                let said = Statement::of_document(&bytes, &decision.digest, Predicate::Decision);
                return Ok((decision.digest, said.map_err(|error| wrong(error.to_string()))?));
            }
            if format == Some(Waiver::FORMAT.into()) {
                let waiver: Waiver = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
                let digest = waiver.digest()?;
                let said = Statement::of_document(&bytes, &digest, Predicate::Waiver);
                return Ok((digest, said.map_err(|error| wrong(error.to_string()))?));
            }
            verdict(&args.file)?
        }
    };
    let said = Statement::of_verdict(&file.bytes, predicate).map_err(|error| wrong(error.to_string()))?;
    Ok((file.digest().to_owned(), said))
}

/// Keeps a signature in an archive, by its own digest: another one never takes its place.
pub(crate) async fn keep(archive: &Archive, digest: &str, envelope: &Envelope) -> Result<(), Error> {
    let folder = Folder::of_digest(ATTESTATIONS, digest)?;
    let bytes = render::json(envelope)?.into_bytes();
    Ok(archive.put_document(&folder, &Digest::of(&bytes).to_string(), bytes).await?)
}

/// A private key that `--key` names.
pub(crate) enum Signer {
    File(Box<PrivateKey>),
    Kms(KmsKey, PublicKey),
}

impl Signer {
    /// A PEM file, or `kms:` and a key of AWS KMS.
    pub(crate) async fn open(named: &str, profile: Option<String>) -> Result<Self, Error> {
        match named.strip_prefix("kms:") {
            Some(key) => {
                let options = ConnectOptions { profile, ..ConnectOptions::default() };
                let kms = KmsKey::connect(key, options).await?;
                let public = PublicKey::from_spki(kms.public().to_vec()).map_err(|error| {
                    Error::usage(format!(
                        "the key {key} {error}: make one with --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY"
                    ))
                })?;
                Ok(Self::Kms(kms, public))
            }
            None => {
                let pem = String::from_utf8_lossy(&read_input(Path::new(named))?).into_owned();
                let key =
                    PrivateKey::from_pem(&pem).map_err(|error| Error::usage(format!("the key {named} {error}")))?;
                Ok(Self::File(Box::new(key)))
            }
        }
    }

    pub(crate) fn public(&self) -> PublicKey {
        match self {
            Self::File(key) => key.public(),
            Self::Kms(_, public) => public.clone(),
        }
    }

    pub(crate) async fn sign(&self, statement: &Statement) -> Result<Envelope, Error> {
        let mut envelope = Envelope::of(&statement.to_bytes().map_err(Error::internal)?);
        let signature = match self {
            Self::File(key) => key.sign(&envelope.signed_bytes().map_err(Error::internal)?).map_err(Error::internal)?,
            Self::Kms(key, _) => key.sign(&envelope.signed_digest().map_err(Error::internal)?).await?,
        };
        envelope.add(&self.public(), &signature);
        // An alias of KMS may have been moved to another key between the two calls.
        match envelope.signers(&[self.public()]) {
            Ok(signers) if !signers.is_empty() => Ok(envelope),
            _ => Err(Error::internal("the signature is not by the key whose public half was given")),
        }
    }
}
