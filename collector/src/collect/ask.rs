//! One poll: what is asked, in which order, and what is not asked again.
//!
//! Documents that name things come before those that refer to them, in the order of
//! [`crate::document::Operation::ALL`], so that an import of what was recorded takes them up alike.

use std::collections::BTreeSet;

use casefile_evidence::Timestamp;

use super::{CollectError, Collection, Named, elapsed};
use crate::aws::ask::{self, TaskFilter, TaskStatus};
use crate::document::{ApiError, Document, Outcome};
use crate::normalise::{TaskChoice, account_of, short_name};

/// Service deployments that were created this long before the first poll are listed: the one that is
/// judged may have been rolled back before anybody looked.
const DEPLOYMENTS_BACK_MS: i64 = 24 * 60 * 60 * 1000;
/// ECS stamps the service deployment a little before the deployment.
const DEPLOYMENT_SLACK_MS: i64 = 60 * 1000;

/// Answers that no waiting changes: asked for the wrong thing, or with credentials that are refused.
const HOPELESS: [(&str, &str); 8] = [
    ("ClusterNotFoundException", "check --cluster, --region and the account of the credentials"),
    ("ServiceNotFoundException", "check --service, --cluster and --region"),
    ("UnrecognizedClientException", "check the credentials: AWS does not know them"),
    ("InvalidClientTokenId", "check the credentials: AWS does not know them"),
    ("InvalidSignatureException", "check the credentials and this machine's clock"),
    ("ExpiredTokenException", "renew the credentials"),
    ("ExpiredToken", "renew the credentials"),
    ("casefile:NoCredentials", "give credentials as to the AWS CLI: AWS_PROFILE, AWS_ACCESS_KEY_ID or a role"),
];

