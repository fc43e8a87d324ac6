//! Fills an archive with variants of bundles that it is given: each differs in the name of its release. For `benches/backtest.py`.
//!
//! `cargo run --release -p casefile-archive --example multiply -- ARCHIVE COUNT BUNDLE VERDICT [BUNDLE VERDICT]...`

use std::path::Path;

use casefile_archive::{Archive, VerdictFile};
use casefile_evidence::{AnyRow, Bundle, BundleWriter, Digest, ManifestHead, tables};
use serde_json::{Value, json};

type Failed = Box<dyn std::error::Error>;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [place, count, pairs @ ..] = arguments.as_slice() else { return Err("see the file's head".into()) };
    let archive = Archive::on_disk(Path::new(place), true)?;
    let sources = pairs.chunks(2).map(|pair| {
        let [bundle, verdict] = pair else { return Err("every bundle needs its verdict".into()) };
        let verdict: Value = serde_json::from_slice(&std::fs::read(verdict)?)?;
        Ok((Bundle::open(Path::new(bundle))?, verdict))
    });
    let sources = sources.collect::<Result<Vec<_>, Failed>>()?;
    let folder = tempfile::tempdir()?;
    for number in 0..count.parse::<usize>()? {
        let (bundle, verdict) = sources.get(number % sources.len().max(1)).ok_or("no bundle is given")?;
        let (release, path) = (format!("v{number}"), folder.path().join("bundle"));
        let digest = variant(bundle, &release, &path)?;
        archive.add(&path, &[verdict_of(verdict.clone(), &digest, &release)?], &[]).await?;
        std::fs::remove_dir_all(&path)?;
    }
    Ok(())
}

fn variant(bundle: &Bundle, release: &str, path: &Path) -> Result<String, Failed> {
    let mut writer = BundleWriter::create(path)?;
    for table in tables::all() {
        for batch in bundle.batches(table.info.name)? {
            for mut row in AnyRow::from_batch(table.info.name, &batch?).ok_or("another schema")? {
                if let AnyRow::Target(target) = &mut row {
                    target.release = Some(release.to_owned());
                }
                writer.push(row)?;
            }
        }
    }
    let manifest = bundle.manifest();
    let head = ManifestHead {
        tool: manifest.tool.clone(),
        ci: manifest.ci.clone(),
        target: manifest.target.clone(),
        window: manifest.window,
        stop_reason: manifest.stop_reason.clone(),
        config: manifest.config.clone(),
        ..ManifestHead::default()
    };
    Ok(writer.seal(&head)?.digest.to_string())
}

fn verdict_of(mut verdict: Value, bundle: &str, release: &str) -> Result<VerdictFile, Failed> {
    verdict["bundle"]["digest"] = json!(bundle);
    verdict["bundle"]["target"]["release"] = json!(release);
    verdict["release"]["name"] = json!(release);
    let members = verdict.as_object_mut().ok_or("no verdict")?;
    members.remove("digest");
    let digest = Digest::of(&serde_json_canonicalizer::to_vec(&members)?).to_string();
    members.insert("digest".to_owned(), json!(digest));
    Ok(VerdictFile::read(serde_json::to_vec(&verdict)?, "verdict")?)
}
