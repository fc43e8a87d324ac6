//! `doctor`: what would get in the way of a collection, before the first deployment.

use std::path::Path;
use std::sync::Arc;

use casefile_analyzer::lint_deadlines;
use casefile_archive::CanAdd;
use casefile_collector::aws::{Aws, ConnectOptions, ask};
use casefile_collector::clock::Clock;
use casefile_collector::document::Document;
use casefile_evidence::tables::LogStreamRow;

use super::look::Look;
use super::{archive, pack};
use crate::cli::Doctor;
use crate::config::{Loaded, Origin};
use crate::destination::Destination;
use crate::doctor::{Finding, Seen, Standing};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::place::s3_url;
use crate::render;
use crate::target::{Target, Times, account_of, check};

pub(crate) async fn run(args: &Doctor, printer: &Printer) -> Result<Exit, Error> {
    let findings = examine(args).await?;
    printer.result(args.output.as_deref(), |style| render::findings(&findings, args.format, style))?;
    let worst = findings.iter().map(|finding| finding.standing).max();
    Ok(match worst {
        Some(Standing::Problem) => Exit::Fail,
        Some(Standing::Unknown) => Exit::Inconclusive,
        _ => Exit::Pass,
    })
}

async fn examine(args: &Doctor) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let loaded = match Loaded::find(args.config.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(error) => return Ok(vec![Finding::error("config", &error)]),
    };
    let times = Times::decide(&Default::default(), &loaded.config)?;
    findings.extend(config(&loaded, &times)?);
    findings.extend(args.bundle.as_deref().map(place_of_bundle));
    let target = match Target::decide(&args.target, &loaded.config) {
        Ok(target) => target,
        Err(error) => {
            findings.push(Finding::error("target", &error));
            findings.extend(archive_of(args.archive.as_deref()).await);
            return Ok(findings);
        }
    };
    if let Some(unused) = &target.unused {
        findings.push(Finding::warning("target", unused, "give --terraform-output as the pipeline does"));
    }
    let connect = ConnectOptions {
        region: target.region.clone(),
        profile: args.profile.clone(),
        endpoint_url: args.endpoint_url.clone(),
        quotas: loaded.config.collect.quotas()?,
        ..ConnectOptions::default()
    };
    match Aws::connect(connect).await {
        Ok(aws) => findings.extend(aws_findings(&aws, &target, &times, &loaded, args).await?),
        Err(error) => findings.push(Finding::error("credentials", &error)),
    }
    findings.extend(archive_of(args.archive.as_deref()).await);
    Ok(findings)
}

fn config(loaded: &Loaded, times: &Times) -> Result<Vec<Finding>, Error> {
    const AREA: &str = "config";
    let Some(Origin::File(path)) = &loaded.origin else {
        let remedy = "`casefile init` writes one";
        return Ok(vec![Finding::warning(AREA, "there is no casefile.toml: no log signature is judged", remedy)]);
    };
    let pack = pack(&Default::default())?;
    if let Err(error) = check(loaded, &pack) {
        return Ok(vec![Finding::error(AREA, &error)]);
    }
    let count = loaded.config.signature.len();
    let text = format!("{}: {count} signatures", path.display());
    let mut findings = vec![if count == 0 {
        Finding::warning(
            AREA,
            text,
            "nothing of the service's own is confirmed: add [[signature]], or run `casefile init`",
        )
    } else {
        Finding::ok(AREA, text)
    }];
    let late = lint_deadlines(&loaded.config.settings(), times.pace.timeout, times.ingestion_grace);
    findings.extend(loaded.locate(late).iter().map(|late| Finding::error(AREA, late)));
    Ok(findings)
}

/// Findings that need AWS.
async fn aws_findings(
    aws: &Aws,
    target: &Target,
    times: &Times,
    loaded: &Loaded,
    args: &Doctor,
) -> Result<Vec<Finding>, Error> {
    let mut findings = vec![identity(aws, target, loaded).await];
    let clock: Arc<dyn Clock> = crate::target::clock_of(args.clock.as_deref())?;
    let speed = clock.speed();
    let look = Look::at(aws, target, times, clock, loaded).await;
    findings.extend(aws.skew_ms().filter(|_| speed <= 1.0).map(clock_of));
    match look {
        Ok(look) => {
            let mut seen = Seen::of(&look.bundle)?;
            for (group, region) in seen.groups_not_asked() {
                let region = region.as_deref().unwrap_or(aws.region());
                let mut take = |document: Document| seen.take_group(&group, &document);
                ask::describe_log_group(aws, region, &group, &mut take).await;
            }
            findings.extend(seen.findings(&loaded.config.settings()));
            findings.extend(reads_one_stream(aws, &seen.streams).await);
        }
        Err(Error::Collect(error)) => findings.push(Finding::error("service", &error)),
        Err(error) => return Err(error),
    }
    Ok(findings)
}

