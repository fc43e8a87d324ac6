//! Services, deployments, events, task sets, service deployments and revisions.

use casefile_evidence::tables::ServiceEventRow;

use super::{failures, watched_alarms};
use crate::document::{Document, Operation};
use crate::normalise::coverage::{Key, Page};
use crate::normalise::fields::{Fields, short_name};
use crate::normalise::topology::LoadBalancers;
use crate::normalise::{Assembly, Remarks, rows};

impl Assembly {
    pub(super) fn services(&mut self, document: &Document) {
        let Some(answer) = document.response() else {
            self.account("services", document, 0, None);
            return self.account("service_events", document, 0, None);
        };
        let answer = Fields::new(answer, &document.origin, "DescribeServices");
        let (mut found, mut events) = (0, 0);
        for service in answer.list("services", &mut self.remarks) {
            let Some(arn) = service.id("serviceArn", &mut self.remarks) else { continue };
            if short_name(&arn) != self.topology.about.service {
                continue;
            }
            if self.topology.about.is_elsewhere(&arn) {
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
        let failures = failures(answer, &mut self.remarks);
        let problem = failures.or_else(|| (found == 0).then(|| "it is not in the answer".to_owned())).map(|problem| {
            let about = &self.topology.about;
            let cluster = about.cluster.as_deref().map(|cluster| format!(" in cluster {cluster}"));
            format!("service {} was not found{}: {problem}", about.service, cluster.unwrap_or_default())
        });
        self.account("services", document, found, problem.clone());
        let page = Page {
            rows: events,
            last: document.is_last_page(),
            problem,
            covered_from: self.coverage.events.covered_from,
            covered_to: Some(self.current.observed_at),
            ..Page::default()
        };
        self.coverage.ledger.page(Key::of("service_events", document), document, page);
    }

    fn service(&mut self, service: Fields<'_>, arn: String) {
        let remarks = &mut self.remarks;
        let row = rows::service(service, arn, self.current, remarks);
        self.topology.observe_service(&row, load_balancers(service, remarks));
        self.topology.current_service_deployment = service.text("currentServiceDeployment", remarks);
        self.topology.watched_alarms = watched_alarms(service, remarks);
        self.output.push(row);
    }

    fn deployment(&mut self, deployment: Fields<'_>, service_arn: &str) {
        let Some(row) = rows::deployment(deployment, service_arn, self.current, &mut self.remarks) else { return };
        self.topology.observe_deployment(&row);
        self.output.push(row);
    }

    /// Takes up the events; says how many are new.
    fn service_events(&mut self, service: Fields<'_>, service_arn: &str) -> usize {
        let events = service.list("events", &mut self.remarks);
        let mut times = Vec::with_capacity(events.len());
        let mut written = 0;
        for event in &events {
            let Some(row) = rows::service_event(*event, service_arn, self.current, &mut self.remarks) else { continue };
            times.extend(row.created_at);
            written += usize::from(self.service_event(row));
        }
        self.coverage.events.cover(&times, events.len());
        written
    }

    /// Takes up an event; says whether it is new. EventBridge may deliver one more than once.
    pub(super) fn service_event(&mut self, row: ServiceEventRow) -> bool {
        let is_new = self.coverage.events.take(&row.event_id, &row.message, row.created_at);
        if is_new {
            self.topology.rollouts_mut().observe_event(&row);
            self.output.push(row);
        }
        is_new
    }

    pub(super) fn task_sets(&mut self, document: &Document) {
        let Some(answer) = document.response() else { return self.account("task_sets", document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeTaskSets");
        let sets = answer.list("taskSets", &mut self.remarks);
        for set in &sets {
            self.task_set(*set);
        }
        let problem = failures(answer, &mut self.remarks);
        self.account("task_sets", document, sets.len(), problem);
    }

    fn task_set(&mut self, set: Fields<'_>) {
        let Some(row) = rows::task_set(set, self.current, &mut self.remarks) else { return };
        // A service's answer holds its task sets too: one row a snapshot.
        if !self.output.is_new("task_sets", &format!("{} {}", row.snapshot, row.task_set_id)) {
            return;
        }
        self.topology.observe_task_set(&row, load_balancers(set, &mut self.remarks));
        self.output.push(row);
    }

    pub(super) fn service_deployments(&mut self, document: &Document) {
        let feeds = "service_deployments";
        let Some(answer) = document.response() else { return self.account(feeds, document, 0, None) };
        let answer = Fields::new(answer, &document.origin, document.operation.name());
        let items = answer.list("serviceDeployments", &mut self.remarks);
        for item in &items {
            self.service_deployment(*item, document.operation);
        }
        let problem = failures(answer, &mut self.remarks);
        self.account(feeds, document, items.len(), problem);
    }

    fn service_deployment(&mut self, item: Fields<'_>, operation: Operation) {
        let service = item.text("serviceArn", &mut self.remarks);
        if service.is_some_and(|arn| !self.topology.is_the_service(&arn)) {
            return;
        }
        let Some(row) = rows::service_deployment(item, self.current, &mut self.remarks) else { return };
        self.coverage.listed.deployment(&row.service_deployment_arn, operation);
        self.topology.rollouts_mut().observe_service_deployment(&row);
        // The list answers in short; one row a snapshot, and the description's is the whole one.
        self.output.service_deployment(row, operation == Operation::DescribeServiceDeployments);
    }

    pub(super) fn service_revisions(&mut self, document: &Document) {
        let feeds = "service_revisions";
        let Some(answer) = document.response() else { return self.account(feeds, document, 0, None) };
        let answer = Fields::new(answer, &document.origin, "DescribeServiceRevisions");
        let items = answer.list("serviceRevisions", &mut self.remarks);
        for item in &items {
            // A revision does not change: the first answer that describes it counts.
            let Some(arn) = item.id("serviceRevisionArn", &mut self.remarks) else { continue };
            if !self.output.is_new("service_revisions", &arn) {
                continue;
            }
            let row = rows::service_revision(*item, arn, self.current, &mut self.remarks);
            self.topology.observe_service_revision(&row, load_balancers(*item, &mut self.remarks));
            self.output.push(row);
        }
        let problem = failures(answer, &mut self.remarks);
        self.account(feeds, document, items.len(), problem);
    }
}

/// The `loadBalancers` of a service, a service revision or a task set.
fn load_balancers(owner: Fields<'_>, remarks: &mut Remarks) -> LoadBalancers {
    let mut found = LoadBalancers::default();
    for balancer in owner.list("loadBalancers", remarks) {
        let advanced = balancer.object("advancedConfiguration", remarks);
        let alternate = advanced.text("alternateTargetGroupArn", remarks);
        let groups = balancer.text("targetGroupArn", remarks).into_iter().chain(alternate);
        found.target_groups.extend(groups.filter(|arn| !arn.is_empty()));
        found.classic.extend(balancer.text("loadBalancerName", remarks).filter(|name| !name.is_empty()));
    }
    found
}
