//! What GitLab's job page and later jobs take: links (`artifacts:reports:annotations`) and variables
//! (`artifacts:reports:dotenv`).

use std::path::{Path, PathBuf};

use casefile_analyzer::Verdict;
use serde_json::{Value, json};

use super::json as json_line;
use super::terminal::{action, sentence};
use super::text::{conclusion, visible};
use crate::error::Error;
use crate::format::Format;

/// The address of the job's HTML report among its artifacts.
pub(crate) fn report_url(verdict: &Verdict, reports: &[(Format, PathBuf)]) -> Option<String> {
    let (_, path) = reports.iter().find(|(format, _)| *format == Format::Html)?;
    Some(format!("{}/artifacts/file/{}", verdict.bundle.ci.get("CI_JOB_URL")?, in_project(path)?))
}

/// Links of a job: its report and its bundle among the artifacts, the runbook, and the service in the AWS console.
/// `bundle`: where the bundle is.
///
/// # Errors
/// Only by a fault of this program.
pub(crate) fn annotations(
    verdict: &Verdict,
    reports: &[(Format, PathBuf)],
    bundle: Option<&Path>,
) -> Result<String, Error> {
    let link = |label: &str, url: String| json!({ "external_link": { "label": label, "url": url } });
    let mut links: Vec<Value> = Vec::new();
    links.extend(report_url(verdict, reports).map(|url| link("Report", url)));
    if let Some((url, path)) = verdict.bundle.ci.get("CI_JOB_URL").zip(bundle) {
        let kind = if path.extension().is_some_and(|it| it == "tar") { "file" } else { "browse" };
        links.extend(in_project(path).map(|path| link("Evidence bundle", format!("{url}/artifacts/{kind}/{path}"))));
    }
    if let Some(runbook) = verdict.decision.runbook.as_ref().filter(|url| url.starts_with("https://")) {
        links.push(link("Runbook", runbook.clone()));
    }
    let target = &verdict.bundle.target;
    if let (Some(region), Some(cluster)) = (&target.region, &target.cluster) {
        let domain = if region.starts_with("cn-") { "amazonaws.cn" } else { "aws.amazon.com" };
        let [cluster, service] =
            [cluster, &target.service].map(|name| encoded(name.rsplit('/').next().unwrap_or(name)));
        links.push(link(
            "ECS service",
            format!(
                "https://{region}.console.{domain}/ecs/v2/clusters/{cluster}/services/{service}/deployments?region={region}"
            ),
        ));
    }
    json_line(&json!({ "casefile": links }))
}

/// Whether a path stays within the project's folder.
pub(super) fn is_in_project(path: &Path) -> bool {
    path.is_relative() && !path.components().any(|part| matches!(part, std::path::Component::ParentDir))
}

/// A path as GitLab's URLs have it: only within the project's folder.
fn in_project(path: &Path) -> Option<String> {
    is_in_project(path)
        .then(|| path.to_str().map(|path| path.split('/').map(encoded).collect::<Vec<_>>().join("/")))
        .flatten()
}

/// Everything but letters, digits and `-._~` as `%XX` (RFC 3986).
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Variables for later jobs. No line break, no `$`, and short: GitLab takes 5 KB.
pub(crate) fn dotenv(verdict: &Verdict) -> String {
    const LENGTH: usize = 500;
    let cause = verdict.decision.causes.first().map(sentence).unwrap_or_default();
    let variables = [
        ("VERDICT", conclusion(verdict.verdict).to_lowercase()),
        ("DECISION", action(&verdict.decision)),
        ("CAUSE", cause),
        ("RELEASE", verdict.release.name.clone().unwrap_or_default()),
        ("BUNDLE_DIGEST", verdict.bundle.digest.clone().unwrap_or_default()),
        ("VERDICT_DIGEST", verdict.digest.clone()),
    ];
    let line = |(name, value): (&str, String)| {
        let value: String = visible(&value).replace('$', "").chars().take(LENGTH).collect();
        format!("CASEFILE_{name}={value}\n")
    };
    variables.map(line).concat()
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn links_are_those_of_the_job() {
        let mut verdict = testing::fail();
        verdict.bundle.ci.insert("CI_JOB_URL".to_owned(), "https://gitlab.example.com/a/b/-/jobs/1".to_owned());
        let reports = [(Format::Json, PathBuf::from("v.json")), (Format::Html, PathBuf::from("evidence/eu west.html"))];
        let links = annotations(&verdict, &reports, Some(Path::new("evidence/rollout.bundle"))).unwrap();
        assert!(
            links.contains("https://gitlab.example.com/a/b/-/jobs/1/artifacts/file/evidence/eu%20west.html"),
            "{links}"
        );
        assert!(links.contains("/-/jobs/1/artifacts/browse/evidence/rollout.bundle"), "{links}");
        assert!(links.contains("/ecs/v2/clusters/"), "{links}");
        let outside = [(Format::Html, PathBuf::from("../report.html"))];
        assert!(!annotations(&verdict, &outside, None).unwrap().contains("artifacts/file"));
    }

    #[test]
    fn variables_are_lines_that_gitlab_takes() {
        for verdict in [testing::pass(), testing::fail(), testing::inconclusive(), testing::hostile()] {
            let text = dotenv(&verdict);
            assert!(text.len() < 5000 && text.lines().count() == 6 && !text.contains('$'), "{text}");
            for line in text.lines() {
                let (key, _) = line.split_once('=').unwrap();
                assert!(key.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{line}");
            }
        }
        assert!(dotenv(&testing::fail()).starts_with("CASEFILE_VERDICT=fail\nCASEFILE_DECISION=delegate to "));
    }
}