impl Collection<'_> {
    /// Takes one snapshot. It may be cancelled: what was taken up stays, the answer under way is lost, and
    /// the snapshot's sources say what was not asked.
    pub(super) async fn poll(&mut self, closing: bool) {
        self.polls += 1;
        let first = self.last.is_none();
        let early = self.first_answer().await;
        let observed_at = self.begin_snapshot(early.as_ref().map_or(self.parts.aws.now(), |(began, _)| *began));
        if self.failed.is_some() {
            return;
        }
        let described = match early {
            Some((_, described)) => described,
            None => self.describe_service().await,
        };
        self.service(described, first).await;
        // Where nobody answers, asking on would only take the time that is left.
        if self.failed.is_some() || !self.reached {
            return;
        }
        self.service_deployments(observed_at).await;
        self.tasks().await;
        self.task_definitions().await;
        self.target_health().await;
        self.alarms().await;
        self.logs(observed_at, closing).await;
    }

    /// The service, and when it was asked for, as long as no answer has told how AWS's clock stands: snapshots are timed by
    /// that, so the first answer comes before its snapshot begins.
    async fn first_answer(&mut self) -> Option<(Timestamp, Vec<Document>)> {
        if self.parts.aws.skew_ms().is_some() {
            return None;
        }
        let began = self.parts.clock.now();
        let described = self.describe_service().await;
        let began = began.plus_millis(self.parts.aws.skew_ms().unwrap_or(0));
        match self.last {
            Some(last) if began <= last => {
                // What was timed by a clock that is ahead is behind only then.
                self.parts.clock.sleep(elapsed(began, last)).await;
                None
            }
            _ => Some((began, described)),
        }
    }

    /// Begins a snapshot; gives its moment.
    pub(super) fn begin_snapshot(&mut self, now: Timestamp) -> Timestamp {
        // Each has one of its own, however coarse the clock.
        let observed_at = self.last.map_or(now, |last| now.max(last.plus_millis(1)));
        self.last = Some(observed_at);
        self.parts.assembly.begin_snapshot(observed_at, false);
        let begun = self.parts.record.as_deref_mut().map_or(Ok(()), |record| record.begin_snapshot(observed_at));
        self.failed = self.failed.take().or(begun.err().map(Into::into));
        observed_at
    }

    async fn describe_service(&self) -> Vec<Document> {
        let Named { cluster, service, .. } = &self.parts.named;
        let mut documents = Vec::new();
        ask::describe_services(&self.parts.aws, cluster, service, &mut |document| documents.push(document)).await;
        documents
    }

    async fn service(&mut self, described: Vec<Document>, first: bool) {
        let (aws, about) = (self.parts.aws.clone(), self.parts.named.clone());
        let hopeless = described.iter().find_map(|document| self.hopeless(document)).filter(|_| first);
        self.reached = described.iter().all(|document| match &document.outcome {
            Outcome::Error(error) => !error.is_silence(),
            Outcome::Response(_) => true,
        });
        described.into_iter().for_each(|document| self.take(document));
        if let Some(hopeless) = hopeless.filter(|_| self.failed.is_none()) {
            self.failed = Some(self.with_nearest(hopeless).await);
            return;
        }
        if !matches!(self.parts.assembly.topology().controller.as_deref(), None | Some("ECS")) {
            ask::describe_task_sets(&aws, &about.cluster, &about.service, &mut |document| self.take(document)).await;
        }
    }

    /// Whether the first answer says that there is nothing to collect from.
    fn hopeless(&self, document: &Document) -> Option<CollectError> {
        let (cluster, service, region) =
            (&self.parts.named.cluster, &self.parts.named.service, self.parts.aws.region());
        let target = |problem: String, remedy: &str| Some(CollectError::Target { problem, remedy: remedy.to_owned() });
        match &document.outcome {
            Outcome::Error(ApiError { code, message }) => {
                let (_, remedy) = HOPELESS.iter().find(|(hopeless, _)| hopeless == code)?;
                target(
                    format!("AWS answers {code} for service {service} in cluster {cluster}, {region}: {message}"),
                    remedy,
                )
            }
            Outcome::Response(answer) => {
                let services = answer.fields.get("services").and_then(|services| services.as_array())?;
                let Some(found) = services.first() else {
                    return target(
                        format!("there is no service {service} in cluster {cluster}, {region}"),
                        "check --service, --cluster and --region",
                    );
                };
                let account = account_of(found.get("serviceArn")?.as_str()?)?;
                let expected = self.parts.assembly.topology().rollouts().expected();
                let mut arns = [&expected.task_definition, &expected.service_deployment].into_iter().flatten();
                let foreign = arns.find(|arn| account_of(arn).is_some_and(|other| other != account))?;
                target(
                    format!(
                        "{foreign} is expected, and service {service} is in account {account}: no rollout of it can match"
                    ),
                    "check the ARN, and the account of the credentials",
                )
            }
        }
    }

    /// Who misspelt a name is told what there is.
    async fn with_nearest(&self, error: CollectError) -> CollectError {
        let (aws, Named { cluster, service, .. }) = (&self.parts.aws, &self.parts.named);
        let (what, wanted, names) = match &error {
            CollectError::Target { problem, .. } if problem.contains("ClusterNotFoundException") => {
                ("cluster", cluster, ask::cluster_names(aws).await.unwrap_or_default())
            }
            CollectError::Target { problem, .. }
                if problem.contains("there is no service") || problem.contains("ServiceNotFoundException") =>
            {
                ("service", service, ask::service_names(aws, cluster).await.unwrap_or_default())
            }
            _ => return error,
        };
        let CollectError::Target { problem, remedy } = error else { return error };
        let near = ask::nearest(wanted, &names);
        let remedy = match (near.as_slice(), names.len()) {
            ([], 0) => remedy,
            ([], some) if some <= 5 => format!("{remedy}; there are {what}s {}", names.join(", ")),
            ([], some) => format!("{remedy}; there are {some} {what}s, none with a name like it"),
            (near, _) => format!("did you mean {what} {}? Else {remedy}", near.join(" or ")),
        };
        CollectError::Target { problem, remedy }
    }

    async fn service_deployments(&mut self, observed_at: Timestamp) {
        let (aws, about) = (self.parts.aws.clone(), self.parts.named.clone());
        let oldest = self.parts.assembly.topology().deployments.values().filter_map(|seen| seen.created_at).min();
        let day = observed_at.plus_millis(-DEPLOYMENTS_BACK_MS);
        let after = oldest.map_or(day, |oldest| day.min(oldest.plus_millis(-DEPLOYMENT_SLACK_MS)));
        let mut listed =
            ask::list_service_deployments(&aws, &about.cluster, &about.service, Some(after), &mut |document| {
                self.take(document);
            })
            .await
            .found;
        // What is named is asked for even where the list is refused.
        let assembly = &self.parts.assembly;
        listed.extend(assembly.topology().current_service_deployment.clone());
        listed.extend(assembly.topology().rollouts().expected().service_deployment.clone());
        listed.sort();
        listed.dedup();
        ask::describe_service_deployments(&aws, &listed, &mut |document| self.take(document)).await;
        let unknown: Vec<String> = self.parts.assembly.topology().rollouts().unknown_revisions().into_iter().collect();
        ask::describe_service_revisions(&aws, &unknown, &mut |document| self.take(document)).await;
    }

    /// Task definitions do not change: each is described once.
    async fn task_definitions(&mut self) {
        let aws = self.parts.aws.clone();
        let seen = self.parts.assembly.topology();
        let mut wanted: BTreeSet<String> =
            seen.deployments.values().filter_map(|deployment| deployment.task_definition.clone()).collect();
        let (assembly, judged) = (&self.parts.assembly, self.parts.assembly.topology().judged());
        let expected = || assembly.topology().rollouts().expected().task_definition.clone();
        wanted.extend(judged.rollout.task_definition.clone().or_else(expected));
        let chosen =
            seen.tasks.values().filter(|task| task.selected_by.is_some() && assembly.topology().counts(task, &judged));
        wanted.extend(chosen.filter_map(|task| task.task_definition.clone()));
        for arn in wanted {
            if self.described.contains(&arn) {
                continue;
            }
            let asked = ask::describe_task_definition(&aws, &arn, &mut |document| self.take(document)).await;
            if asked.is_complete() {
                self.described.insert(arn);
            }
        }
    }

    /// The health of the targets of the service's target groups and Classic Load Balancers. Where nobody answers, the others
    /// are not asked in this poll.
    async fn target_health(&mut self) {
        let aws = self.parts.aws.clone();
        let silent = |asked: ask::Asked| asked.error.is_some_and(|error| error.is_silence());
        for arn in self.parts.assembly.topology().target_groups() {
            if silent(ask::describe_target_health(&aws, &arn, &mut |document| self.take(document)).await) {
                return;
            }
        }
        for name in self.parts.assembly.topology().classic_load_balancers().clone() {
            if silent(ask::describe_instance_health(&aws, &name, &mut |document| self.take(document)).await) {
                return;
            }
        }
    }

    async fn alarms(&mut self) {
        let aws = self.parts.aws.clone();
        let names: Vec<String> = self.parts.assembly.topology().watched_alarms.iter().cloned().collect();
        ask::describe_alarms(&aws, &names, &mut |document| self.take(document)).await;
    }

    /// The service's tasks and the one-off ones that were chosen: all lists first, then what they name.
    async fn tasks(&mut self) {
        let (aws, about) = (self.parts.aws.clone(), self.parts.named.clone());
        let selectors = self.parts.assembly.topology().selectors().to_vec();
        let chosen = selectors.iter().map(|selector| match &selector.choice {
            TaskChoice::Family(family) => TaskFilter::Family(family),
            TaskChoice::StartedBy(started_by) => TaskFilter::StartedBy(started_by),
        });
        let mut listed = BTreeSet::new();
        for filter in std::iter::once(TaskFilter::Service(&about.service)).chain(chosen) {
            for status in [TaskStatus::Running, TaskStatus::Stopped] {
                let asked =
                    ask::list_tasks(&aws, &about.cluster, filter, status, &mut |document| self.take(document)).await;
                listed.extend(asked.found);
            }
        }
        let seen = self.parts.assembly.topology();
        // A task that ran, and that neither list names any more: how it ended is still to be told.
        let names: BTreeSet<&str> = listed.iter().map(|arn| short_name(arn)).collect();
        let missed = seen.tasks.iter().filter(|(id, task)| !task.gone && !names.contains(id.as_str()));
        let missed: Vec<String> = missed.map(|(id, _)| id.clone()).collect();
        let listed: Vec<String> = listed.into_iter().chain(missed).filter(|arn| !seen.is_stopped(arn)).collect();
        ask::describe_tasks(&aws, &about.cluster, &listed, &mut |document| self.take(document)).await;
    }
}
