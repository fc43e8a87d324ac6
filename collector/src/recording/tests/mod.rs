mod format;
mod memory;

use std::fs;
use std::path::Path;

use casefile_evidence::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::document::{Answer, ApiError, Call, Document, Operation, Outcome, Read};

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

fn folder(files: &[(&str, &str)]) -> std::io::Result<TempDir> {
    let dir = TempDir::new()?;
    for (name, text) in files {
        let file = dir.path().join(name);
        fs::create_dir_all(file.parent().unwrap_or(dir.path()))?;
        fs::write(file, text)?;
    }
    Ok(dir)
}

fn opened(files: &[(&str, &str)]) -> std::io::Result<std::result::Result<Recording, String>> {
    let dir = folder(files)?;
    let name = dir.path().display().to_string();
    Ok(Recording::open(dir.path()).map_err(|error| error.to_string().replace(&name, "DIR")))
}

fn paths(recording: &Recording) -> Vec<Vec<String>> {
    let of = |snapshot: &RecordedSnapshot| {
        snapshot.documents.iter().map(|file| file.path.display().to_string()).collect::<Vec<_>>()
    };
    recording.snapshots.iter().map(of).collect()
}

#[test]
fn a_folder_is_a_snapshot_and_their_order_is_time() -> Result {
    let recording = opened(&[
        ("recording.toml", "service = \"web\"\ncluster = \"production\"\n"),
        ("README.md", "what happened"),
        ("2026-11-23T07-43-10Z/a.json", r#"{"tasks": []}"#),
        ("2026-11-23T07-43-10Z/b.json", r#"{"services": []}"#),
        ("2026-11-23T07-43-00.250Z/tasks.json", r#"{"taskArns": []}"#),
        ("2026-11-23T20-42-59+13-00/tasks.json", r#"{"taskArns": []}"#),
    ])??;
    assert_eq!(recording.info.service.as_deref(), Some("web"));
    let times: Vec<_> = recording.snapshots.iter().map(|snapshot| snapshot.observed_at).collect();
    let expected = ["2026-11-23T07:42:59Z", "2026-11-23T07:43:00.250Z", "2026-11-23T07:43:10Z"];
    assert_eq!(times, expected.map(|text| Timestamp::parse(text).ok()));
    assert_eq!(paths(&recording)[2], ["2026-11-23T07-43-10Z/b.json", "2026-11-23T07-43-10Z/a.json"]);
    assert_eq!(recording.unknown, []);
    Ok(())
}

#[test]
fn a_flat_folder_is_one_snapshot_and_what_is_no_evidence_is_reported() -> Result {
    let recording = opened(&[
        ("describe.json", r#"{"services": []}"#),
        ("10-list.json", r#"{"taskArns": ["b"]}"#),
        ("9-list.json", r#"{"taskArns": ["a"]}"#),
        ("logs/__ecs__web/ecs__app__1.json", r#"{"events": []}"#),
        ("stack.json", r#"{"StackId": "x"}"#),
        ("wrapped.json", r#"{"operation": "RunTask", "response": {}}"#),
        ("list.json", "[]"),
        ("failed.json", "\n"),
        ("services.yaml", "services: []"),
        ("notes.txt", "seen by the night shift"),
    ])??;
    assert_eq!(recording.snapshots[0].observed_at, None);
    assert_eq!(
        paths(&recording),
        [["describe.json", "9-list.json", "10-list.json", "logs/__ecs__web/ecs__app__1.json"]]
    );
    let unknown: Vec<String> =
        recording.unknown.iter().map(|file| format!("{} {}", file.path.display(), file.why)).collect();
    insta::assert_snapshot!(unknown.join("\n"), @r"
    failed.json is empty: did the command that wrote it fail?
    list.json is not a JSON object
    services.yaml is not a .json file: save what the AWS CLI prints with --output json
    stack.json is not an answer of an AWS operation that is evidence (its keys: StackId)
    wrapped.json answers RunTask, which is not an operation that is evidence
    ");
    Ok(())
}

#[test]
fn files_beside_snapshots_are_reported() -> Result {
    let recording = opened(&[
        ("2026-11-23T07-43-10Z/a.json", r#"{"tasks": []}"#),
        ("2026-11-23T07-43-20Z/note.txt", "nothing came"),
        ("late.json", r#"{"services": []}"#),
    ])??;
    assert_eq!(paths(&recording), [["2026-11-23T07-43-10Z/a.json"]]);
    let unknown: Vec<String> =
        recording.unknown.iter().map(|file| format!("{} {}", file.path.display(), file.why)).collect();
    insta::assert_snapshot!(unknown.join("\n"), @r"
    2026-11-23T07-43-20Z is a snapshot without a document
    2026-11-23T07-43-20Z/note.txt is not a .json file: save what the AWS CLI prints with --output json
    late.json lies beside the snapshot folders, so that nothing says when it was observed: move it into one
    ");
    Ok(())
}

#[test]
fn errors_say_where_and_how() -> Result {
    let mut said = vec![Recording::open(Path::new("no/such")).map(|_| ()).unwrap_err().to_string()];
    let broken: [&[(&str, &str)]; 7] = [
        &[],
        &[("stack.json", "{}")],
        &[("a.json", "{\"services\": [\n  {\"serviceName\": }\n]}")],
        &[("2026-11-23T07-43/a.json", "{}")],
        &[("recording.toml", "# about\nservise = \"web\"\n")],
        &[("recording.toml", "service = \"web\"\nstop_reason = \"bored\"\n")],
        &[("recording.toml", "ingestion_grace_ms = -1\n")],
    ];
    for files in broken {
        said.push(opened(files)?.map(|recording| format!("{recording:?}")).unwrap_err());
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    no/such does not exist: name the folder of a recording, or a folder with saved AWS CLI outputs
    DIR holds no document: save what the AWS CLI prints as JSON there, e.g. aws ecs describe-services --output json > describe-services.json
    DIR holds no document (stack.json is not an answer of an AWS operation that is evidence (its keys: )): save what the AWS CLI prints as JSON there, e.g. aws ecs describe-services --output json > describe-services.json
    DIR/a.json:2:19: expected value: mend the file, or take it out of the recording
    DIR/2026-11-23T07-43 looks like a snapshot but its name is no moment: name it like 2026-11-23T07-43-00Z (UTC, '-' for ':')
    DIR/recording.toml:2: unknown field `servise`, expected one of `region`, `account`, `cluster`, `service`, `expect_task_definition`, `expect_service_deployment`, `expect_deployment`, `started_after`, `require_rollout`, `release`, `expect_image_digest`, `notes`, `source`, `config`, `stop_reason`, `ingestion_grace_ms`, `stable_for_ms`, `complete`
    DIR/recording.toml:2: stop_reason = "bored": it is one of settled, decided, timeout, interrupted, failed
    DIR/recording.toml:1: ingestion_grace_ms = -1: it is 0 or more milliseconds
    "#);
    Ok(())
}

#[test]
fn the_path_of_a_log_file_names_its_stream_only_where_the_document_does_not() -> Result {
    let wrapped = r#"{"operation": "GetLogEvents", "request": {"logGroupName": "g", "logStreamName": "s"},
        "response": {"events": []}}"#;
    let dir = folder(&[
        ("2026-11-23T07-43-10Z/logs/__ecs__web/ecs__app__1.json", r#"{"events": []}"#),
        ("2026-11-23T07-43-10Z/logs/__ecs__web/ecs__app__2.json", wrapped),
    ])?;
    let recording = Recording::open(dir.path())?;
    let documents: Vec<_> =
        recording.snapshots[0].documents.iter().map(DocumentFile::read).collect::<std::result::Result<_, _>>()?;
    let asked = |document: &Document| {
        (
            document.requested("logGroupName").map(str::to_owned),
            document.requested("logStreamName").map(str::to_owned),
            document.assumed,
        )
    };
    assert_eq!(asked(&documents[0]), (Some("/ecs/web".to_owned()), Some("ecs/app/1".to_owned()), true));
    assert_eq!(asked(&documents[1]), (Some("g".to_owned()), Some("s".to_owned()), false));
    assert_eq!(documents[0].origin, "2026-11-23T07-43-10Z/logs/__ecs__web/ecs__app__1.json");
    Ok(())
}

#[test]
fn what_powershell_saves_is_read() -> Result {
    let text = "\u{feff}{\"services\": [], \"note\": \"größer\"}\r\n[{\"tasks\": [{\"taskArn\": \"ü\"}]}]\r\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let dir = folder(&[("utf8.json", text)])?;
    fs::write(dir.path().join("utf16.json"), utf16)?;
    let recording = Recording::open(dir.path())?;
    assert_eq!(paths(&recording), [["utf16.json", "utf8.json", "utf16.json", "utf8.json"]]);
    let task = serde_json::json!([{ "taskArn": "ü" }]);
    for file in &recording.snapshots[0].documents[2..] {
        let document = file.read()?;
        assert_eq!(document.response().and_then(|answer| answer.get("tasks")), Some(&task), "{}", document.origin);
    }
    Ok(())
}

#[test]
fn a_writer_keeps_to_a_new_folder_and_to_time() -> Result {
    let dir = TempDir::new()?;
    let info = RecordingInfo { service: Some("web".to_owned()), ..Default::default() };
    let at = Timestamp(1_795_423_380_250);
    let mut writer = RecordingWriter::create(&dir.path().join("a/b"), &info)?;
    let document = Document {
        operation: Operation::ListTasks,
        request: Some(serde_json::Map::new()),
        assumed: false,
        outcome: Outcome::Response(Answer::new(
            Operation::ListTasks,
            [("taskArns".to_owned(), json!([]))].into_iter().collect(),
        )),
        call: None,
        read: None,
        origin: String::new(),
    };
    assert!(matches!(writer.write(&document), Err(RecordingError::NoSnapshot { .. })));
    writer.begin_snapshot(at)?;
    writer.write(&document)?;
    assert!(matches!(writer.begin_snapshot(at), Err(RecordingError::OutOfOrder { .. })));
    let file = dir.path().join("a/b/recording.jsonl");
    insta::assert_snapshot!(
        fs::read_to_string(file)?,
        @r#"{"observed_at":"2026-11-23T08:43:00.250Z","operation":"ListTasks","request":{},"response":{"taskArns":[]}}"#
    );
    let again = RecordingWriter::create(&dir.path().join("a/b"), &info);
    assert!(matches!(again, Err(RecordingError::NotEmpty { .. })));
    Ok(())
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Epoch seconds with their fraction, as ECS writes them.
        (0_i64..4_000_000_000_000).prop_map(|millis| Value::from(millis as f64 / 1000.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn object() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    prop::collection::btree_map("[a-zA-Z]{1,8}", json_value(), 0..4).prop_map(|map| map.into_iter().collect())
}

fn document() -> impl Strategy<Value = Document> {
    let outcome = prop_oneof![
        object().prop_map(|answer| Outcome::Response(answer.into())),
        (any::<String>(), any::<String>()).prop_map(|(code, message)| Outcome::Error(ApiError { code, message })),
    ];
    let call = (any::<i32>(), any::<Option<u16>>(), any::<Option<String>>(), any::<u32>(), any::<u64>()).prop_map(
        |(at, status, request_id, attempts, milliseconds)| Call {
            at: Timestamp(i64::from(at) * 1001),
            status,
            request_id,
            attempts,
            milliseconds,
        },
    );
    let read = (any::<i64>(), any::<u32>(), any::<i32>(), any::<Option<i32>>(), any::<bool>()).prop_map(
        |(id, page, began, from, last)| {
            let at = |at: i32| Timestamp(i64::from(at) * 1001);
            Read { id, page, began: at(began), from: from.map(at), last }
        },
    );
    (0..Operation::ALL.len(), object(), outcome, prop::option::of(call), prop::option::of(read)).prop_map(
        |(operation, request, outcome, call, read)| {
            let operation = Operation::ALL[operation];
            let outcome = match outcome {
                Outcome::Response(answer) => Outcome::Response(Answer::new(operation, answer.fields)),
                error @ Outcome::Error(_) => error,
            };
            let origin = String::new();
            Document { operation, request: Some(request), assumed: false, outcome, call, read, origin }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..Default::default() })]

    #[test]
    fn what_is_written_is_read_back(
        start in 0_i64..4_000_000_000_000,
        snapshots in prop::collection::vec((1_i64..100_000, prop::collection::vec(document(), 1..5)), 1..4),
    ) {
        let dir = TempDir::new()?;
        let info = RecordingInfo { notes: Some("a \"quoted\"\nnote".to_owned()), ..Default::default() };
        let mut writer = RecordingWriter::create(dir.path(), &info)?;
        let mut at = Timestamp(start);
        let mut written = Vec::new();
        for (later, documents) in &snapshots {
            at = at.plus_millis(*later);
            writer.begin_snapshot(at)?;
            for document in documents {
                writer.write(document)?;
            }
            let mut documents = documents.clone();
            documents.sort_by_key(|document| document.operation.place());
            written.push((at, documents));
        }
        let recording = Recording::open(dir.path())?;
        prop_assert_eq!(&recording.info, &info);
        prop_assert!(recording.unknown.is_empty());
        let mut read = Vec::new();
        for snapshot in &recording.snapshots {
            let mut documents = Vec::new();
            for file in &snapshot.documents {
                documents.push(Document { origin: String::new(), ..file.read()? });
            }
            read.push((snapshot.observed_at.unwrap_or_default(), documents));
        }
        prop_assert_eq!(read, written);
    }
}

#[test]
fn several_documents_may_share_a_file() -> Result {
    let list =
        "[\n  {\"tasks\": [], \"failures\": [\"], [\"]},\n  {\"taskArns\": [\"a\\\"]\"]},\n  {\"StackId\": 1}\n]";
    let recording = opened(&[
        ("all.json", "{\"services\": []}\n{\"taskArns\": []}\n\n{\"tasks\": []}\n"),
        ("arns.json", "[\"arn:a\", \"arn:b\"]"),
        ("list.json", list),
    ])??;
    let origins: Vec<String> = recording.snapshots[0].documents.iter().map(DocumentFile::origin).collect();
    assert_eq!(origins, ["all.json:1", "all.json:2", "list.json:3", "all.json:4", "list.json:2"]);
    let unknown: Vec<String> =
        recording.unknown.iter().map(|file| format!("{} {}", file.path.display(), file.why)).collect();
    insta::assert_snapshot!(unknown.join("\n"), @r"
    arns.json line 1 is not a JSON object
    list.json line 4 is not an answer of an AWS operation that is evidence (its keys: StackId)
    ");
    let broken = opened(&[("all.json", "{\"services\": []}\n{\"tasks\": [}\n")])?.map(|_| ()).unwrap_err();
    assert_eq!(broken, "DIR/all.json:2:12: expected value: mend the file, or take it out of the recording");
    Ok(())
}

#[test]
fn every_part_of_a_file_is_read_as_it_stands() -> Result {
    let dir =
        folder(&[("all.json", "\u{feff} [{\"taskArns\": [\"é\"]}, {\"taskArns\": [\"b, ]\"]}] {\"taskArns\": []}")])?;
    let recording = Recording::open(dir.path())?;
    let documents = recording.snapshots[0].documents.iter().map(DocumentFile::read);
    let arns = documents.map(|document| Ok(document?.response().map(|answer| answer["taskArns"].clone())));
    let arns = arns.collect::<std::result::Result<Vec<_>, RecordingError>>()?;
    assert_eq!(arns, [Some(json!(["é"])), Some(json!(["b, ]"])), Some(json!([]))]);
    Ok(())
}

#[test]
fn what_is_stated_to_be_complete_is_named_as_the_cli_names_it() -> Result {
    let text = "complete = [\"filter-log-events\", \"get-log-events\"]\n";
    let info = RecordingInfo::parse(text, Path::new("recording.toml"))?;
    assert_eq!(info.complete, [Operation::FilterLogEvents, Operation::GetLogEvents]);
    assert_eq!(toml::to_string(&info)?, text);
    let wrong = RecordingInfo::parse("# stated\ncomplete = [\"logs\"]\n", Path::new("recording.toml"));
    let wrong = wrong.map(|_| ()).unwrap_err().to_string();
    assert!(wrong.starts_with("recording.toml:2: complete: \"logs\" is not a command that is read"), "{wrong}");
    Ok(())
}

#[test]
fn a_recording_is_a_line_a_document() -> Result {
    let lines = [
        r#"{"observed_at":"2026-11-23T08:43:05Z","operation":"ListTasks","request":{},"response":{"taskArns":[]}}"#,
        "",
        r#"{"observed_at":"2026-11-23T08:43:00Z","answer":{"events":[]},"request":{"logGroupName":"g","logStreamName":"s"}}"#,
        r#"{"observed_at":"2026-11-23T08:43:00Z","answer":{"services":[]}}"#,
        r#"{"observed_at":"2026-11-23T08:43:00Z","StackId":1}"#,
        r#"{"observed_at":"2026-11-23T08:43:10Z","operation":"ListT"#,
    ];
    let text = lines.join("\n");
    let recording = opened(&[("recording.jsonl", &text), ("services.json", "{}"), ("README.md", "")])??;
    let snapshots = recording.snapshots.iter().map(|snapshot| {
        let origins = snapshot.documents.iter().map(DocumentFile::origin).collect::<Vec<_>>();
        (snapshot.observed_at.unwrap_or_default().to_string(), origins)
    });
    insta::assert_debug_snapshot!(snapshots.collect::<Vec<_>>(), @r#"
    [
        (
            "2026-11-23T08:43:00Z",
            [
                "recording.jsonl:4",
                "recording.jsonl:3",
            ],
        ),
        (
            "2026-11-23T08:43:05Z",
            [
                "recording.jsonl:1",
            ],
        ),
    ]
    "#);
    let unknown: Vec<String> =
        recording.unknown.iter().map(|file| format!("{} {}", file.path.display(), file.why)).collect();
    insta::assert_snapshot!(unknown.join("\n"), @r"
    recording.jsonl line 5 is not an answer of an AWS operation that is evidence (its keys: StackId)
    recording.jsonl line 6 is cut off: the recording ended there
    services.json lies beside recording.jsonl, and is not read
    ");
    for (line, said) in [
        (
            "{\"services\": }",
            "DIR/recording.jsonl:2:14: expected value: mend the file, or take it out of the recording",
        ),
        (
            "{\"observed_at\": 5, \"answer\": {}}",
            "DIR/recording.jsonl:2:1: observed_at 5 is no time: write it as 2026-11-23T07:43:00Z: mend the file, or take it out of the recording",
        ),
    ] {
        let text = format!("\n{line}\n");
        assert_eq!(opened(&[("recording.jsonl", &text)])?.map(|_| ()).unwrap_err(), said);
    }
    Ok(())
}
