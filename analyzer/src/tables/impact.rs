//! Impact: the revisions that serve users at the end of the evidence.

use arrow::array::RecordBatch;
use casefile_evidence::Timestamp;
use casefile_evidence::rollout::Judged;
use casefile_evidence::tables::{ServiceRow, TargetHealthRow};
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::tasks::{flag, int, rows, text, time};
use crate::error::AnalyzeError;

/// The revisions that run at the end of the evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impact {
    /// The impact in a sentence.
    pub summary: String,
    /// How many tasks the service is to run; null where that is not known.
    pub desired_count: Option<i64>,
    /// The deployments or task sets that run tasks, the oldest first.
    pub running: Vec<Running>,
    /// How many targets the load balancer finds unhealthy; null where it was not asked.
    pub unhealthy_targets: Option<i64>,
}

/// A deployment or task set that runs tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// `deployments[].id`, or the task set's id.
    pub deployment: String,
    /// The ARN of its task definition.
    pub task_definition: Option<String>,
    /// Whether it is the judged rollout.
    pub is_judged: bool,
    /// `runningCount`.
    pub running_count: i64,
}

/// The columns that name a deployment and a task set: of views `latest_deployments` and `latest_task_sets`.
const IDS: [&str; 2] = ["deployment_id", "task_set_id"];

impl Impact {
    /// From the views `latest_deployments` and `latest_task_sets`.
    pub(crate) fn new(
        releases: &[&[RecordBatch]],
        service: Option<&ServiceRow>,
        unhealthy_targets: Option<i64>,
        judged: &Judged,
    ) -> Self {
        let mut running: Vec<(Option<Timestamp>, Running)> = Vec::new();
        for (batch, row) in releases.iter().flat_map(|batches| rows(batches)) {
            let id = IDS.iter().find_map(|column| text(batch, column, row));
            let running_count = int(batch, "running_count", row).unwrap_or_default();
            let (Some(deployment), true) = (id, flag(batch, "current", row) == Some(true) && running_count > 0) else {
                continue;
            };
            let is_judged = flag(batch, "judged", row) == Some(true);
            let task_definition = text(batch, "task_definition", row);
            let one = Running { deployment, task_definition, is_judged, running_count };
            running.push((time(batch, "created_at", row), one));
        }
        running.sort_by(|(a, one), (b, other)| (a, &one.deployment).cmp(&(b, &other.deployment)));
        let mut impact = Self {
            summary: String::new(),
            desired_count: service.and_then(|service| service.desired_count),
            running: running.iter().map(|(_, one)| one.clone()).collect(),
            unhealthy_targets,
        };
        let named: Vec<String> = running
            .iter()
            .map(|(created_at, one)| format!("{} runs {}", name(one, *created_at, judged), one.running_count))
            .collect();
        impact.summary = impact.sentence(&named, service.and_then(|service| service.running_count));
        impact
    }

    /// `named`: the running tasks by revision. `running_count`: that of the service, if its revisions are not known.
    fn sentence(&self, named: &[String], running_count: Option<i64>) -> String {
        let unhealthy = match self.unhealthy_targets {
            None | Some(0) => String::new(),
            Some(1) => "; 1 target is unhealthy".to_owned(),
            Some(number) => format!("; {number} targets are unhealthy"),
        };
        match (self.desired_count, named) {
            (None, []) => "unknown: the service was not described".to_owned(),
            (Some(desired), []) if running_count != Some(0) => {
                let running = running_count.map_or_else(|| "an unknown number".to_owned(), |count| count.to_string());
                format!("{running} of {desired} desired tasks run; which revisions they run is not known")
            }
            (Some(0), []) => "no task runs: the desired count is 0".to_owned(),
            (Some(desired), []) => format!("down: 0 of {desired} desired tasks run"),
            (None, named) => format!("{}{unhealthy}", named.join(", ")),
            (Some(desired), named) => format!("{} of {desired} desired tasks{unhealthy}", named.join(", ")),
        }
    }
}

/// How many targets were unhealthy when they were last described, as of a moment where one is given; `None` where none was
/// ever described.
pub(crate) fn unhealthy_targets(evidence: &Evidence, moment: Option<Timestamp>) -> Result<Option<i64>, AnalyzeError> {
    let mut last: Option<(i64, i64)> = None;
    for batch in evidence.columns::<TargetHealthRow>(&["snapshot", "observed_at", "state"], moment)? {
        let batch = batch?;
        for (batch, row) in rows(std::slice::from_ref(&batch)) {
            let snapshot = int(batch, "snapshot", row).unwrap_or_default();
            let unhealthy = i64::from(text(batch, "state", row).as_deref() == Some("unhealthy"));
            last = match last {
                Some((newest, count)) if newest == snapshot => Some((newest, count + unhealthy)),
                Some((newest, count)) if newest > snapshot => Some((newest, count)),
                _ => Some((snapshot, unhealthy)),
            };
        }
    }
    Ok(last.map(|(_, unhealthy)| unhealthy))
}

/// `web:12`, and how it is related to the judged rollout where it is another one.
fn name(of: &Running, created_at: Option<Timestamp>, judged: &Judged) -> String {
    let revision = of.task_definition.as_deref().and_then(|arn| arn.rsplit('/').next()).unwrap_or(&of.deployment);
    if of.is_judged {
        return revision.to_owned();
    }
    let same = of.task_definition.is_some() && of.task_definition == judged.rollout.task_definition;
    let what = if same { "deployment" } else { "revision" };
    match created_at.zip(judged.rollout.created_at) {
        Some((created, judged)) if created < judged => format!("{revision} (the previous {what})"),
        // It may be an older revision, rolled out again.
        Some(_) => format!("{revision} (rolled out later)"),
        None => format!("{revision} (another {what})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn down_is_said_only_where_nothing_is_known_to_run() {
        let summary = |desired_count, running_count| {
            let service = ServiceRow { desired_count, running_count, ..ServiceRow::default() };
            Impact::new(&[], Some(&service), None, &Judged::default()).summary
        };
        assert_eq!(summary(Some(2), Some(0)), "down: 0 of 2 desired tasks run");
        assert_eq!(summary(Some(0), Some(0)), "no task runs: the desired count is 0");
        let unknown = "desired tasks run; which revisions they run is not known";
        assert_eq!(summary(Some(2), Some(2)), format!("2 of 2 {unknown}"));
        assert_eq!(summary(Some(2), None), format!("an unknown number of 2 {unknown}"));
        assert_eq!(Impact::new(&[], None, None, &Judged::default()).summary, "unknown: the service was not described");
    }
}
