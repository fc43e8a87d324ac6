//! Coverage of log lines for signatures: whether the lines were read and can be put together.

use casefile_evidence::tables::SourceRow;

use super::{Coverage, Gap, NEVER_STARTED, NOT_REACHED, Scope, describe};
use crate::signature::{Pattern, StreamLines, is_log_group};
use crate::tables::{Task, family};

impl Coverage<'_> {
    /// Whether the log of any container that a signature is about was read. A container that never
    /// started has none to read, and its silence is no good news.
    pub(crate) fn logs_were_read(&self, pattern: &Pattern) -> bool {
        self.log_sources("log_events", Scope::of(pattern))
            .any(|source| source.error_code.as_deref() != Some(NEVER_STARTED))
    }

    /// Whether lines of a container may have been dropped before they were ever sent: the log driver then
    /// says nothing, so that an expected line which is not there may have been written all the same.
    pub(crate) fn lossy(&self, pattern: &Pattern) -> Option<Gap> {
        let lossy = self.definitions.iter().find(|definition| {
            let is_its = match &pattern.family {
                None => Some(&definition.task_definition) == self.target.task_definition.as_ref(),
                some => family(&definition.task_definition) == *some,
            };
            is_its
                && definition.log_mode.as_deref() == Some("non-blocking")
                && pattern.container.as_ref().is_none_or(|container| definition.container == *container)
        })?;
        Some(Gap {
            source: format!("log_events: the log driver of container {}", lossy.container),
            status: "lossy".to_owned(),
            error: "its mode is non-blocking: it drops lines without a trace when they come too fast".to_owned(),
            remedy: "set mode = \"blocking\" in its log configuration, or raise max-buffer-size".to_owned(),
        })
    }

    /// Clock and delivery facts of the lines of a stream.
    pub(crate) fn stream(&self, group: &str, stream: &str) -> Option<&StreamLines> {
        self.streams.get(group, stream)
    }

    /// Streams of a signature in which a line lacks a part: the missing part may match.
    pub(crate) fn broken_lines(&self, pattern: &Pattern) -> Vec<Gap> {
        let is_about = |group: &str, lines: &StreamLines| {
            let task = lines.task_id.as_deref().and_then(|id| self.tasks.get(id));
            pattern.log_group.as_deref().is_none_or(|named| is_log_group(named, group))
                && (pattern.container.is_none() || pattern.container == lines.container)
                && task.map_or_else(|| pattern.takes_unattributed(), |task| pattern.is_about(task))
        };
        let streams = self.streams.iter().filter(|(group, _, lines)| lines.broken > 0 && is_about(group, lines));
        let gap = |(group, stream, _): (&str, &str, &StreamLines)| Gap {
            source: format!("log_events: GetLogEvents {group} {stream}"),
            status: "partial".to_owned(),
            error: "a line was split at 16 KiB and its end is missing".to_owned(),
            remedy: "log shorter lines, or collect until the rest of the line has arrived".to_owned(),
        };
        streams.map(gap).collect()
    }

    /// Streams that a signature is about which were read before the last lines of a task that died must have arrived.
    /// Why
    /// it died is often the last thing that it says.
    pub(crate) fn last_lines(&self, pattern: &Pattern) -> Vec<Gap> {
        let grace = self.target.ingestion_grace_ms;
        let died = |task: &Task| task.died_at().filter(|_| pattern.is_about(task));
        let last = self.tasks.all().filter_map(|(_, task)| died(task)).max();
        let gap = |source: &SourceRow| {
            // A stream that several write to, or a group as a whole, may have the lines of any task.
            let died_at = match source.task_id.as_deref() {
                Some(id) => self.tasks.get(id).and_then(died),
                None => last,
            }?;
            let until = died_at.plus_millis(grace);
            let read_to = source.covered_to.filter(|to| *to < until)?;
            let who = source.task_id.as_ref().map_or_else(|| "the last task".to_owned(), |id| format!("task {id}"));
            Some(Gap {
                source: describe(source),
                status: NOT_REACHED.to_owned(),
                error: format!(
                    "{who} died at {died_at}, and its lines may arrive until {until}: the stream was read up to {read_to}"
                ),
                remedy: match self.target.stop_reason.as_str() {
                    "imported" => format!("add the stream's lines up to {until} to the recording"),
                    "interrupted" => format!("let the collection run until {until}"),
                    "timeout" => "raise --timeout, or read the stream later".to_owned(),
                    _ => "collect without --no-grace, or read the stream later".to_owned(),
                },
            })
        };
        self.log_sources("log_events", Scope::of(pattern)).filter_map(gap).collect()
    }
}
