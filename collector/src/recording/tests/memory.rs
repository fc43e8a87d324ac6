//! A recording in memory is the recording that the same files on disk are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::TempDir;

use super::super::{Recording, RecordingError};
use crate::document::Document;

type Files<'a> = &'a [(&'a str, &'a str)];
type Told = Result<Vec<String>, String>;

/// What a recording has, with the documents themselves; or its error, with `ROOT` for its place.
fn told(opened: Result<Recording, RecordingError>, root: &str) -> Told {
    let told = opened.and_then(|recording| {
        let snapshots = recording.snapshots.iter().flat_map(|snapshot| {
            snapshot.documents.iter().map(|file| {
                let document: Document = file.read()?;
                Ok(format!("{:?} {:?} {document:?}", snapshot.observed_at, file.path))
            })
        });
        let documents: Vec<String> = snapshots.collect::<Result<_, RecordingError>>()?;
        Ok([documents, vec![format!("{:?} {:?}", recording.info, recording.unknown)]].concat())
    });
    told.map_err(|error| error.to_string().replace(root, "ROOT"))
}

fn in_memory(files: Files<'_>) -> Told {
    let files: BTreeMap<PathBuf, Bytes> =
        files.iter().map(|(path, text)| (PathBuf::from(path), Bytes::copy_from_slice(text.as_bytes()))).collect();
    told(Recording::in_memory(Path::new("a-case"), files), "a-case")
}

fn on_disk(files: Files<'_>) -> std::io::Result<Told> {
    let dir = TempDir::new()?;
    for (path, text) in files {
        let file = dir.path().join(path);
        fs::create_dir_all(file.parent().unwrap_or(dir.path()))?;
        fs::write(file, text)?;
    }
    Ok(told(Recording::open(dir.path()), &dir.path().display().to_string()))
}

#[test]
fn memory_and_disk_give_the_same() -> std::io::Result<()> {
    let line = r#"{"observed_at":"2026-11-23T08:43:05Z","answer":{"taskArns":["a"]}}"#;
    let lines = format!("{line}\n\n{{\"StackId\":1}}\n{line}\n{{\"cut\":");
    let cases: [Files<'_>; 11] = [
        &[
            ("recording.jsonl", lines.as_str()),
            ("recording.toml", "service = \"web\"\n"),
            ("a/b.json", "{}"),
            ("README.md", ""),
        ],
        &[
            ("all.json", "[{\"taskArns\": [\"a\"]}, {\"services\": []}]\n{\"tasks\": []}"),
            ("notes.txt", ""),
            ("x.yaml", ""),
        ],
        &[
            ("2026-11-23T07-43-10Z/a.json", r#"{"tasks": []}"#),
            ("2026-11-23T07-43-10Z/logs/__ecs__web/ecs__app__1.json", r#"{"events": []}"#),
            ("2026-11-23T07-43-20Z/note.txt", "nothing came"),
            ("late.json", r#"{"services": []}"#),
        ],
        &[],
        &[("stack.json", "{}")],
        &[("recording.jsonl", "{\"StackId\":1}\n")],
        &[("recording.jsonl", "\n{\"services\": }\n")],
        &[("recording.jsonl", "{\"observed_at\": 5, \"answer\": {}}\n")],
        &[("a.json", "{\"services\": [\n  {\"serviceName\": }\n]}")],
        &[("2026-11-23T07-43/a.json", "{}")],
        &[("recording.toml", "# about\nservise = \"web\"\n")],
    ];
    for files in cases {
        assert_eq!(in_memory(files), on_disk(files)?, "{files:?}");
    }
    Ok(())
}

#[test]
fn an_error_names_the_file_in_memory_and_its_line() {
    let broken = in_memory(&[("recording.jsonl", "\n{\"services\": }\n")]);
    assert_eq!(
        broken.unwrap_err(),
        "ROOT/recording.jsonl:2:14: expected value: mend the file, or take it out of the recording"
    );
}
