use super::*;
use crate::tables::*;

const OLD: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:11";
const NEW: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12";
const DAY: i64 = 86_400;

/// A moment, in seconds after the rollout that matters was created.
fn at(second: i64) -> Timestamp {
    Timestamp(1_790_000_000_000).plus_millis(second * 1000)
}

fn pinned(task_definition: &str) -> Expected {
    Expected { task_definition: Some(task_definition.to_owned()), ..Expected::default() }
}

/// The rows of a service, told in words.
struct Told {
    rollouts: Rollouts,
    snapshot: i64,
    now: Timestamp,
}

impl Told {
    fn new(expected: Expected) -> Self {
        Self { rollouts: Rollouts::new(expected), snapshot: -1, now: at(0) }
    }

    fn seen_at(mut self, second: i64) -> Self {
        (self.snapshot, self.now) = (self.snapshot + 1, at(second));
        self.rollouts.begin_snapshot(self.snapshot, self.now);
        self
    }

    /// A deployment whose last change was 90 seconds after its creation.
    fn deployment(self, id: i64, created: i64, task_definition: &str, status: &str, state: &str) -> Self {
        self.deployment_updated(id, created, task_definition, status, state, created + 90)
    }

    fn deployment_updated(
        mut self,
        id: i64,
        created: i64,
        task_definition: &str,
        status: &str,
        state: &str,
        updated: i64,
    ) -> Self {
        self.rollouts.observe_deployment(&DeploymentRow {
            snapshot: self.snapshot,
            observed_at: self.now,
            deployment_id: format!("ecs-svc/{id}"),
            status: Some(status.to_owned()),
            rollout_state: Some(state.to_owned()),
            task_definition: Some(task_definition.to_owned()),
            created_at: Some(at(created)),
            updated_at: Some(at(updated)),
            ..DeploymentRow::default()
        });
        self
    }

    /// A service deployment and its revision, created half a second before its `ecs-svc/N`.
    fn service_deployment(self, name: &str, created: i64, task_definition: &str, status: &str) -> Self {
        let mut told = self.undescribed(name, created, status);
        told.rollouts.observe_revision(&ServiceRevisionRow {
            service_revision_arn: format!("revision/{name}"),
            task_definition: Some(task_definition.to_owned()),
            ..ServiceRevisionRow::default()
        });
        told
    }

    /// The same, where its revision was not described.
    fn undescribed(mut self, name: &str, created: i64, status: &str) -> Self {
        let is_over = status == "SUCCESSFUL" || status.starts_with("ROLLBACK");
        self.rollouts.observe_service_deployment(&ServiceDeploymentRow {
            snapshot: self.snapshot,
            observed_at: self.now,
            service_deployment_arn: name.to_owned(),
            target_service_revision_arn: Some(format!("revision/{name}")),
            status: Some(status.to_owned()),
            created_at: Some(at(created).plus_millis(-500)),
            finished_at: Some(at(created + 90)).filter(|_| is_over),
            rollback_started_at: Some(at(created + 70)).filter(|_| status.starts_with("ROLLBACK")),
            ..ServiceDeploymentRow::default()
        });
        self
    }

    fn event(mut self, second: i64, message: &str) -> Self {
        self.rollouts.observe_event(&ServiceEventRow {
            created_at: Some(at(second)),
            message: format!("(service web) {message}"),
            ..ServiceEventRow::default()
        });
        self
    }

    /// The forced deployment `ecs-svc/2` of [`NEW`] failed and was rolled back: the events of it.
    fn rolled_back_to(self, id: i64) -> Self {
        self.event(70, "(deployment ecs-svc/2) deployment failed: tasks failed to start.")
            .event(70, &format!("rolling back to deployment ecs-svc/{id}."))
    }

    fn task(mut self, deployment: i64, created: i64, task_definition: &str) -> Self {
        self.rollouts.observe_task(TaskOrigin {
            started_by: Some(&format!("ecs-svc/{deployment}")),
            task_definition: Some(task_definition),
            created_at: Some(at(created)),
            ..TaskOrigin::default()
        });
        self
    }

    fn judged(&self) -> Judged {
        self.rollouts.judged()
    }

    /// The deployment, the service deployment, and what superseded it.
    fn names(&self) -> (Option<String>, Option<String>, Option<String>) {
        let judged = self.judged();
        let by = judged.superseded_by.and_then(|by| by.service_deployment.or(by.deployment));
        (judged.rollout.deployment, judged.rollout.service_deployment, by)
    }
}

fn names(deployment: &str, service_deployment: &str) -> (Option<String>, Option<String>, Option<String>) {
    let some = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    (some(deployment), some(service_deployment), None)
}

