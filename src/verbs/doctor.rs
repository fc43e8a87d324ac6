//! `doctor`: what would get in the way of a collection, before the first deployment.

use std::path::Path;
use std::sync::Arc;

use casefile_analyzer::lint_deadlines;
use casefile_archive::CanAdd;
use casefile_collector::aws::{Aws, ConnectOptions, Identity, ask};
use casefile_collector::clock::Clock;
use casefile_collector::document::{ApiError, Document};
use casefile_collector::normalise::account_of;

use super::look::Look;
use super::{archive, pack};
use crate::cli::Doctor;
use crate::config::{Config, Loaded, Origin};
use crate::destination::Destination;
use crate::doctor::{Finding, FindingStatus, Snapshot, call_failed};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::place::{is_free, s3_url, try_folder_of};
use crate::render;
use crate::target::{Target, Times, check};

pub(crate) async fn run(args: &Doctor, printer: &Printer) -> Result<Exit, Error> {
    let findings = examine(args).await?;
    printer.result(args.output.as_deref(), |style| render::findings(&findings, args.format, style))?;
    let worst = findings.iter().map(|finding| finding.status).max();
    Ok(match worst {
        Some(FindingStatus::Problem) => Exit::Fail,
        Some(FindingStatus::Unknown) => Exit::Inconclusive,
        _ => Exit::Pass,
    })
}

async fn examine(args: &Doctor) -> Result<Vec<Finding>, Error> {
    let (loaded, mut findings) = match Loaded::find(args.config.config.as_deref()) {
        Ok(loaded) => {
            let findings = of_config(&loaded)?;
            (loaded, findings)
        }
        // The rest can be checked all the same.
        Err(error) => (Loaded::default(), vec![Finding::error("config", &error)]),
    };
    findings.extend(args.bundle.as_deref().map(of_bundle_place));
    let times = match Times::decide(&Default::default(), &loaded.config) {
        Ok(times) => times,
        Err(error) => {
            findings.push(Finding::error("config", &error));
            Times::decide(&Default::default(), &Config::default())?
        }
    };
    findings.extend(late_signatures(&loaded, &times));
    match Target::decide(&args.target, &loaded.config) {
        Ok(target) => {
            if let Some(unused) = &target.unused {
                findings.push(Finding::warning("target", unused, "give --terraform-output as the pipeline does"));
            }
            findings.extend(of_aws(&target, &times, &loaded, args).await?);
        }
        Err(error) => findings.push(Finding::error("target", &error)),
    }
    findings.extend(of_archive(args.archive.as_deref()).await);
    Ok(findings)
}

fn of_config(loaded: &Loaded) -> Result<Vec<Finding>, Error> {
    const AREA: &str = "config";
    let Some(Origin::File(path)) = &loaded.origin else {
        let remedy = "`casefile init` writes one";
        return Ok(vec![Finding::warning(AREA, "there is no casefile.toml: no log signature is judged", remedy)]);
    };
    let pack = pack(&Default::default())?;
    if let Err(error) = check(loaded, &pack) {
        return Ok(error.to_string().lines().map(|problem| Finding::error(AREA, &problem)).collect());
    }
    let count = loaded.config.signature.len();
    let text = format!("{}: {count} signatures", path.display());
    Ok(vec![if count == 0 {
        let remedy = "no log line of the service is checked: add [[signature]], or run `casefile init`";
        Finding::warning(AREA, text, remedy)
    } else {
        Finding::ok(AREA, text)
    }])
}

/// Signatures that the timeout leaves undecided.
fn late_signatures(loaded: &Loaded, times: &Times) -> Vec<Finding> {
    let late = lint_deadlines(&loaded.config.settings(), times.pace.timeout, times.ingestion_grace);
    loaded.locate(late).iter().map(|late| Finding::error("config", late)).collect()
}

/// Findings that need AWS.
async fn of_aws(target: &Target, times: &Times, loaded: &Loaded, args: &Doctor) -> Result<Vec<Finding>, Error> {
    let quotas = match loaded.config.collect.quotas() {
        Ok(quotas) => quotas,
        Err(error) => return Ok(vec![Finding::error("config", &error)]),
    };
    let connect = ConnectOptions { quotas, ..args.connect.options(target.region.clone()) };
    let aws = match Aws::connect(connect).await {
        Ok(aws) => aws,
        Err(error) => return Ok(vec![Finding::error("credentials", &error)]),
    };
    let named = account_of(&target.named.service).or_else(|| account_of(&target.named.cluster));
    let account = loaded.config.target.account.as_deref().or(named);
    let mut findings = vec![of_identity(&aws.identity().await, account, aws.region())];
    let clock: Arc<dyn Clock> = crate::target::clock_of(args.clock.as_deref())?;
    let speed = clock.speed();
    let look = Look::at(&aws, target, times, clock, loaded).await;
    findings.extend(aws.skew_ms().filter(|_| speed <= 1.0).map(of_clock));
    match look {
        Ok(look) => {
            let mut snapshot = Snapshot::of(&look.bundle)?;
            for group in snapshot.groups_not_asked() {
                let mut take = |document: Document| snapshot.take_group(&group, &document);
                ask::describe_log_group(&aws, &ask::LogGroup::new(&aws, &group), &mut take).await;
            }
            findings.extend(snapshot.findings(&loaded.config.settings()));
            findings.extend(reads_one_stream(&aws, &snapshot).await);
        }
        Err(Error::Collect(error)) => findings.push(Finding::error("service", &error)),
        Err(error @ Error::Usage(_)) => findings.push(Finding::error("config", &error)),
        Err(error) => return Err(error),
    }
    Ok(findings)
}

