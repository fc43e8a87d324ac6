//! A line that must appear, in time, on as many tasks as are asked for.

use std::collections::{BTreeMap, BTreeSet};

use casefile_evidence::Timestamp;

use super::scope::Scene;
use super::{Judged, gaps, row, seconds, task_gaps};
use crate::signature::{Anchor, Found, Match, Pattern, Place, Quorum};
use crate::tables::Task;
use crate::terms::Status;
use crate::verdict::coverage::Scope;
use crate::verdict::gap::{Gap, NOT_REACHED};
use crate::verdict::outcome::{EvidenceRow, Outcome};

pub(super) fn success(pattern: &Pattern, seen: &[(&Place, &Found)], scene: Scene<'_>) -> Judged {
    let Some(created_at) = scene.target.deployment_created_at else {
        let gap = Gap {
            source: "deployments".to_owned(),
            status: "missing".to_owned(),
            error: "the judged deployment was not seen, so the deadline is not known".to_owned(),
            remedy: "check the expected task definition, and collect while the deployment runs".to_owned(),
        };
        return Judged::unknown(vec![gap], Vec::new());
    };
    if scene.judged.nothing_deployed {
        return Judged::new(
            Outcome::Skip,
            "nothing was deployed: only the tasks of a new rollout log this line",
            Vec::new(),
        );
    }
    let judging = Judging { pattern, scene, created_at };
    let told = judging.read(seen);
    if scene.wants_none
        && pattern.tasks(scene.tasks).next().is_none()
        && told.rows.is_empty()
        && pattern.family.is_none()
    {
        return Judged::new(Outcome::Skip, "the desired count is 0: no task can log it", told.rows);
    }
    if told.is_enough(pattern) {
        return judging.pass(told);
    }
    let Some(over) = judging.over(&told) else { return judging.open(told, None) };
    if scene.target.window_to.is_none_or(|end| end < over) || told.may_heal && !scene.ended {
        return judging.open(told, Some(over));
    }
    let mut gaps = gaps(pattern, scene, Some(over));
    gaps.extend(scene.coverage.lossy(pattern));
    gaps.extend(scene.coverage.broken_lines(pattern));
    gaps.extend(scene.coverage.gaps("task_definitions", Scope::of(pattern)));
    if pattern.tasks(scene.tasks).next().is_none() {
        // The desired count tells a failure from a service that is scaled to 0.
        gaps.extend(scene.coverage.gaps("services", Scope::of(pattern)));
    }
    if let Some(family) = pattern.family.as_ref().filter(|_| pattern.tasks(scene.tasks).next().is_none()) {
        gaps.push(Gap {
            source: format!("tasks: one-off tasks of family {family}"),
            status: "missing".to_owned(),
            error: "none was seen: ECS forgot it, or it was never started".to_owned(),
            remedy: "collect within the hour after it ran, and name the family in [collect] tasks".to_owned(),
        });
    }
    if !gaps.is_empty() {
        return Judged::unknown(gaps, told.rows);
    }
    judging.fail(told)
}

/// The evidence for one signature.
struct Judging<'a> {
    pattern: &'a Pattern,
    scene: Scene<'a>,
    created_at: Timestamp,
}

/// The result of the search.
#[derive(Default)]
struct Told<'a> {
    rows: Vec<EvidenceRow>,
    /// The task that logged it in time and did not die, with the moment; `None` if the task is unknown.
    in_time: BTreeMap<Option<&'a str>, Timestamp>,
    /// The first line that came too late, and by how many milliseconds.
    late_ms: Option<i64>,
    died: Option<String>,
    /// Whether a task that logged it in time died in a rollout that still runs: its death may heal.
    may_heal: bool,
    /// The tasks that it is about and that run at the end.
    alive: BTreeSet<&'a str>,
}

impl Told<'_> {
    fn is_enough(&self, pattern: &Pattern) -> bool {
        match pattern.quorum {
            Quorum::Once => !self.in_time.is_empty(),
            Quorum::Any => self.in_time.keys().any(|who| who.is_none_or(|task| self.alive.contains(task))),
            Quorum::Every => {
                !self.alive.is_empty() && self.alive.iter().all(|task| self.in_time.contains_key(&Some(*task)))
            }
        }
    }

    fn silent(&self) -> Vec<&str> {
        self.alive.iter().copied().filter(|task| !self.in_time.contains_key(&Some(*task))).collect()
    }
}

