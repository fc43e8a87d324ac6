//! What bare documents prove, as the AWS CLI prints them: that things were there, and rarely that others were not.

use casefile_evidence::tables::{DeploymentRow, ServiceRow, SnapshotRow, SourceRow, TaskRow};
use casefile_evidence::{Bundle, Timestamp};
use serde_json::{Value, json};

use super::{Imported, about};

const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/production/shop";
const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/production/0123456789abcdef0123456789abcdef";
const LOG: &str = "logs/__ecs__shop/s";
const AT: &str = "2026-11-23T07-50-00Z";

/// The bundle of a folder with these files, and what its import warned of.
fn imported(files: &[(&str, Value)], toml: &str) -> (Bundle, Vec<String>, tempfile::TempDir) {
    let files = files.iter().map(|(name, document)| (*name, document.to_string()));
    let files = files.chain([("recording.toml", toml.to_owned())]);
    let Imported { bundle, warnings, folder, .. } = super::imported(files, about("shop")).unwrap();
    (bundle, warnings, folder)
}

fn in_folder(files: &[(&str, Value)]) -> Vec<(String, Value)> {
    files.iter().map(|(name, value)| (format!("{AT}/{name}"), value.clone())).collect()
}

/// The one source of that operation, of a dated folder with these files.
fn source(files: &[(&str, Value)], toml: &str, operation: &str) -> SourceRow {
    let files = in_folder(files);
    let files: Vec<(&str, Value)> = files.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let sources = imported(&files, toml).0.rows::<SourceRow>().unwrap();
    let found = sources.iter().rfind(|source| source.operation == operation && source.status != "missing");
    found.unwrap_or_else(|| panic!("no source {operation} in {sources:#?}")).clone()
}

fn page(at: &[i64], forward: &str, backward: &str) -> Value {
    let events: Vec<Value> =
        at.iter().map(|at| json!({ "timestamp": at, "ingestionTime": at + 900, "message": "x" })).collect();
    json!({ "events": events, "nextForwardToken": forward, "nextBackwardToken": backward })
}

fn lines(files: &[(&str, Value)], toml: &str) -> (String, bool, Option<i64>, Option<i64>) {
    let of = source(files, toml, "GetLogEvents");
    assert_eq!(of.status == "complete", of.exhausted);
    (of.status, of.assumed, of.covered_from.map(|at| at.0), of.covered_to.map(|at| at.0))
}

fn named(number: usize) -> String {
    format!("{LOG}{number}.json")
}

/// Pages of one stream: its name is in one file's path, the others lie in it too.
fn pages(pages: &[Value]) -> Vec<(String, Value)> {
    // One file may hold several documents.
    vec![(named(1), Value::Array(pages.to_vec()))]
}

fn of_pages(all: &[Value], more: Option<Value>, toml: &str) -> (String, bool, Option<i64>, Option<i64>) {
    let mut files = pages(all);
    files.extend(more.map(|more| ("streams.json".to_owned(), more)));
    let files: Vec<(&str, Value)> = files.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    lines(&files, toml)
}

#[test]
fn a_bare_page_is_known_from_its_first_line_to_its_last() {
    let partial = |from, to| ("partial".to_owned(), false, Some(from), Some(to));
    let observed = Timestamp::parse("2026-11-23T07:50:00Z").unwrap().0;
    let whole = |from| ("complete".to_owned(), true, from, Some(observed));
    let first = || page(&[1000, 2000], "f/2", "b/1");
    assert_eq!(of_pages(&[first()], None, ""), partial(1000, 2000));
    // The same page, saved twice, shows nothing more.
    assert_eq!(of_pages(&[first(), first()], None, ""), partial(1000, 2000));
    // Between two pages lines may be missing, unless they overlap.
    assert_eq!(of_pages(&[first(), page(&[3000, 4000], "f/4", "b/3")], None, ""), partial(3000, 4000));
    assert_eq!(of_pages(&[first(), page(&[1500, 4000], "f/4", "b/x")], None, ""), partial(1000, 4000));
    // The token came back: nothing is behind it.
    assert_eq!(of_pages(&[first(), page(&[], "f/2", "b/2")], None, ""), whole(Some(1000)));
    assert_eq!(of_pages(&[first(), page(&[], "f/9", "b/9")], None, ""), partial(1000, 2000));
    // The other token came back: nothing is before it.
    let both = [first(), page(&[], "f/2", "b/2"), page(&[], "f/1", "b/1")];
    assert_eq!(of_pages(&both, None, ""), whole(None));
    // Both tokens of one line lead to the same place.
    assert_eq!(of_pages(&[page(&[1000], "f/1", "b/1"), page(&[], "f/1", "b/1")], None, ""), partial(1000, 1000));
}

#[test]
fn describe_log_streams_says_when_a_stream_begins() {
    let observed = Timestamp::parse("2026-11-23T07:50:00Z").unwrap().0;
    let begins = |first: i64| {
        let arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/shop:log-stream:s1";
        let stream = json!({ "logStreamName": "s1", "arn": arn, "firstEventTimestamp": first });
        let all = [page(&[1000, 2000], "f/2", "b/1"), page(&[], "f/2", "b/2")];
        of_pages(&all, Some(json!({ "logStreams": [stream] })), "")
    };
    assert_eq!(begins(1000), ("complete".to_owned(), true, None, Some(observed)));
    assert_eq!(begins(999), ("complete".to_owned(), true, Some(1000), Some(observed)));
}

