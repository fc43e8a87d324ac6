//! `recording.toml`: what a recording is about.

use std::path::Path;

use casefile_evidence::Timestamp;
use casefile_evidence::rollout::Expected;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::RecordingError;
use crate::document::Operation;

/// What a recording is about; everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingInfo {
    /// The region of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The AWS account id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The cluster's name or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The service's name or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The release that was just applied: `family:revision`, or the task definition's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_task_definition: Option<String>,
    /// The service deployment that was named beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_service_deployment: Option<String>,
    /// The deployment (`ecs-svc/N`) or task set that was named beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_deployment: Option<String>,
    /// A rollout that was complete by then is no news.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_after: Option<Timestamp>,
    /// Whether it is a failure that nothing was deployed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_rollout: bool,
    /// The release's name, the same in every region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The image digests that were expected, as `container=sha256:...` or `sha256:...`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect_image_digest: Vec<String>,
    /// What a reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Where the documents come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The casefile.toml that it is judged with: a path relative to `recording.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Why the collection stopped, where one made the recording: `settled`, `decided`, `timeout`,
    /// `interrupted` or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
    /// How late a log line may arrive, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingestion_grace_ms: Option<i64>,
    /// How long the service was to be watched after the rollout completed, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_for_ms: Option<i64>,
    /// The operations of which every bare document is stated to be the whole answer, by their names in the AWS CLI.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "write", deserialize_with = "read")]
    pub complete: Vec<Operation>,
}

fn write<S: Serializer>(operations: &[Operation], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(operations.iter().map(|operation| operation.command()))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Operation>, D::Error> {
    let commands = Vec::<String>::deserialize(deserializer)?;
    let known = |command: &String| {
        Operation::by_command(command).filter(|operation| operation.is_asked()).ok_or_else(|| {
            let asked = Operation::ALL.into_iter().filter(|operation| operation.is_asked());
            let all = asked.map(Operation::command).collect::<Vec<_>>().join(", ");
            serde::de::Error::custom(format!("complete: {command:?} is not a command that is read: it is one of {all}"))
        })
    };
    commands.iter().map(known).collect()
}

impl RecordingInfo {
    /// What was expected.
    pub fn expected(&self) -> Expected {
        Expected {
            task_definition: self.expect_task_definition.clone(),
            service_deployment: self.expect_service_deployment.clone(),
            deployment: self.expect_deployment.clone(),
            started_after: self.started_after,
            require_rollout: self.require_rollout,
            release: self.release.clone(),
            image_digests: self.expect_image_digest.clone(),
        }
    }

    /// Keeps what was expected.
    pub fn expecting(self, expected: &Expected) -> Self {
        let Expected {
            task_definition,
            service_deployment,
            deployment,
            started_after,
            require_rollout,
            release,
            image_digests,
        } = expected.clone();
        Self {
            expect_task_definition: task_definition,
            expect_service_deployment: service_deployment,
            expect_deployment: deployment,
            started_after,
            require_rollout,
            release,
            expect_image_digest: image_digests,
            ..self
        }
    }

    /// The file that holds it, at the top of the recording.
    pub const FILE: &'static str = "recording.toml";

    /// Why a collection can have stopped.
    const STOP_REASONS: [&'static str; 5] = ["settled", "decided", "timeout", "interrupted", "failed"];

    /// Reads the text of a `recording.toml`; `path` is for messages.
    ///
    /// # Errors
    /// [`RecordingError::Info`] with the line, where it is no TOML, has an unknown key or a value that
    /// cannot be.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RecordingError> {
        let wrong = |line, problem| RecordingError::Info { path: path.to_owned(), line, problem };
        let info: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            wrong(line, error.message().to_owned())
        })?;
        let line_of_key = |key: &str| {
            let found = text.lines().position(|line| line.trim_start().starts_with(key));
            found.map_or(1, |index| index + 1)
        };
        if let Some(reason) = info.stop_reason.as_deref().filter(|reason| !Self::STOP_REASONS.contains(reason)) {
            let problem = format!("stop_reason = {reason:?}: it is one of {}", Self::STOP_REASONS.join(", "));
            return Err(wrong(line_of_key("stop_reason"), problem));
        }
        for (key, value) in [("ingestion_grace_ms", info.ingestion_grace_ms), ("stable_for_ms", info.stable_for_ms)] {
            if let Some(value) = value.filter(|value| *value < 0) {
                return Err(wrong(line_of_key(key), format!("{key} = {value}: it is 0 or more milliseconds")));
            }
        }
        Ok(info)
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
