//! How far back sources reach: ECS forgets tasks and events, and log groups drop their lines.

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::Judged;
use casefile_evidence::tables::SourceRow;

use super::Known;
use super::contradictions::started_and_undescribed;
use crate::normalise::coverage::is_of_the_service;

/// Sets from when on the sources of a snapshot are known by what else is known, and what an operator can do where that is
/// later than the rollout's creation.
pub(crate) fn limit(known: &Known<'_>, sources: &mut [SourceRow]) {
    let judged = known.topology.judged();
    let Some(needed) = judged.evidence_from else { return };
    if events_name_all_tasks(known, &judged, needed) {
        for source in sources.iter_mut().filter(|it| it.feeds == "tasks" && is_of_the_service(&it.parameters)) {
            source.covered_from = source.covered_from.map(|from| from.min(needed));
        }
    }
    // Where nobody says how long a log group keeps its lines, those that are older than a day may be gone.
    for source in sources.iter_mut().filter(|source| source.feeds == "log_events") {
        let stream = source.log_group.as_deref().zip(source.log_stream.as_deref());
        let from = stream.and_then(|(group, stream)| known.coverage.logs.may_be_kept_from(group, stream));
        if from.is_some_and(|from| from > needed) {
            source.covered_from = source.covered_from.max(from);
        }
    }
    for source in sources.iter_mut().filter(|source| source.remedy.is_none()) {
        let from = source.covered_from.filter(|from| *from > needed);
        source.remedy = from.map(|from| remedy(known, source, from));
    }
}

/// ECS forgets a stopped task after an hour. Where the events reach back to the rollout's creation and every task
/// that they name as started since was described, none was forgotten.
fn events_name_all_tasks(known: &Known<'_>, judged: &Judged, needed: Timestamp) -> bool {
    let events = &known.coverage.events;
    if known.current.assumed || !events.begun {
        return false;
    }
    let reaches_back = events.covered_from.is_none_or(|from| from <= needed);
    let mut own = known.topology.tasks.iter().filter(|(_, task)| {
        known.topology.is_of(task, judged) && task.created_at.is_none_or(|created| created >= needed)
    });
    reaches_back
        && own.all(|(id, _)| events.started.contains_key(id))
        && events.started.values().any(|at| *at >= needed)
        && started_and_undescribed(known, needed).is_empty()
}

/// What an operator can do where a source is known from a moment on that is too late.
fn remedy(known: &Known<'_>, source: &SourceRow, from: Timestamp) -> String {
    let remedy = match source.feeds.as_str() {
        "tasks" if known.current.assumed => {
            "say when it was taken, by a folder named so (2026-11-23T07-43-00Z): ECS forgets a stopped task after an hour"
        }
        "tasks" => "collect within the hour: ECS forgets a stopped task after about that long",
        "service_events" => "collect while the deployment runs: ECS keeps the newest 100 events",
        "log_events" => return remedy_of_lines(known, source, from),
        _ => "collect sooner",
    };
    remedy.to_owned()
}

fn remedy_of_lines(known: &Known<'_>, source: &SourceRow, from: Timestamp) -> String {
    let logs = &known.coverage.logs;
    let (group, stream) = source.log_group.as_deref().zip(source.log_stream.as_deref()).unwrap_or_default();
    if source.assumed {
        "save describe-log-streams too: it says when the stream begins".to_owned()
    } else if logs.may_be_kept_from(group, stream) == Some(from) {
        format!(
            "read how long {group} keeps its lines (logs:DescribeLogGroups): it may be a day, which is the shortest"
        )
    } else if logs.stream(group, stream).and_then(|stream| stream.kept_from) == Some(from) {
        format!("raise the log group's retention, or collect sooner: {group} keeps no older lines")
    } else {
        "read the stream from the deployment's creation on".to_owned()
    }
}
