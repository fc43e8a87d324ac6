//! A bundle that was changed is never judged, and has its own exit code.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{casefile, import, text};

fn files(bundle: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = [bundle.to_owned(), bundle.join("data")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

#[test]
fn a_flipped_byte_a_lost_file_and_an_added_one_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("logs-denied", folder.path());
    assert_eq!(casefile(&["verify", text(&bundle)]).code, 0);
    for file in files(&bundle) {
        let name = file.strip_prefix(&bundle).unwrap().to_str().unwrap().to_owned();
        let sealed = fs::read(&file).unwrap();
        let mut flipped = sealed.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        for content in [Some(flipped), None] {
            match &content {
                Some(content) => fs::write(&file, content).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            let verified = casefile(&["verify", text(&bundle)]);
            assert_eq!(verified.code, 6, "{name}: {}{}", verified.out, verified.err);
            assert!(verified.out.contains(&name), "{name}: {}", verified.out);
            let analyzed = casefile(&["analyze", text(&bundle)]);
            assert_eq!((analyzed.code, analyzed.out.as_str()), (6, ""), "{name}");
            assert!(analyzed.err.contains(&name), "{name}: {}", analyzed.err);
        }
        fs::write(&file, sealed).unwrap();
    }
    fs::write(bundle.join("data/extra.parquet"), "x").unwrap();
    for verb in ["verify", "analyze", "inspect", "replay"] {
        let run = casefile(&[verb, text(&bundle)]);
        assert_eq!(run.code, 6, "{verb}: {}", run.err);
        assert!(format!("{}{}", run.out, run.err).contains("data/extra.parquet"), "{verb}");
    }
}

#[test]
fn results_never_go_inside_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("logs-denied", folder.path());
    let inside = bundle.join("data/report.xml");
    for arguments in [
        vec!["analyze", text(&bundle), "--format", "junit", "-o", text(&inside)],
        vec!["analyze", text(&bundle), "--report", &format!("junit={}", text(&inside))],
        vec!["import", text(&crate::cases().join("superseded")), "-o", text(&bundle.join("data/nested"))],
    ] {
        let run = casefile(&arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.err);
        assert!(run.err.contains("sealed"), "{}", run.err);
    }
    assert_eq!(casefile(&["verify", text(&bundle)]).code, 0);
}

#[test]
fn what_is_no_bundle_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("nowhere"), folder.path().to_owned()] {
        let run = casefile(&["analyze", text(&path)]);
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.starts_with("error: "), "{}", run.err);
    }
}
