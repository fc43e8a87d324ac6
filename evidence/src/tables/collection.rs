//! What this bundle is about, and what was asked to make it.

use crate::table;
use crate::time::Timestamp;

table! {
    /// What the bundle is about, and the release that was expected: exactly one row.
    TargetRow => "target", version 2, sort 1 {
        /// The service's name, as given or as `DescribeServices` names it.
        service: String,
        /// The cluster's name.
        cluster: Option<String>,
        /// The AWS region.
        region: Option<String>,
        /// The AWS account id.
        account: Option<String>,
        /// `services[].serviceArn`.
        service_arn: Option<String>,
        /// The task definition that was expected, as given: an ARN or `family:revision`.
        expected_task_definition: Option<String>,
        /// `pinned` where the release was named beforehand; `newest` where the newest rollout at the first snapshot is judged.
        expectation: String,
        /// The deployment that is judged: `deployments[].id`, or the task set's id. Null where none was ever seen.
        deployment_id: Option<String>,
        /// The task definition ARN of the judged deployment.
        task_definition: Option<String>,
        /// When the judged deployment was created: signatures' deadlines count from here.
        deployment_created_at: Option<Timestamp>,
        /// `deploymentController.type`: `ECS` (the default), `CODE_DEPLOY` or `EXTERNAL`.
        deployment_controller: String,
        /// The first snapshot's moment.
        window_from: Option<Timestamp>,
        /// The last snapshot's moment: the bundle's `as_of`.
        window_to: Option<Timestamp>,
        /// Why the collection stopped: `settled`, `decided`, `timeout`, `interrupted`, `failed` or `imported`.
        stop_reason: String,
        /// How much of the past every ingested log line may still be missing, in milliseconds: a deadline counts as reached only this long after it.
        ingestion_grace_ms: i64,
        /// How long the service was to be watched after the rollout completed, in milliseconds: before that, nothing is known to be stable.
        stable_for_ms: i64,
        /// The service deployment that is judged. Null where it was never seen, and under CODE_DEPLOY and EXTERNAL.
        service_deployment_arn: Option<String>,
        /// The service deployment that was named beforehand.
        expected_service_deployment: Option<String>,
        /// The deployment (`ecs-svc/N`) or task set that was named beforehand.
        expected_deployment: Option<String>,
        /// A rollout that was complete by this moment is no news: nothing was deployed.
        started_after: Option<Timestamp>,
        /// Whether it is a failure that nothing was deployed.
        require_rollout: Option<bool>,
        /// The release's name, the same in every region: a tag or a commit.
        release: Option<String>,
        /// The image digests that were expected, as `container=sha256:...` or `sha256:...`, separated by spaces.
        expected_image_digests: Option<String>,
    }
}

table! {
    /// One poll.
    SnapshotRow => "snapshots", version 1, sort 1 {
        /// Its number, from 0.
        snapshot: i64,
        /// The moment that it was observed: every row of it carries the same.
        observed_at: Timestamp,
        /// How many documents it holds.
        documents: i64,
        /// Whether `observed_at` was derived from the documents because nothing said when they were taken.
        assumed: bool,
    }
}

table! {
    /// One thing that was asked of AWS in one snapshot, what came, and whether it is complete. The last row of a source says how it stands.
    SourceRow => "sources", version 1, sort 4 {
        /// The table that it feeds.
        feeds: String,
        /// The AWS operation, e.g. `ListTasks`; for one stream's lines `GetLogEvents`, whichever operation read them.
        operation: String,
        /// What was asked, as canonical JSON, without page tokens.
        parameters: String,
        /// The snapshot in which it was asked.
        snapshot: i64,
        /// When it was asked.
        observed_at: Timestamp,
        /// `complete`, `partial`, `denied`, `throttled`, `timeout`, `unreachable` (no connection), `missing` or `not_attempted`.
        status: String,
        /// Nothing observed through this source before this moment is known to be complete. Null: no bound is known.
        covered_from: Option<Timestamp>,
        /// Up to which moment it is complete. Null in a complete source: nothing more can come.
        covered_to: Option<Timestamp>,
        /// Whether every page was read to its end.
        exhausted: bool,
        /// Whether completeness was assumed of a bare document, which does not say what was asked.
        assumed: bool,
        /// Pages read.
        pages: i64,
        /// Rows written in this snapshot because of it: of DescribeServices (services, or service events), DescribeTasks (tasks), without what was written before. Of every other operation the things received: of GetLogEvents and FilterLogEvents the lines, also those that had come before.
        rows: i64,
        /// The log group, for sources of log tables.
        log_group: Option<String>,
        /// The log stream, for sources of log tables.
        log_stream: Option<String>,
        /// The container whose stream it is.
        container: Option<String>,
        /// The task whose stream it is.
        task_id: Option<String>,
        /// The AWS error code, or what else went wrong.
        error_code: Option<String>,
        /// What AWS said.
        error: Option<String>,
        /// How an operator can get what is missing, or keep what `covered_from` cut off.
        remedy: Option<String>,
    }
}

table! {
    /// One AWS call.
    ApiCallRow => "api_calls", version 1, sort 2 {
        /// When it was sent.
        at: Timestamp,
        /// Its number within the collection.
        seq: i64,
        /// The AWS operation.
        operation: String,
        /// The HTTP status; null where no answer came.
        status: Option<i64>,
        /// The AWS error code.
        error_code: Option<String>,
        /// The AWS request id.
        request_id: Option<String>,
        /// How often the SDK sent it.
        attempts: i64,
        /// How long it took, retries included.
        milliseconds: i64,
        /// The snapshot that it was made for.
        snapshot: i64,
    }
}
