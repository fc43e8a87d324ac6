//! Whether the log of one container was read.

use super::{Coverage, LOGS, NEVER_STARTED, in_shared_stream, shared_stream};
use crate::verdict::gap::missing;

impl Coverage<'_> {
    /// Why the log of a container of a task was not read to its end; where no container is named, of any of its.
    pub(crate) fn unread_log(&self, task_id: &str, container: Option<&str>) -> Option<String> {
        let of_lines = || self.latest.iter().filter(|source| source.feeds == "log_events");
        let is_its = |of: Option<&str>| container.is_none() || of.is_none() || of == container;
        let mut asked = of_lines()
            .filter(|source| source.task_id.as_deref() == Some(task_id) && is_its(source.container.as_deref()))
            .peekable();
        if asked.peek().is_some() {
            let needed = asked.filter(|source| source.error_code.as_deref() != Some(NEVER_STARTED));
            // How far back it was read does not matter for its last lines.
            let gaps: Vec<_> = needed.filter_map(|source| self.end_gap(source)).collect();
            if !gaps.is_empty() && gaps.iter().all(|gap| gap.status == "missing") {
                return Some("no answer holds its lines".to_owned());
            }
            return (!gaps.is_empty()).then(|| missing(&gaps));
        }
        // Of a group that was asked for as a whole, each stream's name tells whose it is.
        let mut groups = self
            .latest
            .iter()
            .filter(|source| LOGS.contains(&source.feeds.as_str()))
            .filter(|source| source.task_id.is_none() && source.log_stream.is_none())
            .peekable();
        if groups.peek().is_some() {
            let gaps: Vec<_> = groups.filter_map(|source| self.end_gap(source)).collect();
            return (!gaps.is_empty()).then(|| missing(&gaps));
        }
        let shared = shared_stream(of_lines().copied());
        Some(
            shared
                .map_or_else(|| "it was never asked for".to_owned(), |(group, stream)| in_shared_stream(group, stream)),
        )
    }
}
