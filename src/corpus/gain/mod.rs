//! Benign noise: events that happen in any cluster and are no fault of the release. Each gain adds something to the
//! documents of a case that passes, and the case must still pass.

mod edit;
mod noise;
mod scene;
mod task;
#[cfg(test)]
mod tests;

use casefile_collector::held::Held;
use casefile_evidence::AnyRow;

use edit::{Counts, count, event};
use scene::Scene;
use task::{End, double, end};

/// A gain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gain {
    /// The service wants a task less after completion, and one is stopped.
    ScaleIn,
    /// A task is taken after completion, and replaced.
    Replaced(Taken),
    /// A service event before completion calls a task unhealthy that lives on.
    UnhealthyOnce,
    /// A task beyond the desired ones ends before completion.
    Early(Early),
    /// A service event.
    Event(Told),
    /// A stream that belongs to no task of the service, with lines that match failure signatures.
    UnrelatedStream,
    /// A task of the previous release logs a failure before it is stopped.
    OldTaskFails,
    /// Every task has AWS's GuardDuty agent beside its own containers.
    GuardDuty,
    /// A successful service deployment of the previous revision, two hours before.
    OlderServiceDeployment,
    /// Unknown fields, and a tag, in every document.
    UnknownFields,
}

/// The cause of a task's end after completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Spot,
    Host,
    Rebalancing,
    ByHand,
    /// Not benign: a run must find it.
    #[cfg(test)]
    Exit,
}

/// How a task ends before completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Early {
    HealthCheck,
    PullTimeOut,
    NetworkInterfaceTimeOut,
    Exit,
}

/// The kind of a service event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Unknown,
    Throttled,
    NotPlaced,
}

impl std::fmt::Display for Gain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ScaleIn => "a scale-in after completion",
            Self::Replaced(Taken::Spot) => "a Spot task interrupted after completion, and replaced",
            Self::Replaced(Taken::Host) => "a host lost after completion, and the task replaced",
            Self::Replaced(Taken::Rebalancing) => "a task moved by AZ rebalancing after completion",
            Self::Replaced(Taken::ByHand) => "a task stopped by hand after completion, and replaced",
            #[cfg(test)]
            Self::Replaced(Taken::Exit) => "a task that exited with 1 after completion, and was replaced",
            Self::UnhealthyOnce => "one unhealthy event before completion, of a task that lives on",
            Self::Early(Early::HealthCheck) => "one task stopped for a failed health check before completion",
            Self::Early(Early::PullTimeOut) => "one image pull that timed out before completion",
            Self::Early(Early::NetworkInterfaceTimeOut) => "one network interface that timed out before completion",
            Self::Early(Early::Exit) => "one task that exited with 1 before completion",
            Self::Event(Told::Unknown) => "a service event with an unknown text",
            Self::Event(Told::Throttled) => "a throttling event before completion",
            Self::Event(Told::NotPlaced) => "a placement event before completion",
            Self::UnrelatedStream => "failure lines in the stream of an unrelated task",
            Self::OldTaskFails => "a failure line of a task of the previous release",
            Self::GuardDuty => "a GuardDuty agent in every task",
            Self::OlderServiceDeployment => "an older service deployment",
            Self::UnknownFields => "unknown fields in every document",
        })
    }
}

impl Gain {
    /// Whether it adds a task, whose log is made from another's and may not be whole by the reading of that one.
    pub(crate) fn adds_a_task(&self) -> bool {
        matches!(self, Self::Replaced(_) | Self::Early(_))
    }

    const ALL: [Self; 18] = [
        Self::ScaleIn,
        Self::Replaced(Taken::Spot),
        Self::Replaced(Taken::Host),
        Self::Replaced(Taken::Rebalancing),
        Self::Replaced(Taken::ByHand),
        Self::UnhealthyOnce,
        Self::Early(Early::HealthCheck),
        Self::Early(Early::PullTimeOut),
        Self::Early(Early::NetworkInterfaceTimeOut),
        Self::Early(Early::Exit),
        Self::Event(Told::Unknown),
        Self::Event(Told::Throttled),
        Self::Event(Told::NotPlaced),
        Self::UnrelatedStream,
        Self::OldTaskFails,
        Self::GuardDuty,
        Self::OlderServiceDeployment,
        Self::UnknownFields,
    ];

    /// Every gain that fits a case that passes, with the documents that it leads to. `rows` are the case's own.
    pub(crate) fn all(held: &Held, rows: &[AnyRow]) -> Vec<(Self, Held)> {
        let Some(scene) = Scene::of(held, rows) else { return Vec::new() };
        Self::ALL.into_iter().filter_map(|gain| Some((gain, gain.of_documents(held, &scene)?))).collect()
    }

