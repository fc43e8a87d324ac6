//! Services, deployments, events, task sets, service deployments and revisions.

use std::collections::BTreeSet;

use casefile_evidence::tables::{
    DeploymentRow, ServiceDeploymentRow, ServiceEventRow, ServiceRevisionRow, ServiceRow, TaskSetRow,
};

use super::fields::{Fields, short_name};
use super::sources::{Key, Page};
use super::target_groups::LoadBalancers;
use super::topology::{SeenDeployment, region_and_account};
use super::{Assembly, Current, alarms};
use crate::document::{Document, Operation};

impl Assembly {
    pub(super) fn services(&mut self, document: &Document) {
        let Some(answer) = document.response() else {
            self.account("services", document, 0, None);
            return self.account("service_events", document, 0, None);
        };
        let answer = Fields::new(answer, &document.origin, "DescribeServices");
        let mut found = 0;
        let mut events = 0;
        for service in answer.list("services", &mut self.remarks) {
            let Some(arn) = service.id("serviceArn", &mut self.remarks) else { continue };
            if short_name(&arn) != self.about.service {
                continue;
            }
            if self.about.is_elsewhere(&arn) {
                self.remarks
                    .add(&document.origin, format!("{arn} is another service of the same name; it was left out"));
                continue;
            }
            found += 1;
            self.service(service, arn.clone());
            for deployment in service.list("deployments", &mut self.remarks) {
                self.deployment(deployment, &arn);
            }
            let sets = service.list("taskSets", &mut self.remarks);
            for set in &sets {
                self.task_set(*set);
            }
            // CODE_DEPLOY and EXTERNAL services carry their task sets in this answer too.
            if !sets.is_empty() {
                self.account("task_sets", document, sets.len(), None);
            }
            events += self.service_events(service, &arn);
        }
        let failures = Self::failures(answer, &mut self.remarks);
        let problem = failures.or_else(|| (found == 0).then(|| "it is not in the answer".to_owned())).map(|problem| {
            let cluster = self.about.cluster.as_deref().map(|cluster| format!(" in cluster {cluster}"));
            format!("service {} was not found{}: {problem}", self.about.service, cluster.unwrap_or_default())
        });
        self.account("services", document, found, problem.clone());
        let page = Page {
            rows: events,
            last: document.is_last_page(),
            problem,
            covered_from: self.events.covered_from,
            covered_to: Some(self.current.observed_at),
            ..Page::default()
        };
        self.ledger.page(Key::of("service_events", document), document, page);
    }

    fn service(&mut self, service: Fields<'_>, service_arn: String) {
        let remarks = &mut self.remarks;
        let configuration = service.object("deploymentConfiguration", remarks);
        let breaker = configuration.object("deploymentCircuitBreaker", remarks);
        let load_balancers = service.list("loadBalancers", remarks).len();
        let row = ServiceRow {
            snapshot: self.current.snapshot,
            observed_at: self.current.observed_at,
            service_name: service.text("serviceName", remarks),
            cluster_arn: service.text("clusterArn", remarks),
            status: service.text("status", remarks),
            task_definition: service.text("taskDefinition", remarks),
            desired_count: service.int("desiredCount", remarks),
            running_count: service.int("runningCount", remarks),
            pending_count: service.int("pendingCount", remarks),
            launch_type: service.text("launchType", remarks),
            platform_version: service.text("platformVersion", remarks),
            scheduling_strategy: service.text("schedulingStrategy", remarks),
            deployment_controller: service.object("deploymentController", remarks).text("type", remarks),
            deployment_strategy: configuration.text("strategy", remarks),
            minimum_healthy_percent: configuration.int("minimumHealthyPercent", remarks),
            maximum_percent: configuration.int("maximumPercent", remarks),
            circuit_breaker: breaker.boolean("enable", remarks),
            circuit_breaker_rollback: breaker.boolean("rollback", remarks),
            health_check_grace_period_seconds: service.int("healthCheckGracePeriodSeconds", remarks),
            load_balancers: i64::try_from(load_balancers).unwrap_or(i64::MAX),
            deployments: i64::try_from(service.list("deployments", remarks).len()).unwrap_or(i64::MAX),
            created_at: service.time("createdAt", remarks),
            raw: service.raw(&["deployments", "events", "taskSets"]),
            service_arn: service_arn.clone(),
        };
        if let Some(cluster) = &row.cluster_arn {
            self.about.cluster.get_or_insert_with(|| short_name(cluster).to_owned());
        }
        let (region, account) = region_and_account(&service_arn);
        self.about.region = self.about.region.take().or(region);
        self.about.account = self.about.account.take().or(account);
        self.seen.service_arn = Some(service_arn);
        self.seen.current_service_deployment = service.text("currentServiceDeployment", remarks);
        self.seen.controller = row.deployment_controller.clone().or(self.seen.controller.take());
        self.seen.load_balancers = LoadBalancers::of(service, remarks);
        self.seen.watched_alarms = alarms::watched(service, remarks);
        self.rows.push(row.into());
    }

