//! Which release is expected: flags win over Terraform's outputs, those over the config, that over what CI says.

use std::collections::BTreeMap;

use casefile_collector::terraform::Outputs;
use casefile_evidence::Timestamp;
use casefile_evidence::rollout::{Expected, expected_image, names_a_revision};

use crate::cli::ExpectArgs;
use crate::config::Config;
use crate::error::Error;
use crate::target::pick;

/// What GitLab says of the job that collects (predefined variables). No token, no URL with credentials.
const CI: [&str; 28] = [
    "CI_COMMIT_REF_NAME",
    "CI_COMMIT_REF_PROTECTED",
    "CI_COMMIT_SHA",
    "CI_COMMIT_TAG",
    "CI_COMMIT_TIMESTAMP",
    "CI_DEPLOY_FREEZE",
    "CI_ENVIRONMENT_ACTION",
    "CI_ENVIRONMENT_NAME",
    "CI_ENVIRONMENT_TIER",
    "CI_JOB_ID",
    "CI_JOB_IMAGE",
    "CI_JOB_MANUAL",
    "CI_JOB_NAME",
    "CI_JOB_STARTED_AT",
    "CI_JOB_URL",
    "CI_PIPELINE_ID",
    "CI_PIPELINE_IID",
    "CI_PIPELINE_SOURCE",
    "CI_PIPELINE_URL",
    "CI_PROJECT_ID",
    "CI_PROJECT_PATH",
    "CI_RUNNER_ID",
    "CI_RUNNER_VERSION",
    "CI_SERVER_URL",
    "CI_SERVER_VERSION",
    "GITLAB_CI",
    "GITLAB_USER_ID",
    "GITLAB_USER_LOGIN",
];

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The identity of the CI job that runs this program; empty elsewhere.
pub(crate) fn ci_identity() -> BTreeMap<String, String> {
    if variable("GITLAB_CI").is_none() {
        return BTreeMap::new();
    }
    CI.into_iter().filter_map(|name| Some((name.to_owned(), variable(name)?))).collect()
}

/// What a live collection expects.
pub(crate) fn decide(args: &ExpectArgs, outputs: Option<&Outputs>, config: &Config) -> Result<Expected, Error> {
    let (set, names) = (&config.target, &config.target.terraform);
    let pick = |flag, output, set| pick(outputs, flag, output, set);
    let digest = pick(&None, &names.expect_image_digest, &None)?;
    let digests = if args.expect_image_digest.is_empty() {
        digest.map_or_else(|| set.expect_image_digest.clone(), |digest| vec![digest])
    } else {
        args.expect_image_digest.clone()
    };
    let release = pick(&args.release, &names.release, &set.release)?;
    let in_ci = || variable("GITLAB_CI").and_then(|_| variable("CI_COMMIT_TAG").or_else(|| variable("CI_COMMIT_SHA")));
    sound(Expected {
        task_definition: pick(
            &args.expect_task_definition,
            &names.expect_task_definition,
            &set.expect_task_definition,
        )?,
        service_deployment: pick(
            &args.expect_service_deployment,
            &names.expect_service_deployment,
            &set.expect_service_deployment,
        )?,
        deployment: pick(&args.expect_deployment, &names.expect_deployment, &set.expect_deployment)?,
        started_after: pick(&args.started_after, &names.started_after, &set.started_after)?
            .map(|text| moment(&text))
            .transpose()?,
        require_rollout: args.require_rollout || set.require_rollout == Some(true),
        release: release.or_else(in_ci),
        image_digests: digests,
    })
}

/// What an import expects: flags win over what the recording says of itself, that over the config.
pub(crate) fn of_recording(args: &ExpectArgs, recorded: Expected, config: &Config) -> Result<Expected, Error> {
    let set = decide(args, None, config)?;
    let named = args.expect_task_definition.is_some()
        || args.expect_service_deployment.is_some()
        || args.expect_deployment.is_some();
    let recorded_name = recorded.name_the_release();
    let (task_definition, service_deployment, deployment) = if named || !recorded_name {
        (set.task_definition, set.service_deployment, set.deployment)
    } else {
        (recorded.task_definition, recorded.service_deployment, recorded.deployment)
    };
    let recorded_start = recorded.started_after.filter(|_| args.started_after.is_none());
    sound(Expected {
        task_definition,
        service_deployment,
        deployment,
        started_after: recorded_start.or(set.started_after),
        require_rollout: set.require_rollout || recorded.require_rollout,
        release: args.release.clone().or(recorded.release).or_else(|| config.target.release.clone()),
        image_digests: if args.expect_image_digest.is_empty() && !recorded.image_digests.is_empty() {
            recorded.image_digests
        } else {
            set.image_digests
        },
    })
}

/// A moment as RFC 3339, or as seconds since 1970 (`date +%s`).
fn moment(text: &str) -> Result<Timestamp, Error> {
    let seconds = text.trim().parse::<i64>().ok().map(|seconds| Timestamp(seconds.saturating_mul(1000)));
    seconds.map_or_else(|| Timestamp::parse(text.trim()), Ok).map_err(|_| {
        Error::usage(format!(
            "--started-after {text:?} is not a time: write RFC 3339, e.g. 2026-11-23T07:43:00Z (`date -u +%FT%TZ` before terraform apply)"
        ))
    })
}

fn sound(expected: Expected) -> Result<Expected, Error> {
    if let Some(named) = expected.task_definition.as_deref().filter(|named| !names_a_revision(named)) {
        return Err(Error::usage(format!(
            "the expected task definition {named:?} names no revision, so any rollout of its family would match: give family:revision \
             or the ARN, e.g. Terraform's aws_ecs_task_definition.NAME.arn"
        )));
    }
    if let Some(named) = expected.service_deployment.as_deref().filter(|named| !named.contains(":service-deployment/"))
    {
        return Err(Error::usage(format!(
            "the expected service deployment {named:?} is not a service deployment ARN: `aws ecs list-service-deployments` prints \
             arn:aws:ecs:REGION:ACCOUNT:service-deployment/CLUSTER/SERVICE/ID; for a deployment ecs-svc/N use --expect-deployment"
        )));
    }
    if let Some(named) = expected.deployment.as_deref().filter(|named| !named.starts_with("ecs-svc/")) {
        return Err(Error::usage(format!(
            "the expected deployment {named:?} is not a deployment id: UpdateService returns it in service.deployments[].id, as ecs-svc/N"
        )));
    }
    let is_digest = |text: &str| {
        let (_, digest) = expected_image(text);
        digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if let Some(named) = expected.image_digests.iter().find(|named| !is_digest(named)) {
        return Err(Error::usage(format!(
            "the expected image digest {named:?} is not a digest: write sha256:... or CONTAINER=sha256:..., as the registry prints it"
        )));
    }
    Ok(expected)
}
