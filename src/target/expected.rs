//! Which release is expected: flags win over Terraform's outputs, those over the config, that over CI variables.

use std::collections::BTreeMap;

use casefile_collector::normalise::{About, account_of, short_name};
use casefile_collector::terraform::Outputs;
use casefile_evidence::Timestamp;
use casefile_evidence::rollout::{Expected, expected_image, names_a_revision};

use super::ci::release_in_ci;
use super::pick::pick;
use crate::cli::ExpectArgs;
use crate::config::Config;
use crate::error::Error;

/// The expectations of a live collection.
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
    let (service_deployment, deployment) = deployment(args, outputs, config)?;
    sound(Expected {
        task_definition: pick(
            &args.expect_task_definition,
            &names.expect_task_definition,
            &set.expect_task_definition,
        )?,
        service_deployment,
        deployment,
        started_after: pick(&args.started_after, &names.started_after, &set.started_after)?
            .map(|text| moment(&text))
            .transpose()?,
        require_rollout: args.require_rollout || set.require_rollout == Some(true),
        // An empty variable (CI_COMMIT_TAG of a branch) names nothing.
        release: release.filter(|name| !name.is_empty()).or_else(release_in_ci),
        image_digests: digests,
    })
}

/// The service deployment or the deployment that is to be judged. Both name one rollout: the first source that gives
/// either of them counts.
fn deployment(
    args: &ExpectArgs,
    outputs: Option<&Outputs>,
    config: &Config,
) -> Result<(Option<String>, Option<String>), Error> {
    let (set, names) = (&config.target, &config.target.terraform);
    let output = |name: &Option<String>| pick(outputs, &None, name, &None);
    let given = [
        (args.expect_service_deployment.clone(), args.expect_deployment.clone()),
        (output(&names.expect_service_deployment)?, output(&names.expect_deployment)?),
        (set.expect_service_deployment.clone(), set.expect_deployment.clone()),
    ];
    Ok(given.into_iter().find(|(service, id)| service.is_some() || id.is_some()).unwrap_or_default())
}

/// Outputs that `[target.terraform]` names and no flag gives: without `--terraform-output` they are ignored.
pub(crate) fn unused(args: &ExpectArgs, config: &Config) -> Option<String> {
    let names = &config.target.terraform;
    let rollout = args.expect_deployment.is_some() || args.expect_service_deployment.is_some();
    let lost = [
        ("expect_task_definition", &names.expect_task_definition, args.expect_task_definition.is_some()),
        ("expect_service_deployment", &names.expect_service_deployment, rollout),
        ("expect_deployment", &names.expect_deployment, rollout),
        ("started_after", &names.started_after, args.started_after.is_some()),
        ("release", &names.release, args.release.is_some()),
        ("expect_image_digest", &names.expect_image_digest, !args.expect_image_digest.is_empty()),
    ];
    let lost = lost.into_iter().filter(|(_, output, given)| output.is_some() && !given).map(|(key, ..)| key);
    let lost: Vec<&str> = lost.collect();
    (!lost.is_empty()).then(|| {
        format!(
            "[target.terraform] names outputs ({}), but --terraform-output was not given: they are ignored",
            lost.join(", ")
        )
    })
}

/// The expectations of an import: flags win over the recording, the recording over the config.
pub(crate) fn of_recording(args: &ExpectArgs, recorded: Expected, config: &Config) -> Result<Expected, Error> {
    let set = decide(args, None, config)?;
    let task_definition = args.expect_task_definition.clone().or(recorded.task_definition).or(set.task_definition);
    let named = args.expect_service_deployment.is_some() || args.expect_deployment.is_some();
    let recorded_name = recorded.service_deployment.is_some() || recorded.deployment.is_some();
    let (service_deployment, deployment) = if named || !recorded_name {
        (set.service_deployment, set.deployment)
    } else {
        (recorded.service_deployment, recorded.deployment)
    };
    let recorded_start = recorded.started_after.filter(|_| args.started_after.is_none());
    let release = args.release.clone().or(recorded.release).or_else(|| config.target.release.clone());
    sound(Expected {
        task_definition,
        service_deployment,
        deployment,
        started_after: recorded_start.or(set.started_after),
        require_rollout: set.require_rollout || recorded.require_rollout,
        release: release.filter(|name| !name.is_empty()),
        image_digests: if args.expect_image_digest.is_empty() && !recorded.image_digests.is_empty() {
            recorded.image_digests
        } else {
            set.image_digests
        },
    })
}

