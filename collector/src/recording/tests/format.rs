//! What a `recording.jsonl` says of its format, and one without a document.

use super::{Result, opened};

const LINE: &str = r#"{"observed_at":"2026-11-23T08:43:05Z","answer":{"taskArns":[]}}"#;

#[test]
fn the_known_format_may_be_stated() -> Result {
    let recording = opened(&[("recording.jsonl", &format!("{{\"format\": 1}}\n{LINE}\n"))])??;
    assert_eq!((recording.snapshots.len(), recording.unknown), (1, Vec::new()));
    Ok(())
}

#[test]
fn an_unknown_format_and_no_document_are_errors_with_the_line() -> Result {
    let mut said = Vec::new();
    for text in [
        format!("{{\"format\": 2, \"tool\": \"casefile 9\"}}\n{LINE}\n"),
        format!("\n{{\"format\": \"x\"}}\n{LINE}\n"),
        String::new(),
        "{\"format\": 1}\n".to_owned(),
        "{\"format\": 1}\n\n{\"StackId\": 1}\n{\"observed_at\": \"20".to_owned(),
    ] {
        said.push(opened(&[("recording.jsonl", &text)])?.map(|_| ()).unwrap_err());
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    DIR/recording.jsonl:1: format 2 is not known, this casefile reads format 1: use the version that wrote it
    DIR/recording.jsonl:2: format "x" is not known, this casefile reads format 1: use the version that wrote it
    DIR/recording.jsonl:1: the recording ends here and holds no document: take it again with `casefile collect --record DIR`
    DIR/recording.jsonl:1: the recording ends here and holds no document: take it again with `casefile collect --record DIR`
    DIR/recording.jsonl:4: the recording ends here and holds no document (recording.jsonl line 3 is not an answer of an AWS operation that is evidence (its keys: StackId); recording.jsonl line 4 is cut off: the recording ended there): take it again with `casefile collect --record DIR`
    "#);
    Ok(())
}