#[test]
fn the_newest_of_one_task_definition_is_judged_though_the_older_one_is_primary() {
    let told = Told::new(pinned(NEW))
        .seen_at(150)
        .deployment(1, -1500, NEW, "PRIMARY", "COMPLETED")
        .service_deployment("first", -1500, NEW, "SUCCESSFUL")
        .service_deployment("forced", 0, NEW, "ROLLBACK_SUCCESSFUL")
        .rolled_back_to(1)
        .task(1, -1490, NEW)
        .task(2, 5, NEW);
    assert_eq!(told.names(), names("ecs-svc/2", "forced"));
    assert!(!told.judged().nothing_deployed);
    let owns = |id: &str, created: i64| {
        let task = TaskOrigin { started_by: Some(id), created_at: Some(at(created)), ..TaskOrigin::default() };
        told.rollouts.owns(&told.judged(), task)
    };
    assert!(owns("ecs-svc/2", 41));
    assert!(!owns("ecs-svc/1", -1490));
}

#[test]
fn events_and_tasks_tell_of_a_rollout_that_nothing_lists() {
    let told = Told::new(pinned("web:12"))
        .seen_at(150)
        .deployment(1, -1500, NEW, "PRIMARY", "COMPLETED")
        .rolled_back_to(1)
        .task(2, 5, NEW);
    assert_eq!(told.names(), names("ecs-svc/2", ""));
}

#[test]
fn the_deployment_that_a_rollback_makes_is_no_rollout() {
    let primary = |told: Told| told.seen_at(250).deployment(3, 71, NEW, "PRIMARY", "COMPLETED").task(2, 5, NEW);
    let readable = primary(Told::new(pinned(NEW))).service_deployment("forced", 0, NEW, "ROLLBACK_SUCCESSFUL");
    assert_eq!(readable.rolled_back_to(3).names(), names("ecs-svc/2", "forced"));
    let denied = primary(Told::new(pinned(NEW))).rolled_back_to(3);
    assert_eq!(denied.names(), names("ecs-svc/2", ""));
    let eventless = primary(Told::new(pinned(NEW))).service_deployment("forced", 0, NEW, "ROLLBACK_SUCCESSFUL");
    assert_eq!(eventless.names(), names("ecs-svc/2", "forced"));
}

#[test]
fn a_retry_right_after_a_rollback_began_is_a_rollout() {
    let told = Told::new(pinned(NEW))
        .seen_at(300)
        .deployment(3, 110, NEW, "PRIMARY", "COMPLETED")
        .service_deployment("forced", 0, NEW, "ROLLBACK_SUCCESSFUL")
        .service_deployment("retry", 110, NEW, "SUCCESSFUL")
        .task(2, 5, NEW)
        .task(3, 115, NEW);
    assert_eq!(told.names(), names("ecs-svc/3", "retry"));
}

#[test]
fn of_two_rollouts_within_a_minute_neither_takes_the_others_deployment() {
    // The first one's deployment was gone before anybody looked.
    let told = Told::new(pinned(NEW))
        .seen_at(300)
        .deployment(2, 38, NEW, "PRIMARY", "COMPLETED")
        .service_deployment("first", 0, NEW, "STOPPED")
        .service_deployment("second", 38, NEW, "SUCCESSFUL");
    assert_eq!(told.names(), names("ecs-svc/2", "second"));
}

#[test]
fn what_a_service_deployment_brings_is_told_by_its_tasks_where_its_revision_is_not_described() {
    let told = Told::new(pinned(NEW))
        .seen_at(150)
        .deployment(1, -1500, NEW, "PRIMARY", "COMPLETED")
        .undescribed("forced", 0, "ROLLBACK_SUCCESSFUL")
        .rolled_back_to(1)
        .task(2, 5, NEW);
    assert_eq!(told.names(), names("ecs-svc/2", "forced"));
}

#[test]
fn a_rollout_of_the_release_that_begins_during_the_watch_takes_over() {
    for expected in [pinned(NEW), Expected::default()] {
        let told = Told::new(expected)
            .seen_at(-40)
            .deployment(1, -9 * DAY, NEW, "PRIMARY", "COMPLETED")
            .service_deployment("first", -9 * DAY, NEW, "SUCCESSFUL");
        assert!(told.judged().nothing_deployed);
        let told = told
            .seen_at(10)
            .deployment(1, -9 * DAY, NEW, "ACTIVE", "COMPLETED")
            .deployment(2, 0, NEW, "PRIMARY", "IN_PROGRESS")
            .service_deployment("forced", 0, NEW, "IN_PROGRESS");
        assert_eq!(told.names(), names("ecs-svc/2", "forced"));
        let judged = told.judged();
        assert!(!judged.nothing_deployed);
        assert_eq!(judged.evidence_from, Some(at(0)));
        assert_eq!(judged.took_over_from.and_then(|it| it.deployment).as_deref(), Some("ecs-svc/1"));
    }
}

