//! What was chosen in the config: one-off tasks and log groups.

use casefile_evidence::tables::SourceRow;
use serde_json::{Map, json};

use super::Known;
use crate::document::Operation;
use crate::normalise::coverage::{Key, Place, of_class};
use crate::normalise::topology::{TaskSelector, cli_option, log_group_parameter};

/// The lists of chosen tasks that no document has.
pub(crate) fn tasks_not_listed(known: &Known<'_>) -> Vec<SourceRow> {
    let lists = known.topology.selectors().iter().flat_map(|selector| {
        ["RUNNING", "STOPPED"].into_iter().filter_map(move |status| not_listed(known, selector, status))
    });
    lists.collect()
}

fn not_listed(known: &Known<'_>, selector: &TaskSelector, status: &str) -> Option<SourceRow> {
    let (field, value) = selector.filter();
    let listed = known.coverage.ledger.was_asked(|key| {
        key.operation == Operation::ListTasks.name()
            && key.parameter(field).as_deref() == Some(value)
            && key.desired_status() == status
    });
    // A bare document does not say whose tasks were asked for: that some came is all that tells.
    let text = selector.to_string();
    let came = known.topology.tasks.values().any(|task| task.selected_by.as_ref() == Some(&text));
    if listed || came && (known.is_bare(Operation::DescribeTasks) || known.is_bare(Operation::ListTasks)) {
        return None;
    }
    let option = if field == "family" { "--family" } else { "--started-by" };
    let asked = Map::from_iter([(field.to_owned(), json!(value)), ("desiredStatus".to_owned(), json!(status))]);
    Some(known.gap(
        &Key::by(Operation::ListTasks, &asked.into()),
        "missing",
        format!("the {status} tasks of {text} were never listed"),
        format!(
            "aws ecs list-tasks --cluster {} {option} {value} --desired-status {status}, and describe-tasks",
            known.topology.cluster()
        ),
    ))
}

/// Chosen log groups that no document tells of.
pub(crate) fn log_groups_not_read(known: &Known<'_>) -> Vec<SourceRow> {
    let since = known.topology.logs_since().as_millis();
    let unread = known.topology.chosen_log_groups().into_iter().filter(|group| !was_asked(known, group));
    let rows = unread.map(|group| {
        let key = Key::by(Operation::FilterLogEvents, &json!({ log_group_parameter(&group): group }));
        let why = match known.coverage.logs.unreadable.get(&group) {
            Some(class) => of_class(&group, class),
            None => (
                format!("no answer about log group {group} is there"),
                format!("aws logs filter-log-events {} --start-time {since}", cli_option(&group)),
            ),
        };
        known.gap_at(&key, Place { log_group: Some(group), ..Place::default() }, "missing", why)
    });
    rows.collect()
}

fn was_asked(known: &Known<'_>, group: &str) -> bool {
    known.coverage.ledger.was_asked(|key| {
        let named = key.parameter("logGroupName").or_else(|| key.parameter("logGroupIdentifier"));
        ["log_streams", "log_events"].contains(&key.feeds)
            && named.is_some_and(|named| known.topology.log_group(&named) == group)
    })
}

/// Streams of a chosen log group that have lines of the deployment's time, and were never read.
pub(crate) fn streams_not_read(known: &Known<'_>) -> Vec<SourceRow> {
    let since = known.topology.logs_since();
    let claims = known.coverage.logs.claims.iter().filter(|((group, stream), claimed)| {
        **claimed >= since
            && known.topology.is_chosen_group(group)
            && !known.coverage.ledger.knows(&Key::of_stream(group, stream))
    });
    let rows = claims.map(|((group, stream), claimed)| {
        let (container, task_id) = known.topology.writer_of(group, stream);
        let place = Place { log_group: Some(group.clone()), log_stream: Some(stream.clone()), container, task_id };
        let why = (
            format!("the stream has lines up to {claimed}, and was not read"),
            format!("aws logs get-log-events {} --log-stream-name {stream} --start-from-head", cli_option(group)),
        );
        known.gap_at(&Key::of_stream(group, stream), place, "missing", why)
    });
    rows.collect()
}