/// `account`: the one that the target is in, where it is known.
fn of_identity(asked: &Result<Identity, ApiError>, account: Option<&str>, region: &str) -> Finding {
    const AREA: &str = "credentials";
    match asked {
        Ok(identity) => {
            let text = format!("{} in {region}", identity.arn);
            match account.filter(|account| *account != identity.account) {
                Some(account) => Finding::problem(
                    AREA,
                    format!("{text}: account {}, and the target is in {account}", identity.account),
                    "use credentials of that account, or change [target] account",
                ),
                None => Finding::ok(AREA, text),
            }
        }
        Err(error) if error.is_of_credentials() => {
            let text = format!("{}: {}", error.code, error.message);
            Finding::problem(AREA, text, "renew the credentials; `aws sts get-caller-identity` tests them")
        }
        // Every caller may ask. An endpoint that is not AWS may not know the call; the calls below use the credentials.
        Err(error) => Finding::warning(
            AREA,
            format!("credentials found; STS did not return the caller ({})", error.code),
            "not needed to collect; `aws sts get-caller-identity` shows whose they are",
        ),
    }
}

fn of_clock(skew_ms: i64) -> Finding {
    const TOLERATED_MS: u64 = 5_000;
    let (seconds, tenths) = (skew_ms.unsigned_abs() / 1000, skew_ms.unsigned_abs() % 1000 / 100);
    let text = format!("this machine's clock differs from AWS's by {seconds}.{tenths} s");
    if skew_ms.unsigned_abs() > TOLERATED_MS {
        Finding::warning("clock", text, "synchronize the clock (NTP); until then, evidence uses AWS's time")
    } else {
        Finding::ok("clock", text)
    }
}

/// GetLogEvents, which a collection uses where FilterLogEvents does not do: one call, of the newest stream.
async fn reads_one_stream(aws: &Aws, snapshot: &Snapshot) -> Option<Finding> {
    let newest = snapshot.streams.iter().max_by_key(|row| row.last_event_at.or(row.created_at))?;
    let (group, lines) = (ask::LogGroup::new(aws, &newest.log_group), ask::Lines::Alone(newest.log_stream.clone()));
    let cursor = ask::LogCursor::new(1, aws.now(), Some(aws.now()));
    let asked = ask::read_lines(aws, &group, &lines, cursor, |_| std::future::ready(())).await;
    asked.error.map(|error| call_failed("logs:GetLogEvents", &error, None))
}

async fn of_archive(place: Option<&str>) -> Option<Finding> {
    const AREA: &str = "archive";
    // An empty variable is no archive.
    let place = place.filter(|place| !place.is_empty())?;
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
        Ok(CanAdd::Overwrites) => Finding::problem(
            AREA,
            format!("{place}: the store ignores If-None-Match and overwrites existing objects"),
            "use a store with conditional writes: here a bundle could be replaced",
        ),
        Ok(CanAdd::Empty) => Finding::unknown(
            AREA,
            format!("{place}: it has no verdict yet, so whether it can be added to was not checked"),
            "check the prefix; the first `validate --archive` will show it",
        ),
        Err(error) => Finding::error(AREA, &error),
    })
}

/// Whether a bundle can be written where it is to go.
fn of_bundle_place(bundle: &Path) -> Finding {
    const AREA: &str = "output";
    let there = match Destination::decide(Some(bundle), Default::default) {
        Ok(destination) => destination.path,
        Err(error) => return Finding::error(AREA, &error),
    };
    if let Err(error) =
        is_free(&there, "exists already, and a bundle is never overwritten: give another name, or remove it")
    {
        return Finding::error(AREA, &error);
    }
    match try_folder_of(&there) {
        Ok(()) => Finding::ok(AREA, format!("{} can be written", bundle.display())),
        Err(error) => Finding::problem(AREA, format!("{}: {error}", there.display()), "let this user write there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_another_account_are_a_problem() {
        let identity = Ok(Identity { account: "1".to_owned(), arn: "arn:aws:sts::1:assumed-role/ci/x".to_owned() });
        assert_eq!(of_identity(&identity, Some("1"), "eu-west-1").status, FindingStatus::Ok);
        assert_eq!(of_identity(&identity, None, "eu-west-1").status, FindingStatus::Ok);
        let other = of_identity(&identity, Some("2"), "eu-west-1");
        assert!(other.status == FindingStatus::Problem && other.text.contains("account 1, and the target is in 2"));
        let error = |code: &str| Err(ApiError { code: code.to_owned(), message: String::new() });
        assert_eq!(of_identity(&error("ExpiredToken"), None, "eu-west-1").status, FindingStatus::Problem);
        assert_eq!(of_identity(&error(ApiError::NO_ANSWER), None, "eu-west-1").status, FindingStatus::Warning);
    }

    #[test]
    fn a_clock_may_be_five_seconds_off() {
        assert_eq!(of_clock(-4_900).status, FindingStatus::Ok);
        assert_eq!(of_clock(5_100).status, FindingStatus::Warning);
    }

    #[test]
    fn a_bundle_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of_bundle_place(&folder.path().join("new/rollout.bundle")).status, FindingStatus::Ok);
        assert_eq!(of_bundle_place(folder.path()).status, FindingStatus::Problem);
    }
}