async fn identity(aws: &Aws, target: &Target, loaded: &Loaded) -> Finding {
    const AREA: &str = "credentials";
    let region = aws.region();
    match aws.identity().await {
        Ok(identity) => {
            let text = format!("{} in {region}", identity.arn);
            let named = account_of(&target.named.service).or_else(|| account_of(&target.named.cluster));
            let wanted = loaded.config.target.account.as_deref().or(named);
            match wanted.filter(|wanted| *wanted != identity.account) {
                Some(wanted) => Finding::problem(
                    AREA,
                    format!("{text}: account {}, and the target is in {wanted}", identity.account),
                    "use credentials of that account, or mend [target] account",
                ),
                None => Finding::ok(AREA, text),
            }
        }
        Err(error) if error.is_of_credentials() => {
            let text = format!("{}: {}", error.code, error.message);
            Finding::problem(AREA, text, "renew the credentials; `aws sts get-caller-identity` tries them")
        }
        // Every caller may ask; an endpoint that is not AWS may not know the call.
        Err(error) => {
            let text = format!("found, used in {region}; STS did not say whose they are ({})", error.code);
            Finding::ok(AREA, text)
        }
    }
}

fn clock_of(skew_ms: i64) -> Finding {
    const TOLERATED_MS: u64 = 5_000;
    let text = format!("{}.{} s from AWS's", skew_ms.unsigned_abs() / 1000, skew_ms.unsigned_abs() % 1000 / 100);
    if skew_ms.unsigned_abs() > TOLERATED_MS {
        Finding::warning("clock", text, "set the clock by NTP; the evidence is timed by AWS's clock meanwhile")
    } else {
        Finding::ok("clock", text)
    }
}

/// GetLogEvents, which a collection uses where FilterLogEvents does not do: one call, of the newest stream.
async fn reads_one_stream(aws: &Aws, streams: &[LogStreamRow]) -> Option<Finding> {
    let newest = streams.iter().max_by_key(|row| row.last_event_at.or(row.created_at))?;
    let lines = ask::Lines::Alone(newest.log_stream.clone());
    let cursor = ask::LogCursor { from: Some(aws.now()), token: None };
    let asked = ask::read_lines(aws, aws.region(), &newest.log_group, &lines, cursor, |_| std::future::ready(())).await;
    let error = asked.error?;
    let text = format!("logs:GetLogEvents: {}: {}", error.code, error.message);
    Some(Finding::problem("permissions", text, "allow logs:GetLogEvents on the log group and its streams"))
}

async fn archive_of(place: Option<&str>) -> Option<Finding> {
    const AREA: &str = "archive";
    let place = place?;
    let archive = match archive::open(place, false).await {
        Ok(archive) => archive,
        Err(error) => return Some(Finding::error(AREA, &error)),
    };
    if s3_url(Path::new(place)).is_none() {
        return Some(match tempfile::tempfile_in(place) {
            Ok(_) => Finding::ok(AREA, format!("{place}: can be written")),
            Err(error) => Finding::problem(AREA, format!("{place}: {error}"), "let this user write there"),
        });
    }
    Some(match archive.can_add().await {
        Ok(CanAdd::Yes) => Finding::ok(AREA, format!("{place}: can be listed and added to")),
        Ok(CanAdd::No(said)) => Finding::problem(
            AREA,
            format!("{place}: {said}"),
            format!("`casefile archive roles --archive {place}` prints the policy of the role that adds"),
        ),
        Ok(CanAdd::Unknown) => Finding::warning(
            AREA,
            format!("{place}: nothing is in it yet, so whether bundles may be added was not tried"),
            "check the prefix; the first `validate --archive` tells",
        ),
        Err(error) => Finding::error(AREA, &error),
    })
}

/// Whether a bundle can be written where it is to go.
fn place_of_bundle(bundle: &Path) -> Finding {
    const AREA: &str = "output";
    let there = match Destination::decide(Some(bundle), Default::default) {
        Ok(destination) => destination.path,
        Err(error) => return Finding::error(AREA, &error),
    };
    if there.exists() {
        let remedy = "a bundle is never overwritten: give another name, or remove it";
        return Finding::problem(AREA, format!("{} exists already", there.display()), remedy);
    }
    // The folders that are not there yet are made.
    let folder = there.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match tempfile::tempfile_in(folder) {
        Ok(_) => Finding::ok(AREA, format!("{} can be written", bundle.display())),
        Err(error) => Finding::problem(AREA, format!("{}: {error}", folder.display()), "let this user write there"),
    }
}
