//! How the collection goes: one line that moves on a terminal, a line a change without one.

use std::io::IsTerminal;
use std::time::Duration;

use casefile_collector::collect::Progress;
use casefile_collector::document::ApiError;
use casefile_evidence::Timestamp;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::say::{is_json_log, note, raw, section_begin, section_end, tell, under_way, warning};

/// A section of a GitLab job log: it can be folded, and says how long it took (GitLab, "Custom collapsible sections").
pub(crate) struct Section {
    name: &'static str,
}

impl Section {
    pub(crate) fn begin(name: &'static str, title: &str, at: Timestamp) -> Self {
        raw(&section_begin(name, title, false, at));
        Self { name }
    }

    pub(crate) fn end(self, at: Timestamp) {
        raw(&section_end(self.name, at));
    }
}

/// Shows progress on standard error.
pub(crate) struct Reporter {
    working: Working,
    last: String,
    /// How many polls had no answer, one after the other.
    unanswered: u32,
    /// When that was last said.
    said_at: Duration,
}

/// How often it is said that AWS does not answer.
const REMINDER: Duration = Duration::from_secs(15);

impl Reporter {
    pub(crate) fn new() -> Self {
        Self { working: Working::now(), last: String::new(), unanswered: 0, said_at: Duration::ZERO }
    }

    pub(crate) fn show(&mut self, progress: &Progress) {
        self.unanswered = if unanswered(progress) { self.unanswered + 1 } else { 0 };
        let is_due = progress.elapsed.saturating_sub(self.said_at) >= REMINDER;
        if self.unanswered == 2 || (self.unanswered > 2 && is_due) {
            self.said_at = progress.elapsed;
            let polls = self.unanswered;
            warning(&format!(
                "no answer from AWS in {polls} polls: check --endpoint-url, the region and the network; still trying, {}",
                left(progress)
            ));
        }
        let state = state(progress);
        let line = format!("poll {}: {state} ({})", progress.poll, left(progress));
        if self.working.is_shown() {
            tell(|| line);
        } else if state != self.last {
            // Without a terminal, print changes only.
            note(&line);
        }
        self.last = state;
        progress.told.iter().for_each(|line| note(line));
    }
}

/// Whether AWS gave no answer about the service.
fn unanswered(progress: &Progress) -> bool {
    let silent = |code: &String| code == ApiError::NO_ANSWER || code == ApiError::TIMEOUT;
    progress.errors.get("DescribeServices").is_some_and(silent)
}

fn state(progress: &Progress) -> String {
    let rollout = progress.rollout_state.as_deref().unwrap_or("rollout state unknown");
    let tasks = match progress.tasks {
        Some((running, desired)) => format!("{running}/{desired} tasks running"),
        None => "tasks unknown".to_owned(),
    };
    let mut state = format!("{rollout}, {tasks}, {} log lines", progress.log_lines);
    if progress.gaps > 0 {
        let plural = if progress.gaps == 1 { "" } else { "s" };
        state.push_str(&format!(", {} gap{plural}", progress.gaps));
    }
    for (operation, code) in &progress.errors {
        state.push_str(&format!(", {operation}: {code}"));
    }
    if let Some(awaited) = &progress.awaited {
        state.push_str(&format!("; waiting for {awaited}"));
    }
    state
}

fn left(progress: &Progress) -> String {
    let left = progress.timeout.saturating_sub(progress.elapsed).as_secs();
    format!("{}:{:02} left", left / 60, left % 60)
}

/// Work shorter than this is not announced.
const PATIENCE: Duration = Duration::from_secs(1);

/// Says on a terminal that something is under way, until it is dropped. Without a terminal nothing is said.
pub(crate) struct Working(());

impl Working {
    /// Says it once it takes longer than a second.
    pub(crate) fn begin(what: &'static str) -> Self {
        if let Some(bar) = spinner() {
            *under_way() = Some(bar.with_message(what));
            std::thread::spawn(|| {
                std::thread::sleep(PATIENCE);
                under_way().as_ref().inspect(|bar| show(bar));
            });
        }
        Self(())
    }

    /// Says at once what [`tell`] tells.
    fn now() -> Self {
        if let Some(bar) = spinner() {
            show(&bar);
            *under_way() = Some(bar.with_message("poll 1: asking AWS"));
        }
        Self(())
    }

    /// Whether there is a terminal to say it on.
    fn is_shown(&self) -> bool {
        under_way().is_some()
    }
}

/// A line that moves, where standard error is a terminal; not shown yet.
fn spinner() -> Option<ProgressBar> {
    (std::io::stderr().is_terminal() && !is_json_log()).then(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar
    })
}

fn show(bar: &ProgressBar) {
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.enable_steady_tick(Duration::from_millis(120));
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(bar) = under_way().take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_an_operator_waits_for() {
        let progress = Progress {
            poll: 3,
            rollout_state: Some("IN_PROGRESS".to_owned()),
            tasks: Some((1, 2)),
            log_lines: 17,
            gaps: 1,
            errors: [("GetLogEvents".to_owned(), "AccessDeniedException".to_owned())].into(),
            awaited: Some("log.migrated".to_owned()),
            told: None,
            elapsed: Duration::from_secs(61),
            timeout: Duration::from_secs(180),
        };
        assert_eq!(
            state(&progress),
            "IN_PROGRESS, 1/2 tasks running, 17 log lines, 1 gap, GetLogEvents: AccessDeniedException; waiting for log.migrated"
        );
        assert_eq!(left(&progress), "1:59 left");
    }
}