impl<'a> Judging<'a> {
    /// The deadline of a task; `None` if it counts from the task's start and the task has not started.
    fn deadline(&self, task: Option<&Task>) -> Option<Timestamp> {
        let from = match (self.pattern.anchor, task) {
            (Anchor::Deployment, Some(Task { started_at: Some(started_at), .. }))
                if self.pattern.quorum == Quorum::Every
                    && started_at.millis_since(self.created_at) > self.pattern.within_ms =>
            {
                // Each is to log it, and this one could not have.
                Some(*started_at)
            }
            (Anchor::Deployment, _) | (Anchor::Task, None) => Some(self.created_at),
            (Anchor::Task, Some(task)) => task.started_at,
        };
        from.map(|from| from.plus_millis(self.pattern.within_ms))
    }

    fn read(&self, seen: &[(&'a Place, &'a Found)]) -> Told<'a> {
        let mut told = Told::default();
        for (id, task) in self.scene.tasks.all().filter(|(_, task)| self.pattern.is_about(task)) {
            if task.stopped_at.is_none() && task.death.is_none() {
                told.alive.insert(id);
            }
        }
        for (place, found) in seen {
            let lines = self.scene.lines(place, found);
            let Some(line) = lines.into_iter().min_by_key(|line| (self.scene.written_at(place, line), *line)) else {
                continue;
            };
            let (status, reason) = self.line(place, line, &mut told);
            told.rows.push(row(status, place, line, reason, self.scene));
        }
        told.rows.sort();
        told
    }

    fn line(&self, place: &'a Place, line: &Match, told: &mut Told<'a>) -> (Status, String) {
        let task = self.scene.task_of(place);
        let id = place.task_id.as_deref();
        let at = self.scene.written_at(place, line);
        if let Some(death) = task.and_then(|task| task.death.as_deref()) {
            // The task died after it logged the line: order matters.
            let id = id.unwrap_or_default();
            told.died.get_or_insert_with(|| format!("it was logged by task {id}, which then died ({death})"));
            told.may_heal |= task.is_some_and(|task| task.may_heal);
            return (Status::Fail, format!("logged, but then the task died ({death}): {}", line.message));
        }
        let by = self.deadline(task).map_or(0, |deadline| at.millis_since(deadline));
        if by > 0 {
            told.late_ms = Some(told.late_ms.map_or(by, |other| other.min(by)));
            return (Status::Fail, format!("logged {} after the deadline: {}", seconds(by), line.message));
        }
        let who = id.filter(|_| task.is_some());
        told.in_time.entry(who).and_modify(|first| *first = at.min(*first)).or_insert(at);
        if self.pattern.quorum != Quorum::Once && who.is_some_and(|id| !told.alive.contains(id)) {
            return (Status::Skip, format!("logged, but the task has stopped since: {}", line.message));
        }
        (Status::Pass, line.message.clone())
    }

    fn pass(&self, mut told: Told<'_>) -> Judged {
        let first = told.in_time.values().min().copied().unwrap_or(self.created_at);
        let after = seconds(first.millis_since(self.created_at));
        let reason = match self.pattern.quorum {
            Quorum::Every => format!("each of {} tasks logged it in time", told.alive.len()),
            _ => format!("it was logged {after} after the deployment was created"),
        };
        // One task is enough, so other tasks need not log it.
        told.rows.retain(|row| row.status == Status::Pass);
        // Whether the task that logged it still runs is known only if the tasks are known. For an unknown
        // task, it is unknown whether it logged.
        let gaps = match self.pattern.quorum {
            Quorum::Every => gaps(self.pattern, self.scene, None),
            Quorum::Once | Quorum::Any => task_gaps(self.pattern, self.scene),
        };
        if gaps.is_empty() { Judged::new(Outcome::Pass, reason, told.rows) } else { Judged::unknown(gaps, told.rows) }
    }

    /// When every line that counts must have been written and have arrived.
    fn over(&self, told: &Told<'_>) -> Option<Timestamp> {
        let grace = self.scene.target.ingestion_grace_ms;
        let default = || self.created_at.plus_millis(self.pattern.within_ms);
        let last = match self.pattern.anchor {
            Anchor::Deployment if self.pattern.quorum != Quorum::Every => default(),
            Anchor::Deployment | Anchor::Task => {
                let wanted = |id: &&str| match self.pattern.quorum {
                    Quorum::Every => !told.in_time.contains_key(&Some(*id)),
                    Quorum::Once | Quorum::Any => true,
                };
                let deadlines =
                    told.alive.iter().filter(|id| wanted(id)).map(|id| self.deadline(self.scene.tasks.get(id)));
                deadlines.collect::<Option<Vec<_>>>()?.into_iter().max().unwrap_or_else(default)
            }
        };
        Some(last.plus_millis(grace))
    }

    /// The deadline is not over: the line may still be logged, unless the collection has ended.
    fn open(&self, mut told: Told<'_>, over: Option<Timestamp>) -> Judged {
        told.rows.iter_mut().filter(|row| row.status == Status::Fail).for_each(|row| row.status = Status::Pending);
        let target = self.scene.target;
        let deadline = match over {
            Some(over) => format!(
                "the deadline is {}, and lines may arrive until {over}",
                over.plus_millis(-target.ingestion_grace_ms)
            ),
            None => "it is counted from the start of a task".to_owned(),
        };
        if !self.scene.ended {
            return Judged::new(Outcome::Pending, format!("it may still be logged: {deadline}"), told.rows);
        }
        let until = over.map_or_else(|| "its deadline".to_owned(), |over| over.to_string());
        let remedy = match (target.stop_reason.as_str(), over.zip(target.window_from)) {
            ("timeout", Some((over, from))) => {
                let needed = (over.millis_since(from).max(0) + 9_999) / 10_000 * 10;
                format!("raise --timeout to {needed}s: the deadline was not reached")
            }
            ("timeout", None) => "raise --timeout: the deadline was not reached".to_owned(),
            ("decided" | "settled", _) => "no action: another check had already decided".to_owned(),
            ("interrupted", _) => "let the collection run to its end".to_owned(),
            _ => format!("collect until {until}: the deadline was not reached"),
        };
        let end = target.window_to.map_or_else(|| "before".to_owned(), |end| end.to_string());
        let gap = Gap {
            source: "log_events".to_owned(),
            status: NOT_REACHED.to_owned(),
            error: format!("the collection ended at {end}, before {until}"),
            remedy,
        };
        let reason = format!("it was not logged before the collection ended: {deadline}");
        Judged { unknown_because: vec![gap], ..Judged::new(Outcome::Unknown, reason, told.rows) }
    }

    fn fail(&self, mut told: Told<'_>) -> Judged {
        let after = match self.pattern.anchor {
            Anchor::Deployment => "after the deployment was created",
            Anchor::Task => "after its task started",
        };
        let within = seconds(self.pattern.within_ms);
        let tasks: Vec<(&str, &Task)> = self.pattern.tasks(self.scene.tasks).collect();
        let silent = told.silent();
        let reason = match (self.pattern.quorum, &told.died, told.late_ms) {
            (Quorum::Every, ..) if !silent.is_empty() && !told.in_time.is_empty() => {
                format!("{} of {} tasks did not log it within {within} {after}", silent.len(), told.alive.len())
            }
            (_, Some(died), _) => died.clone(),
            (_, None, Some(late)) => format!("it was logged {} after the deadline of {within}", seconds(late)),
            (_, None, None) if tasks.is_empty() => {
                format!("it was not logged within {within}: the deployment never had a task")
            }
            (Quorum::Any, None, None) if !told.in_time.is_empty() => {
                "every task that logged it has stopped since".to_owned()
            }
            (_, None, None) => format!("it was not logged within {within} {after}"),
        };
        if self.pattern.quorum == Quorum::Every {
            let logged = |id: &&str| told.rows.iter().any(|row| row.resource == format!("task {id}"));
            let reason = format!("not logged within {within} {after}");
            let missing = silent.into_iter().filter(|id| !logged(id)).map(|id| EvidenceRow {
                at: self.scene.tasks.get(id).and_then(|task| task.started_at),
                ..EvidenceRow::new(Status::Fail, format!("task {id}"), &*reason)
            });
            let missing: Vec<EvidenceRow> = missing.collect();
            told.rows.extend(missing);
            told.rows.sort();
        }
        let nobody_ran = self.pattern.family.is_none() && !tasks.iter().any(|(_, task)| task.started);
        Judged { nobody_ran, ..Judged::new(Outcome::Fail, reason, told.rows) }
    }
}