    /// The documents with the gain; `None` if it does not fit the case's times, or changes nothing.
    fn of_documents(self, held: &Held, scene: &Scene) -> Option<Held> {
        let mut new = held.clone();
        match self {
            Self::ScaleIn => scale_in(&mut new, scene)?,
            Self::Replaced(taken) => replace(&mut new, scene, taken)?,
            Self::UnhealthyOnce => noise::unhealthy_once(&mut new, scene)?,
            Self::Early(early) => end_early(&mut new, scene, early)?,
            Self::Event(told) => noise::tell(&mut new, scene, told)?,
            Self::UnrelatedStream => noise::unrelated_stream(&mut new, scene)?,
            Self::OldTaskFails => noise::old_task_fails(&mut new, scene)?,
            Self::GuardDuty => noise::guard_duty(&mut new),
            Self::OlderServiceDeployment => noise::older_service_deployment(&mut new, scene)?,
            Self::UnknownFields => noise::unknown_fields(&mut new),
        }
        (new != *held).then_some(new)
    }
}

fn scale_in(held: &mut Held, scene: &Scene) -> Option<()> {
    let (task, at) = (scene.task.as_ref()?, scene.after()?);
    if scene.desired < 2 || scene.is_daemon {
        return None;
    }
    let reason = format!("Scaling activity initiated by (deployment {})", scene.rollout);
    let code = Some("ServiceSchedulerInitiated");
    end(held, task, End { at, stop_code: code, reason: &reason, started: true, exit: Some(0) });
    let by = Counts { desired: -1, running: -1, ..Counts::default() };
    count(held, &scene.rollout, at.plus_millis(1_000), scene.last.plus_millis(1), by);
    let told = format!("(service {}) has stopped 1 running tasks: (task {}).", scene.service, task.task_id);
    event(held, at, "5ca1e1ab-0000-4000-8000-000000000001", &told);
    Some(())
}

fn replace(held: &mut Held, scene: &Scene, taken: Taken) -> Option<()> {
    let (task, at, runs_at) = (scene.task.as_ref()?, scene.after()?, scene.replaced_at()?);
    let created = at.plus_millis(1_000);
    let new = double(held, task, created.millis_since(task.created_at?), true)?;
    let scaling = format!("Scaling activity initiated by (deployment {})", scene.rollout);
    let (stop_code, reason, exit) = match taken {
        Taken::Spot => (Some("SpotInterruption"), "Your Spot Task was interrupted.", Some(143)),
        Taken::Host => (None, "Host EC2 (instance i-0a1b2c3d4e5f60718) terminated.", None),
        Taken::Rebalancing => (Some("ServiceSchedulerInitiated"), scaling.as_str(), Some(0)),
        Taken::ByHand => (Some("UserInitiated"), "Task stopped by user", Some(143)),
        #[cfg(test)]
        Taken::Exit => (Some("EssentialContainerExited"), "Essential container in task exited", Some(1)),
    };
    // Rebalancing starts the new task before it stops the old one.
    let ended_at = if taken == Taken::Rebalancing { runs_at.plus_millis(5_000) } else { at };
    end(held, task, End { at: ended_at, stop_code, reason, started: true, exit });
    let service = &scene.service;
    if taken == Taken::Rebalancing {
        let zone = task.availability_zone.as_deref().unwrap_or("ap-southeast-2a");
        let uneven =
            format!("(service {service}) is not AZ balanced with 2 tasks in {zone}. AZ Rebalancing in progress.");
        event(held, at, "5ca1e1ab-0000-4000-8000-000000000002", &uneven);
    } else {
        let by = Counts { running: -1, pending: 1, ..Counts::default() };
        count(held, &scene.rollout, ended_at.plus_millis(1_000), runs_at, by);
    }
    let started = format!("(service {service}) has started 1 tasks: (task {}).", new.task_id);
    event(held, created, "5ca1e1ab-0000-4000-8000-000000000003", &started);
    Some(())
}

fn end_early(held: &mut Held, scene: &Scene, early: Early) -> Option<()> {
    if !scene.tolerates() {
        return None;
    }
    let starts = matches!(early, Early::HealthCheck | Early::Exit);
    let (task, at) = (scene.task.as_ref()?, if starts { scene.before()? } else { scene.not_started()? });
    let new = double(held, task, 0, starts)?;
    let (stop_code, reason, exit) = match early {
        Early::HealthCheck => ("ServiceSchedulerInitiated", "Task failed container health checks", Some(137)),
        Early::Exit => ("EssentialContainerExited", "Essential container in task exited", Some(1)),
        Early::PullTimeOut => (
            "TaskFailedToStart",
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to do request: Head \"https://registry.example/v2/app/manifests/1\": dial tcp 10.0.41.7:443: i/o timeout",
            None,
        ),
        Early::NetworkInterfaceTimeOut => {
            ("TaskFailedToStart", "Timeout waiting for network interface provisioning to complete.", None)
        }
    };
    end(held, &new, End { at, stop_code: Some(stop_code), reason, started: starts, exit });
    let by = Counts { failed: 1, ..Counts::default() };
    count(held, &scene.rollout, at.plus_millis(1_000), scene.completed_at?, by);
    if early == Early::HealthCheck {
        let told = format!("(service {}) (task {}) failed container health checks.", scene.service, new.task_id);
        event(held, at, "5ca1e1ab-0000-4000-8000-000000000004", &told);
    }
    Some(())
}
