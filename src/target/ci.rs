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

/// The number of a pipeline, and what it counts in, of variables that `get` gives: a project of GitLab; of GitHub a workflow
/// of a repository, since each counts its own runs.
pub(crate) fn pipeline(get: impl Fn(&str) -> Option<String>) -> Option<(i64, String)> {
    let (number, counted_in) = match get("CI_PIPELINE_IID") {
        Some(number) => (number, get("CI_PROJECT_ID")?),
        None => {
            // OWNER/REPOSITORY/.github/workflows/deploy.yml@refs/heads/main
            let workflow = get("GITHUB_WORKFLOW_REF")?;
            let workflow = workflow.split('@').next().unwrap_or_default().splitn(3, '/').nth(2)?.to_owned();
            (get("GITHUB_RUN_NUMBER")?, format!("{}/{workflow}", get("GITHUB_REPOSITORY_ID")?))
        }
    };
    Some((number.parse().ok()?, counted_in))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline_of(variables: &[(&str, &str)]) -> Option<(i64, String)> {
        pipeline(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_number_is_known_with_what_it_counts_in() {
        assert_eq!(pipeline_of(&[("CI_PIPELINE_IID", "41"), ("CI_PROJECT_ID", "7")]), Some((41, "7".to_owned())));
        let github = [
            ("GITHUB_RUN_NUMBER", "300"),
            ("GITHUB_REPOSITORY_ID", "9"),
            ("GITHUB_WORKFLOW_REF", "acme/web/.github/workflows/release.yml@refs/tags/v1"),
        ];
        assert_eq!(pipeline_of(&github), Some((300, "9/.github/workflows/release.yml".to_owned())));
        assert_eq!(pipeline_of(&[("CI_PIPELINE_IID", "41")]), None);
        assert_eq!(pipeline_of(&github[..2]), None);
        assert_eq!(pipeline_of(&[]), None);
    }
}
