//! A line that must never appear.

use super::scope::Scene;
use super::{Judged, gaps, row};
use crate::signature::{Found, Pattern, Place};
use crate::terms::Status;
use crate::verdict::outcome::Outcome;

/// One line proves a failure, even if other evidence is missing. Its absence is known only if every
/// line was read, the last ones of a task that died among them.
pub(super) fn failure(pattern: &Pattern, seen: &[(&Place, &Found)], scene: Scene<'_>) -> Judged {
    let mut rows = Vec::new();
    let mut count = 0;
    for (place, found) in seen {
        let lines = scene.lines(place, found);
        rows.extend(lines.iter().map(|line| row(Status::Fail, place, line, line.message.clone(), scene)));
        // Lines beyond the kept ones are only counted.
        count += scene.count(place, found);
    }
    rows.sort();
    if !rows.is_empty() {
        let reason = if count == 1 { "it was logged once".to_owned() } else { format!("it was logged {count} times") };
        return Judged::new(Outcome::Fail, reason, rows);
    }
    let mut gaps = gaps(pattern, scene, scene.target.window_to);
    gaps.extend(scene.coverage.broken_lines(pattern));
    let last_lines = scene.coverage.last_lines(pattern);
    if gaps.is_empty() && !last_lines.is_empty() && !scene.ended {
        let reason = "it may still be logged: the last lines of a task that died have not arrived yet";
        return Judged::new(Outcome::Pending, reason, rows);
    }
    gaps.extend(last_lines);
    if !gaps.is_empty() {
        Judged::unknown(gaps, rows)
    } else if scene.coverage.logs_were_read(pattern) {
        Judged::new(Outcome::Pass, "not logged", rows)
    } else {
        Judged::new(Outcome::Skip, "no container that is judged has logged anything", rows)
    }
}
