//! What a fuzzer's input is fed to. The tests of the collector replay the corpus through it too.

use std::sync::LazyLock;

use casefile_collector::document::Document;
use casefile_collector::normalise::{About, Assembly, TaskSelector, latest_moment, services_of};
use casefile_collector::redact::Redactor;
use casefile_evidence::Timestamp;
use serde_json::Value;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::standard);

/// Reads a document and writes it again.
pub(crate) fn recognise(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let Ok(document) = Document::from_json(value, "fuzz") else { return };
    if !document.assumed {
        let again = Document::from_json(document.to_json(), "fuzz").map(|again| (again.operation, again.outcome));
        assert_eq!(again, Ok((document.operation, document.outcome)), "what is written is read back");
    }
}

/// Takes up a list of documents, in which a number begins the next snapshot, at that moment.
pub(crate) fn normalise(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let items = match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    let about = About {
        service: "shop".to_owned(),
        ingestion_grace_ms: 10_000,
        tasks: vec![TaskSelector::family("shop-migrate"), TaskSelector::started_by("ci")],
        log_groups: vec!["/ecs/extra".to_owned()],
        ..About::default()
    };
    let mut assembly = Assembly::new(about, REDACTOR.clone());
    assembly.begin_snapshot(Timestamp(1_795_419_800_000), true);
    for item in items {
        if let Value::Number(moment) = &item {
            assembly.end_snapshot();
            assembly.begin_snapshot(Timestamp(moment.as_i64().unwrap_or_default()), false);
            continue;
        }
        let Ok(document) = Document::from_json(item, "fuzz") else { continue };
        let document = assembly.redact(document);
        latest_moment(document.document());
        document.document().response().map(services_of);
        assembly.take(document);
    }
    assembly.end_snapshot();
    assembly.finish();
    assembly.drain();
    assembly.target("imported");
    assembly.topology().expected_streams();
}
