//! The rows of one document's objects. They depend on nothing but the object and the moment.

mod beside;
mod logs;
mod services;
mod task_definitions;
mod tasks;

pub(super) use beside::{TargetRowOf, alarm, instance, target};
pub(super) use logs::{line, log_group, log_stream};
pub(super) use services::{deployment, service, service_deployment, service_event, service_revision, task_set};
pub(super) use task_definitions::{Destination, container_definition, task_definition};
pub(super) use tasks::{container, task};