    fn deployment(&mut self, deployment: Fields<'_>, service_arn: &str) {
        let remarks = &mut self.remarks;
        let Some(deployment_id) = deployment.id("id", remarks) else { return };
        let Current { snapshot, observed_at, .. } = self.current;
        let row = DeploymentRow {
            snapshot,
            observed_at,
            service_arn: service_arn.to_owned(),
            status: deployment.text("status", remarks),
            task_definition: deployment.text("taskDefinition", remarks),
            rollout_state: deployment.text("rolloutState", remarks),
            rollout_state_reason: deployment.text("rolloutStateReason", remarks),
            desired_count: deployment.int("desiredCount", remarks),
            running_count: deployment.int("runningCount", remarks),
            pending_count: deployment.int("pendingCount", remarks),
            failed_tasks: deployment.int("failedTasks", remarks),
            launch_type: deployment.text("launchType", remarks),
            created_at: deployment.time("createdAt", remarks),
            updated_at: deployment.time("updatedAt", remarks),
            raw: deployment.raw(&[]),
            deployment_id: deployment_id.clone(),
        };
        let seen = SeenDeployment {
            task_definition: row.task_definition.clone(),
            created_at: row.created_at,
            status: row.status.clone(),
            rollout_state: row.rollout_state.clone(),
            desired: row.desired_count,
            running: row.running_count,
            failed: row.failed_tasks,
            snapshot,
            target_groups: BTreeSet::new(),
        };
        self.seen.deployments.insert(deployment_id, seen);
        self.rollouts.observe_deployment(&row);
        self.rows.push(row.into());
    }

    /// Takes up the events; says how many are new.
    fn service_events(&mut self, service: Fields<'_>, service_arn: &str) -> usize {
        let events = service.list("events", &mut self.remarks);
        let mut times = Vec::with_capacity(events.len());
        let mut written = 0;
        for event in &events {
            let remarks = &mut self.remarks;
            let Some(event_id) = event.id("id", remarks) else { continue };
            let created_at = event.time("createdAt", remarks);
            let message = event.text("message", remarks).unwrap_or_default();
            times.extend(created_at);
            if !self.events.take(&event_id, &message, created_at) {
                continue;
            }
            written += 1;
            let row = ServiceEventRow {
                created_at,
                event_id,
                snapshot: self.current.snapshot,
                observed_at: self.current.observed_at,
                service_arn: service_arn.to_owned(),
                message,
            };
            self.rollouts.observe_event(&row);
            self.rows.push(row.into());
        }
        self.events.cover(&times, events.len());
        written
    }

