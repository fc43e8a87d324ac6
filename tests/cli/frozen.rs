//! What earlier versions wrote stays readable: `fixtures/frozen`.

use crate::{casefile, text};

fn frozen(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/frozen").join(name)
}

/// Version 0.1 recorded a folder a snapshot and a file a document, and did not say which read a page belongs to.
#[test]
fn a_recording_of_folders_is_the_bundle_that_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let case = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/cases/redeployed-within-a-minute-before-the-look");
    let digests = [("old", frozen("recording-0.1")), ("new", case)].map(|(name, recording)| {
        let bundle = folder.path().join(name);
        let run = casefile(&["import", text(&recording), "-o", text(&bundle)]);
        assert_eq!(run.code, 0, "{}", run.err);
        run.out.split_whitespace().nth(1).unwrap().to_owned()
    });
    assert_eq!(digests[0], digests[1], "the same documents in a recording.jsonl");
}

#[test]
fn a_bundle_of_format_1_is_judged() {
    let bundle = frozen("bundle-1.tar");
    assert_eq!(casefile(&["verify", text(&bundle)]).code, 0);
    let run = casefile(&["analyze", text(&bundle), "--format", "json"]);
    let verdict: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(verdict["verdict"], "pass", "{}", run.err);
    assert_eq!(verdict["bundle"]["target"]["service"], "bf-manage-core");
}