/// Refuses a beginning that is later than the observation: nothing could ever be deployed after it. `now`: the clock,
/// or
/// the last snapshot of a recording. Clocks may differ a little.
pub(crate) fn has_begun(expected: &Expected, now: Timestamp) -> Result<(), Error> {
    const CLOCKS_DIFFER_MS: i64 = 5 * 60 * 1000;
    match expected.started_after {
        Some(at) if at > now.plus_millis(CLOCKS_DIFFER_MS) => Err(Error::usage(format!(
            "started_after {at} is later than the observation ({now}): give the moment at which the apply began, \
             e.g. `date -u +%FT%TZ` before terraform apply"
        ))),
        _ => Ok(()),
    }
}

/// Refuses an ARN of another service, region or account than the target's: no rollout could ever match it.
pub(crate) fn is_of(about: &About) -> Result<(), Error> {
    let expected = &about.expected;
    let service = (!about.service.is_empty()).then_some(about.service.as_str());
    let of_service = [("cluster", about.cluster.as_deref(), 6), ("service", service, 7)];
    let in_arn = || [service, about.cluster.as_deref()].into_iter().flatten().find_map(account_of);
    let account = about.account.as_deref().or_else(in_arn);
    let of_region = [("region", about.region.as_deref(), 3), ("account", account, 4)];
    let arns = [
        ("--expect-task-definition", expected.task_definition.as_deref(), &of_region[..], &[][..]),
        ("--expect-service-deployment", expected.service_deployment.as_deref(), &of_region[..], &of_service[..]),
    ];
    for (flag, arn, region, service) in arns {
        // arn:aws:ecs:REGION:ACCOUNT:service-deployment/CLUSTER/SERVICE/ID
        let Some(arn) = arn.filter(|arn| arn.starts_with("arn:")) else { continue };
        let parts: Vec<&str> = arn.split([':', '/']).collect();
        for (what, wanted, place) in region.iter().chain(service) {
            let (Some(wanted), Some(found)) = (wanted.map(short_name), parts.get(*place)) else { continue };
            if wanted != *found {
                return Err(Error::usage(format!(
                    "{flag} {arn} is of the {what} {found}, and the {what} {wanted} is judged: no rollout of it can match"
                )));
            }
        }
    }
    Ok(())
}

/// A moment as RFC 3339, or as seconds since 1970 (`date +%s`).
fn moment(text: &str) -> Result<Timestamp, Error> {
    if text.trim().is_empty() {
        return Err(Error::usage(
            "started_after is empty: is the variable set, and did the job get the file that sets it?",
        ));
    }
    // Seconds of the year 5138 are milliseconds of 1973.
    if text.trim().parse::<i64>().is_ok_and(|number| number >= 100_000_000_000) {
        return Err(Error::usage(format!(
            "started_after {text} looks like milliseconds: give seconds, e.g. `date +%s`"
        )));
    }
    let seconds = text.trim().parse::<i64>().ok().map(|seconds| Timestamp(seconds.saturating_mul(1000)));
    seconds.map_or_else(|| Timestamp::parse(text.trim()), Ok).map_err(|_| {
        Error::usage(format!(
            "started_after {text:?} is not a time: write seconds since 1970, or RFC 3339, e.g. 2026-11-23T07:43:00Z (`date -u +%FT%TZ` before terraform apply)"
        ))
    })
}