    pub(super) fn task_sets(&mut self, document: &Document) {
        let Some(answer) = document.response() else { return self.account("task_sets", document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeTaskSets");
        let sets = answer.list("taskSets", &mut self.remarks);
        for set in &sets {
            self.task_set(*set);
        }
        let problem = Self::failures(answer, &mut self.remarks);
        self.account("task_sets", document, sets.len(), problem);
    }

    fn task_set(&mut self, set: Fields<'_>) {
        let remarks = &mut self.remarks;
        let Some(task_set_id) = set.id("id", remarks) else { return };
        let Current { snapshot, observed_at, .. } = self.current;
        // A service's answer holds its task sets too: one row a snapshot.
        if !self.once.insert(("task_sets", format!("{snapshot} {task_set_id}"))) {
            return;
        }
        let row = TaskSetRow {
            snapshot,
            observed_at,
            task_set_arn: set.text("taskSetArn", remarks),
            service_arn: set.text("serviceArn", remarks),
            status: set.text("status", remarks),
            task_definition: set.text("taskDefinition", remarks),
            stability_status: set.text("stabilityStatus", remarks),
            computed_desired_count: set.int("computedDesiredCount", remarks),
            running_count: set.int("runningCount", remarks),
            pending_count: set.int("pendingCount", remarks),
            started_by: set.text("startedBy", remarks),
            external_id: set.text("externalId", remarks),
            created_at: set.time("createdAt", remarks),
            updated_at: set.time("updatedAt", remarks),
            stability_status_at: set.time("stabilityStatusAt", remarks),
            raw: set.raw(&[]),
            task_set_id: task_set_id.clone(),
        };
        let seen = SeenDeployment {
            task_definition: row.task_definition.clone(),
            created_at: row.created_at,
            status: row.status.clone(),
            rollout_state: row.stability_status.clone(),
            desired: row.computed_desired_count,
            running: row.running_count,
            failed: None,
            snapshot,
            target_groups: LoadBalancers::of(set, remarks).target_groups,
        };
        self.seen.deployments.insert(task_set_id, seen);
        self.rollouts.observe_task_set(&row);
        self.rows.push(row.into());
    }

    pub(super) fn service_deployments(&mut self, document: &Document) {
        let feeds = "service_deployments";
        let Some(answer) = document.response() else { return self.account(feeds, document, 0, None) };
        let answer = Fields::new(answer, &document.origin, document.operation.name());
        let items = answer.list("serviceDeployments", &mut self.remarks);
        for item in &items {
            self.service_deployment(*item, document.operation);
        }
        let problem = Self::failures(answer, &mut self.remarks);
        self.account(feeds, document, items.len(), problem);
    }

    fn service_deployment(&mut self, item: Fields<'_>, operation: Operation) {
        let remarks = &mut self.remarks;
        let Some(arn) = item.id("serviceDeploymentArn", remarks) else { return };
        let service_arn = item.text("serviceArn", remarks);
        let is_other = |arn: &str| short_name(arn) != self.about.service || self.about.is_elsewhere(arn);
        if service_arn.as_deref().is_some_and(is_other) {
            return;
        }
        let revision = item.object("targetServiceRevision", remarks);
        let target = revision.text("arn", remarks).or_else(|| item.text("targetServiceRevisionArn", remarks));
        let created_at = item.time("createdAt", remarks);
        self.listed.deployment(&arn, operation);
        let Current { snapshot, observed_at, .. } = self.current;
        let breaker = item.object("deploymentCircuitBreaker", remarks);
        let rollback = item.object("rollback", remarks);
        let alarms = item.object("alarms", remarks).texts("triggeredAlarmNames");
        let row = ServiceDeploymentRow {
            snapshot,
            observed_at,
            service_arn,
            status: item.text("status", remarks),
            status_reason: item.text("statusReason", remarks),
            target_service_revision_arn: target,
            requested_task_count: revision.int("requestedTaskCount", remarks),
            running_task_count: revision.int("runningTaskCount", remarks),
            pending_task_count: revision.int("pendingTaskCount", remarks),
            circuit_breaker_status: breaker.text("status", remarks),
            circuit_breaker_failures: breaker.int("failureCount", remarks),
            circuit_breaker_threshold: breaker.int("threshold", remarks),
            rollback_reason: rollback.text("reason", remarks),
            rollback_service_revision_arn: rollback.text("serviceRevisionArn", remarks),
            rollback_started_at: rollback.time("startedAt", remarks),
            triggered_alarms: (!alarms.is_empty()).then(|| alarms.join(",")),
            lifecycle_stage: item.text("lifecycleStage", remarks),
            created_at,
            started_at: item.time("startedAt", remarks),
            finished_at: item.time("finishedAt", remarks),
            stopped_at: item.time("stoppedAt", remarks),
            updated_at: item.time("updatedAt", remarks),
            raw: item.raw(&[]),
            service_deployment_arn: arn.clone(),
        };
        self.rollouts.observe_service_deployment(&row);
        // The list answers in short; one row a snapshot, and the description's is the whole one.
        if operation == Operation::DescribeServiceDeployments || !self.service_deployment_rows.contains_key(&arn) {
            self.service_deployment_rows.insert(arn, row);
        }
    }

    pub(super) fn service_revisions(&mut self, document: &Document) {
        let feeds = "service_revisions";
        let Some(answer) = document.response() else { return self.account(feeds, document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeServiceRevisions");
        let items = answer.list("serviceRevisions", &mut self.remarks);
        for item in &items {
            let Some(arn) = item.id("serviceRevisionArn", &mut self.remarks) else { continue };
            let task_definition = item.text("taskDefinition", &mut self.remarks);
            let balancers = LoadBalancers::of(*item, &mut self.remarks);
            self.seen.revision_target_groups.insert(arn.clone(), balancers.target_groups);
            if !self.is_new("service_revisions", &arn) {
                continue;
            }
            let remarks = &mut self.remarks;
            let row = ServiceRevisionRow {
                service_revision_arn: arn,
                snapshot: self.current.snapshot,
                observed_at: self.current.observed_at,
                service_arn: item.text("serviceArn", remarks),
                task_definition,
                launch_type: item.text("launchType", remarks),
                created_at: item.time("createdAt", remarks),
                raw: item.raw(&[]),
            };
            self.rollouts.observe_revision(&row);
            self.rows.push(row.into());
        }
        let problem = Self::failures(answer, &mut self.remarks);
        self.account(feeds, document, items.len(), problem);
    }
}
