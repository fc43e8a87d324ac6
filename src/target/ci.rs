//! The identity of the GitLab job that runs this program.

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

/// An environment variable; an empty one counts as absent.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The release's name in a GitLab job: the tag, else the commit.
pub(crate) fn release_in_ci() -> Option<String> {
    variable("GITLAB_CI").and_then(|_| variable("CI_COMMIT_TAG").or_else(|| variable("CI_COMMIT_SHA")))
}

/// The variables of the CI job; empty outside GitLab.
pub(crate) fn ci_identity() -> BTreeMap<String, String> {
    if variable("GITLAB_CI").is_none() {
        return BTreeMap::new();
    }
    CI.into_iter().filter_map(|name| Some((name.to_owned(), variable(name)?))).collect()
}
