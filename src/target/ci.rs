//! The identity of the job that runs this program: of GitLab CI, or of GitHub Actions.

use std::collections::BTreeMap;

/// GitLab's predefined variables that a bundle and a verdict keep. No token, no URL with credentials.
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

/// Those of GitHub Actions.
const ACTIONS: [&str; 20] = [
    "GITHUB_ACTIONS",
    "GITHUB_ACTOR",
    "GITHUB_ACTOR_ID",
    "GITHUB_EVENT_NAME",
    "GITHUB_JOB",
    "GITHUB_REF",
    "GITHUB_REF_NAME",
    "GITHUB_REF_PROTECTED",
    "GITHUB_REF_TYPE",
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_NUMBER",
    "GITHUB_SERVER_URL",
    "GITHUB_SHA",
    "GITHUB_WORKFLOW",
    "GITHUB_WORKFLOW_REF",
    "RUNNER_NAME",
    "RUNNER_OS",
];

/// The number of the pipeline within its project, and the project that it counts in.
const SEQUENCE: [&str; 2] = ["CI_PIPELINE_IID", "GITHUB_RUN_NUMBER"];
const PROJECT: [&str; 2] = ["CI_PROJECT_ID", "GITHUB_REPOSITORY_ID"];

/// The number of a pipeline, of variables that `get` gives.
pub(crate) fn sequence(get: impl Fn(&str) -> Option<String>) -> Option<i64> {
    SEQUENCE.into_iter().find_map(get)?.parse().ok()
}

/// The project that the number counts in.
pub(crate) fn project(get: impl Fn(&str) -> Option<String>) -> Option<String> {
    PROJECT.into_iter().find_map(get)
}

/// An environment variable; an empty one counts as absent.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The release's name in a job: the tag, else the commit.
pub(crate) fn release_in_ci() -> Option<String> {
    if variable("GITLAB_CI").is_some() {
        return variable("CI_COMMIT_TAG").or_else(|| variable("CI_COMMIT_SHA"));
    }
    variable("GITHUB_ACTIONS")?;
    match variable("GITHUB_REF_TYPE").as_deref() {
        Some("tag") => variable("GITHUB_REF_NAME"),
        _ => variable("GITHUB_SHA"),
    }
}

/// The variables of the CI job; empty elsewhere.
pub(crate) fn ci_identity() -> BTreeMap<String, String> {
    let names: &[&str] = match (variable("GITLAB_CI"), variable("GITHUB_ACTIONS")) {
        (Some(_), _) => &CI,
        (None, Some(_)) => &ACTIONS,
        (None, None) => &[],
    };
    names.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect()
}