#[test]
fn a_rollout_of_another_task_definition_supersedes() {
    for expected in [pinned(OLD), Expected::default()] {
        let told = Told::new(expected)
            .seen_at(-100)
            .deployment(1, -110, OLD, "PRIMARY", "IN_PROGRESS")
            .service_deployment("ours", -110, OLD, "IN_PROGRESS")
            .seen_at(10)
            .deployment(2, 0, NEW, "PRIMARY", "IN_PROGRESS")
            .service_deployment("theirs", 0, NEW, "IN_PROGRESS")
            .service_deployment("ours", -110, OLD, "STOPPED");
        let (id, ours) = (Some("ecs-svc/1".to_owned()), Some("ours".to_owned()));
        assert_eq!(told.names(), (id, ours, Some("theirs".to_owned())));
    }
}

#[test]
fn a_release_that_no_rollout_brings_was_never_rolled_out() {
    let told = Told::new(pinned(NEW)).seen_at(10).deployment(1, -DAY, OLD, "PRIMARY", "COMPLETED");
    let judged = told.judged();
    assert_eq!(judged.rollout, Rollout::default());
    assert_eq!(judged.superseded_by.and_then(|it| it.deployment).as_deref(), Some("ecs-svc/1"));
}

#[test]
fn the_rollout_that_was_named_is_judged_and_not_the_newest() {
    let by_id = Expected { deployment: Some("ecs-svc/1".to_owned()), ..Expected::default() };
    let by_arn = Expected { service_deployment: Some("first".to_owned()), ..Expected::default() };
    for expected in [by_id, by_arn] {
        let told = Told::new(expected)
            .seen_at(200)
            .deployment(1, -300, NEW, "PRIMARY", "COMPLETED")
            .service_deployment("first", -300, NEW, "SUCCESSFUL")
            .service_deployment("second", 0, NEW, "ROLLBACK_SUCCESSFUL")
            .rolled_back_to(1)
            .task(2, 5, NEW);
        let (id, first) = (Some("ecs-svc/1".to_owned()), Some("first".to_owned()));
        assert_eq!(told.names(), (id, first, Some("second".to_owned())));
    }
}

#[test]
fn nothing_was_deployed_where_the_rollout_was_complete_before_what_is_asked_about() {
    let complete =
        |age: i64, started_after: Option<i64>| {
            let expected = Expected { started_after: started_after.map(at), ..pinned(NEW) };
            let told = Told::new(expected)
                .seen_at(age)
                .deployment(1, 0, NEW, "PRIMARY", "COMPLETED")
                .service_deployment("first", 0, NEW, "SUCCESSFUL");
            told.judged()
        };
    // It completed after 90 s: an hour of it is the limit, where no moment was given.
    assert!(!complete(90 + 3599, None).nothing_deployed);
    assert!(complete(90 + 3600, None).nothing_deployed);
    assert!(complete(2400, Some(90)).nothing_deployed);
    assert!(!complete(2400, Some(89)).nothing_deployed, "it was in progress when the apply began");
    assert!(!complete(9 * DAY, Some(-10)).nothing_deployed);
    assert_eq!(complete(9 * DAY, None).evidence_from, Some(at(9 * DAY)));
    let open = Told::new(pinned(NEW))
        .seen_at(9 * DAY)
        .deployment(1, 0, NEW, "PRIMARY", "IN_PROGRESS")
        .service_deployment("first", 0, NEW, "IN_PROGRESS");
    assert!(!open.judged().nothing_deployed);
}

#[test]
fn a_rollout_that_completes_during_the_watch_is_news_however_old_it_is() {
    // Created more than a day ago, stuck since, and complete at the second look.
    let by_the_list = |started_after: Option<i64>| {
        let expected = Expected { started_after: started_after.map(at), ..pinned(NEW) };
        Told::new(expected)
            .seen_at(2 * DAY)
            .deployment(1, 0, NEW, "PRIMARY", "IN_PROGRESS")
            .seen_at(2 * DAY + 30)
            .deployment_updated(1, 0, NEW, "PRIMARY", "COMPLETED", 2 * DAY + 20)
            .judged()
    };
    assert!(!by_the_list(None).nothing_deployed);
    assert!(!by_the_list(Some(2 * DAY - 60)).nothing_deployed);
    let event = Told::new(pinned(NEW))
        .seen_at(2 * DAY)
        .deployment(1, 0, NEW, "PRIMARY", "COMPLETED")
        .event(2 * DAY - 600, "(deployment ecs-svc/1) deployment completed.");
    assert!(!event.judged().nothing_deployed, "the event says that it completed ten minutes ago");
}