#[test]
fn what_is_stated_to_be_complete_is_taken_at_its_word() {
    let observed = Timestamp::parse("2026-11-23T07:50:00Z").unwrap().0;
    let stated = "complete = [\"get-log-events\", \"filter-log-events\"]";
    let whole = ("complete".to_owned(), true, None, Some(observed));
    assert_eq!(of_pages(&[page(&[1000, 2000], "f/2", "b/1")], None, stated), whole);
    let event =
        json!({ "timestamp": 1000, "ingestionTime": 1900, "message": "x", "logStreamName": "s1", "eventId": "1" });
    let filtered = |more: Value| {
        let mut answer = json!({ "events": [event], "searchedLogStreams": [] });
        answer["NextToken"] = more;
        vec![(named(1), answer)]
    };
    let of = |more: Value, toml: &str| {
        let files = filtered(more);
        let files: Vec<(&str, Value)> = files.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        lines(&files, toml)
    };
    assert_eq!(of(Value::Null, stated), whole);
    assert_eq!(of(Value::Null, ""), ("partial".to_owned(), false, None, None));
    assert_eq!(of(json!("cut"), stated).0, "partial");
}

fn services(created: &str, state: &str) -> Value {
    json!({ "services": [{ "serviceArn": SERVICE, "serviceName": "shop", "status": "ACTIVE",
        "deployments": [{ "id": "ecs-svc/1", "status": "PRIMARY", "createdAt": "2026-11-23T07:43:00Z",
            "updatedAt": created, "rolloutState": state }], "events": [] }], "failures": [] })
}

fn tasks(status: &str, at: &str) -> Value {
    json!({ "tasks": [{ "taskArn": TASK, "startedBy": "ecs-svc/1", "group": "service:shop", "lastStatus": status,
        "createdAt": "2026-11-23T07:43:02Z", "startedAt": at }], "failures": [] })
}

#[test]
fn an_answer_that_the_cli_cut_is_partial_whatever_lies_beside_it() {
    let cut = json!({ "taskArns": [TASK], "NextToken": "eyJib3RvX3RydW5jYXRlX2Ftb3VudCI6IDJ9" });
    let rest = json!({ "taskArns": [] });
    for files in [[("a.json", cut.clone()), ("b.json", rest.clone())], [("a.json", rest), ("b.json", cut)]] {
        let listed = source(&files, "", "ListTasks");
        assert_eq!((listed.status.as_str(), listed.error.as_deref()), ("partial", Some("its last page was not read")));
    }
}

#[test]
fn two_looks_in_one_folder_are_two_snapshots() {
    let (bundle, warnings, _folder) = imported(
        &[
            ("1-after.json", services("2026-11-23T07:46:00Z", "FAILED")),
            ("2-before.json", services("2026-11-23T07:43:10Z", "IN_PROGRESS")),
            ("3-after.json", tasks("STOPPED", "2026-11-23T07:45:00Z")),
            ("0-before.json", tasks("RUNNING", "2026-11-23T07:43:20Z")),
        ],
        "",
    );
    let states: Vec<_> = bundle.rows::<DeploymentRow>().unwrap().into_iter().map(|row| row.rollout_state).collect();
    assert_eq!(states, [Some("IN_PROGRESS".to_owned()), Some("FAILED".to_owned())]);
    let moments: Vec<_> =
        bundle.rows::<SnapshotRow>().unwrap().iter().map(|row| (row.observed_at.to_string(), row.assumed)).collect();
    let at = |text: &str| (text.to_owned(), true);
    assert_eq!(moments, [at("2026-11-23T07:43:10Z"), at("2026-11-23T07:46:00Z")]);
    let tasks = bundle.rows::<TaskRow>().unwrap();
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0].last_status.as_deref(), tasks[0].snapshot), (Some("STOPPED"), 1));
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("taken as 2 looks, at 2026-11-23T07:43:10Z and 2026-11-23T07:46:00Z"), "{warnings:?}");
}

#[test]
fn what_update_service_prints_is_an_earlier_look() {
    let described = services("2026-11-23T07:46:00Z", "COMPLETED");
    let printed = json!({ "service": services("2026-11-23T07:43:00Z", "IN_PROGRESS")["services"][0] });
    let files = [("a-describe.json", described), ("b-update.json", printed)];
    let files = in_folder(&files);
    let files: Vec<(&str, Value)> = files.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let (bundle, _, _folder) = imported(&files, "");
    let moments: Vec<_> =
        bundle.rows::<SnapshotRow>().unwrap().iter().map(|row| (row.observed_at.to_string(), row.assumed)).collect();
    assert_eq!(moments, [("2026-11-23T07:43:00Z".to_owned(), true), ("2026-11-23T07:50:00Z".to_owned(), false)]);
    assert_eq!(bundle.rows::<ServiceRow>().unwrap().len(), 2);
}

#[test]
fn a_folder_that_is_older_than_its_documents_is_not_trusted() {
    let files = |minute: &str| {
        let updated = format!("2026-11-23T07:{minute}Z");
        in_folder(&[("a.json", services(&updated, "COMPLETED")), ("b.json", tasks("RUNNING", "2026-11-23T07:43:20Z"))])
    };
    let run = |minute: &str| {
        let files = files(minute);
        let files: Vec<(&str, Value)> = files.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let (bundle, warnings, _folder) = imported(&files, "");
        let snapshot = bundle.rows::<SnapshotRow>().unwrap().remove(0);
        (snapshot.observed_at.to_string(), snapshot.assumed, warnings)
    };
    assert_eq!(run("51:00"), ("2026-11-23T07:50:00Z".to_owned(), false, vec![]));
    let (observed_at, assumed, warnings) = run("51:01");
    assert_eq!((observed_at.as_str(), assumed), ("2026-11-23T07:51:01Z", true));
    let said = "2026-11-23T07-50-00Z/a.json: services[].deployments[].updatedAt is 2026-11-23T07:51:01Z";
    assert!(warnings[0].starts_with(said) && warnings[0].contains("probably local time"), "{warnings:?}");
}
