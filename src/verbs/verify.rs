//! `verify`: checks that a bundle is unchanged, and who signed a verdict.

use std::path::Path;

use casefile_attest::{Envelope, PublicKey, Statement};
use casefile_evidence::{Digest, OpenError, verify};
use serde_json::{Value, json};

use super::archive::locate;
use crate::cli::Verify;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::TextFormat;
use crate::output::Printer;
use crate::place::read_input;
use crate::render::visible;

pub(crate) async fn run(args: &Verify, printer: &Printer) -> Result<Exit, Error> {
    let mut told = Vec::new();
    let mut bundle = None;
    if let Some(named) = &args.bundle {
        let located = locate(named, &args.from).await?;
        let (digest, found) = intact(&named.display().to_string(), &located.path)?;
        bundle = digest;
        told.push(found);
    }
    if let Some(path) = &args.attestation {
        told.push(attested(path, args, bundle.as_deref())?);
    }
    let sound = told.iter().all(|found| found.problems.is_empty());
    printer.result(args.output.as_deref(), |_| {
        Ok(match args.format {
            TextFormat::Json => told.iter().map(Found::json).fold(String::new(), |all, json| format!("{all}{json}\n")),
            TextFormat::Terminal => told.iter().map(Found::text).collect(),
        })
    })?;
    Ok(if sound { Exit::Pass } else { Exit::Integrity })
}

const UNTRUSTED: &str = "NOT TO BE TRUSTED";

/// What was found of a file.
struct Found {
    name: String,
    /// What is said where nothing is wrong.
    sound: String,
    wrong: &'static str,
    problems: Vec<String>,
    json: Value,
}

impl Found {
    fn text(&self) -> String {
        let Self { name, sound, wrong, problems, .. } = self;
        if problems.is_empty() {
            return format!("{name}: {sound}\n");
        }
        let list: String = problems.iter().map(|problem| format!("  {problem}\n")).collect();
        format!("{name}: {wrong}\n{list}")
    }

    fn json(&self) -> Value {
        let mut json = self.json.clone();
        json["problems"] = self.problems.clone().into();
        json
    }
}

fn intact(name: &str, path: &Path) -> Result<(Option<String>, Found), Error> {
    let wrong = "CHANGED after it was sealed";
    match verify(path) {
        Ok((digest, manifest)) => {
            let files = manifest.tables.len() + 1;
            let sound = format!("intact  sha256:{digest}  ({files} files, format {})", manifest.format);
            let json = json!({
                "bundle": name, "intact": true, "digest": digest.to_string(), "format": manifest.format,
            });
            let found = Found { name: name.to_owned(), sound, wrong, problems: Vec::new(), json };
            Ok((Some(digest.to_string()), found))
        }
        Err(OpenError::Integrity { problems, .. }) => {
            let problems = problems.iter().map(ToString::to_string).collect();
            let json = json!({ "bundle": name, "intact": false });
            Ok((None, Found { name: name.to_owned(), sound: String::new(), wrong, problems, json }))
        }
        Err(error) => Err(error.into()),
    }
}

/// Who signed a statement, and whether it is about the bundle and the verdict that were given.
fn attested(path: &Path, args: &Verify, bundle: Option<&str>) -> Result<Found, Error> {
    let name = path.display().to_string();
    let wrong = |problem: String| Error::Document { place: name.clone(), problem };
    let envelope = Envelope::read(&read_input(path)?);
    let envelope = envelope.map_err(|error| wrong(error.to_string()))?;
    let keys: Vec<PublicKey> = args.keys.iter().map(|key| public_key(key)).collect::<Result<_, _>>()?;
    let mut problems = Vec::new();
    let signers = envelope.signers(&keys).unwrap_or_else(|forged| {
        problems.push(forged.to_string());
        Default::default()
    });
    if signers.is_empty() && problems.is_empty() {
        let ids: Vec<String> = envelope.signatures.iter().map(|signature| visible(&signature.keyid)).collect();
        problems.push(format!("no given key signed it; it names {}", ids.join(", ")));
    }
    if !problems.is_empty() {
        // What it says is nobody's word.
        let json = json!({ "attestation": name, "signed_by": [] });
        return Ok(Found { name, sound: String::new(), wrong: UNTRUSTED, problems, json });
    }
    let payload = envelope.payload().map_err(|error| wrong(error.to_string()))?;
    let statement = Statement::read(&payload).map_err(|error| wrong(error.to_string()))?;
    if let Some(digest) = bundle.filter(|digest| !statement.is_about(digest)) {
        problems.push(format!("it is about another bundle than {digest}"));
    }
    if let Some(path) = &args.verdict {
        let digest = Digest::of(&read_input(path)?).to_string();
        if !statement.is_about(&digest) {
            problems.push(format!("it is about another file than {}", path.display()));
        }
    }
    let signers: Vec<String> = signers.into_iter().collect();
    let word = |key: &str| visible(statement.predicate[key].as_str().unwrap_or("-"));
    let says = match word("verdict").as_str() {
        "-" if statement.predicate["result"].is_string() => {
            format!("{} ({})", word("result"), statement.predicate_type)
        }
        "-" => visible(&statement.predicate_type),
        verdict => {
            format!("{verdict}, {} {} in {}, as of {}", word("service"), word("release"), word("region"), word("asOf"))
        }
    };
    let json = json!({
        "attestation": name, "signed_by": signers, "predicate_type": statement.predicate_type,
        "predicate": statement.predicate, "subject": statement.subject,
    });
    let sound = format!("signed by {}: {says}", signers.join(", "));
    Ok(Found { name: name.clone(), sound, wrong: UNTRUSTED, problems, json })
}

fn public_key(path: &Path) -> Result<PublicKey, Error> {
    let pem = String::from_utf8_lossy(&read_input(path)?).into_owned();
    PublicKey::from_pem(&pem).map_err(|error| Error::usage(format!("the key {} {error}", path.display())))
}