#[test]
fn the_last_change_of_a_deployment_counts_as_its_completion_where_nothing_else_tells_it() {
    // A scaling an hour ago changed it; it completed long before.
    let scaled = |age: i64, started_after: Option<i64>| {
        let expected = Expected { started_after: started_after.map(at), ..pinned(NEW) };
        Told::new(expected).seen_at(age).deployment_updated(1, 0, NEW, "PRIMARY", "COMPLETED", age - 600)
    };
    assert!(!scaled(7200, None).judged().nothing_deployed);
    assert!(scaled(DAY, None).judged().nothing_deployed, "a rollout does not take a day");
    assert!(scaled(DAY, Some(DAY - 700)).judged().nothing_deployed);
    let told = scaled(7200, None).event(90, "(deployment ecs-svc/1) deployment completed.");
    assert!(told.judged().nothing_deployed);
}

#[test]
fn a_one_off_task_is_of_no_rollout() {
    let told = Told::new(pinned(NEW)).seen_at(10).deployment(1, 0, NEW, "PRIMARY", "IN_PROGRESS");
    let by_the_service =
        TaskOrigin { started_by: Some("ecs-svc/1"), task_definition: Some(NEW), ..TaskOrigin::default() };
    assert!(told.rollouts.owns(&told.judged(), by_the_service));
    let selected = TaskOrigin { selected: true, ..by_the_service };
    assert!(!told.rollouts.owns(&told.judged(), selected));
    let alone = TaskOrigin { group: Some("family:web"), ..by_the_service };
    assert!(!told.rollouts.owns(&told.judged(), alone));
}

#[test]
fn a_rollout_that_failed_long_before_what_is_asked_about_leaves_the_present_state() {
    let told = |named: &str, started_after: Option<i64>| {
        let expected = Expected { started_after: started_after.map(at), ..pinned(named) };
        Told::new(expected)
            .seen_at(2 * DAY)
            .deployment(1, -1500, OLD, "PRIMARY", "COMPLETED")
            .service_deployment("first", -1500, OLD, "SUCCESSFUL")
            .service_deployment("failed", 0, named, "ROLLBACK_SUCCESSFUL")
    };
    let same = told(OLD, Some(2 * DAY - 60));
    assert_eq!(same.names(), names("ecs-svc/1", "first"));
    assert!(same.judged().nothing_deployed);
    assert_eq!(told(OLD, None).judged().rollout.service_deployment.as_deref(), Some("failed"));
    let other = told(NEW, Some(2 * DAY - 60)).judged();
    assert_eq!(other.rollout.service_deployment.as_deref(), Some("failed"), "nothing else of the release is left");
}

#[test]
fn a_task_that_names_no_deployment_is_known_by_its_task_definition_and_creation() {
    let told = Told::new(pinned(NEW)).seen_at(10).deployment(1, 0, NEW, "PRIMARY", "IN_PROGRESS");
    let origin = |told: &Told, started_by: Option<&str>, task_definition: &str, created: i64| {
        let task = TaskOrigin {
            started_by,
            task_definition: Some(task_definition),
            created_at: Some(at(created)),
            ..TaskOrigin::default()
        };
        told.rollouts.origin(&told.judged(), task)
    };
    assert_eq!(origin(&told, Some("ecs-svc/1"), NEW, 1), Some(Origin::StartedBy));
    assert_eq!(origin(&told, Some("web"), NEW, 1), Some(Origin::TaskDefinition));
    assert_eq!(origin(&told, None, NEW, 1), Some(Origin::TaskDefinition));
    for (started_by, task_definition, created) in
        [(Some("web"), OLD, 1), (Some("web"), NEW, -1000), (Some("ecs-svc/9"), NEW, 1)]
    {
        assert_eq!(origin(&told, started_by, task_definition, created), None, "{started_by:?} {created}");
    }
    // Which of two rollouts of one task definition it is of, nothing tells but the time.
    let expected = Expected { deployment: Some("ecs-svc/1".to_owned()), ..Expected::default() };
    let twice = Told::new(expected).seen_at(10).deployment(1, 0, NEW, "ACTIVE", "COMPLETED").deployment(
        2,
        1000,
        NEW,
        "PRIMARY",
        "IN_PROGRESS",
    );
    assert_eq!(origin(&twice, Some("web"), NEW, 1), Some(Origin::TaskDefinition));
    assert_eq!(origin(&twice, Some("web"), NEW, 1001), None);
}