fn sound(expected: Expected) -> Result<Expected, Error> {
    let named = [&expected.task_definition, &expected.service_deployment, &expected.deployment];
    if named.into_iter().flatten().any(|named| named.trim().is_empty()) {
        return Err(Error::usage(
            "what is expected is empty: is the variable set? --expect-task-definition, --expect-service-deployment and \
             --expect-deployment (and their keys in [target]) need a value",
        ));
    }
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
    let is_id = |named: &str| {
        let number = named.strip_prefix("ecs-svc/");
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    if let Some(named) = expected.deployment.as_deref().filter(|named| !is_id(named)) {
        return Err(Error::usage(format!(
            "the expected deployment {named:?} is not a deployment id: UpdateService returns it in service.deployments[].id, as ecs-svc/N"
        )));
    }
    if let (Some(service_deployment), Some(deployment)) = (&expected.service_deployment, &expected.deployment) {
        return Err(Error::usage(format!(
            "both a service deployment ({service_deployment}) and a deployment ({deployment}) are expected, and each names one \
             rollout: give one of them"
        )));
    }
    let is_digest = |text: &str| {
        let (container, digest) = expected_image(text);
        container != Some("")
            && digest
                .strip_prefix("sha256:")
                .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    };
    if let Some(named) = expected.image_digests.iter().find(|named| !is_digest(named)) {
        return Err(Error::usage(format!(
            "the expected image digest {named:?} is not a digest: write sha256:... or CONTAINER=sha256:... with 64 digits in lower case, as the registry prints it"
        )));
    }
    let mut of_container = BTreeMap::new();
    for (container, digest) in expected.image_digests.iter().map(|named| expected_image(named)) {
        let Some(container) = container else { continue };
        if of_container.insert(container, digest).is_some_and(|other| other != digest) {
            return Err(Error::usage(format!("two image digests are expected of the container {container}: give one")));
        }
    }
    Ok(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE_DEPLOYMENT: &str = "arn:aws:ecs:eu-west-1:123456789012:service-deployment/production/web/abc";

    fn config(target: &str) -> Config {
        Config::parse(&format!("[target]\n{target}"), "casefile.toml").unwrap()
    }

    fn outputs(name: &str, value: &str) -> Outputs {
        let text = format!("{{\"{name}\": {{\"value\": {value}}}}}");
        Outputs::parse(text.as_bytes(), std::path::Path::new("outputs.json")).unwrap()
    }

    #[test]
    fn the_first_source_that_names_a_rollout_counts() {
        let config =
            config("expect_deployment = \"ecs-svc/1\"\n[target.terraform]\nexpect_service_deployment = \"rollout\"\n");
        let outputs = outputs("rollout", &format!("\"{SERVICE_DEPLOYMENT}\""));
        let named = |args: &ExpectArgs, outputs: Option<&Outputs>| {
            let expected = decide(args, outputs, &config).unwrap();
            (expected.service_deployment, expected.deployment)
        };
        let flag = ExpectArgs { expect_deployment: Some("ecs-svc/2".to_owned()), ..ExpectArgs::default() };
        assert_eq!(named(&flag, Some(&outputs)), (None, Some("ecs-svc/2".to_owned())));
        assert_eq!(named(&ExpectArgs::default(), Some(&outputs)), (Some(SERVICE_DEPLOYMENT.to_owned()), None));
        assert_eq!(named(&ExpectArgs::default(), None), (None, Some("ecs-svc/1".to_owned())));
    }

    #[test]
    fn one_source_names_one_rollout() {
        let both = config(&format!(
            "expect_deployment = \"ecs-svc/1\"\nexpect_service_deployment = \"{SERVICE_DEPLOYMENT}\"\n"
        ));
        let error = decide(&ExpectArgs::default(), None, &both).unwrap_err();
        assert!(error.to_string().contains("each names one rollout"), "{error}");
    }

    #[test]
    fn a_beginning_is_in_the_past() {
        let now = Timestamp::parse("2027-02-03T00:00:00Z").unwrap();
        let began = |text: &str| Expected { started_after: Some(moment(text).unwrap()), ..Expected::default() };
        assert!(has_begun(&began("2027-02-03T00:05:00Z"), now).is_ok(), "clocks differ a little");
        assert!(has_begun(&began("2027-02-03T00:05:01Z"), now).is_err());
        assert!(has_begun(&Expected::default(), now).is_ok());
        assert_eq!(moment("1801612800").unwrap(), now);
        let error = moment("1801612800000").unwrap_err();
        assert!(error.to_string().contains("milliseconds"), "{error}");
    }

    #[test]
    fn an_arn_of_something_else_is_refused() {
        let about = |expected: Expected| About {
            service: "arn:aws:ecs:eu-west-1:123456789012:service/production/web".to_owned(),
            cluster: Some("production".to_owned()),
            region: Some("eu-west-1".to_owned()),
            expected,
            ..About::default()
        };
        let rollout =
            |arn: &str| is_of(&about(Expected { service_deployment: Some(arn.to_owned()), ..Expected::default() }));
        let revision =
            |arn: &str| is_of(&about(Expected { task_definition: Some(arn.to_owned()), ..Expected::default() }));
        assert!(rollout(SERVICE_DEPLOYMENT).is_ok());
        for (of, other) in [("eu-west-1", "us-east-1"), ("123456789012", "1"), ("production", "test"), ("web", "api")] {
            let error = rollout(&SERVICE_DEPLOYMENT.replace(of, other)).unwrap_err();
            assert!(error.to_string().contains(&format!("{other}, and the")), "{error}");
        }
        assert!(revision("web:12").is_ok());
        assert!(revision("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:12").is_ok());
        assert!(revision("arn:aws:ecs:us-east-1:123456789012:task-definition/web:12").is_err());
    }

    #[test]
    fn an_image_is_a_digest_of_a_container_that_has_a_name() {
        let expecting = |text: String| sound(Expected { image_digests: vec![text], ..Expected::default() });
        let digest = format!("sha256:{}", "a".repeat(64));
        assert!(expecting(digest.clone()).is_ok());
        assert!(expecting(format!("app={digest}")).is_ok());
        assert!(expecting(format!("={digest}")).is_err());
        assert!(expecting("app=latest".to_owned()).is_err());
        let two = |of: &str| {
            sound(Expected {
                image_digests: vec![format!("app={digest}"), format!("{of}=sha256:{}", "b".repeat(64))],
                ..Expected::default()
            })
        };
        assert!(two("proxy").is_ok() && two("app").is_err());
    }
}
