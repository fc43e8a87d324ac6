//! `demo`: plays a case as an AWS endpoint on loopback and judges it, as a pipeline would.

use std::sync::Arc;

use casefile_analyzer::nearest;
use casefile_collector::aws::{ConnectOptions, CredentialsSource};
use casefile_collector::clock::ScaledClock;
use casefile_fixtures::cases::{self, Case};
use casefile_fixtures::endpoint::{Endpoint, Playback, World};

use super::check_reports;
use super::collect::Job;
use super::validate::{Ends, LastLines, validate};
use crate::cli::{AwsArgs, ConnectArgs, Demo, ExpectArgs, PaceArgs, TargetArgs};
use crate::config::Loaded;
use crate::error::Error;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Printer;
use crate::target::{Target, Times};

pub(crate) async fn run(args: &Demo, printer: &Printer) -> Result<Exit, Error> {
    if args.list {
        return list(printer);
    }
    check_reports(&args.report, None)?;
    if !(args.speed > 0.0 && args.speed <= 500.0) {
        return Err(Error::usage(
            "--speed is a factor above 0 and at most 500, e.g. 60: played faster, a rollout is over before the first look",
        ));
    }
    let case = cases::by_name(&args.case).ok_or_else(|| unknown(&args.case))?;
    let recording = case.recording()?;
    let origin = recording.snapshots.first().and_then(|snapshot| snapshot.observed_at);
    let origin = origin.ok_or_else(|| Error::internal("the recording has no first moment"))?;

    let world = World::open(&recording).map_err(Error::internal)?;
    let playback = Playback { speed: args.speed, origin, rebase: false };
    let endpoint =
        Endpoint::start(world, playback, case.toml.faults()).await.map_err(Error::io("open", "a port on loopback"))?;
    printer.note(&format!("{}: {}", case.name, case.toml.title));
    printer.note(&format!("playing it {} times as fast as an AWS endpoint at {}\n", args.speed, endpoint.url()));

    let config = Loaded::for_case(args.judge.config.config.as_deref(), &case)?;
    let info = &recording.info;
    let target = TargetArgs {
        service: info.service.clone(),
        cluster: info.cluster.clone(),
        region: info.region.clone(),
        expect: ExpectArgs {
            expect_task_definition: info.expect_task_definition.clone(),
            expect_service_deployment: info.expect_service_deployment.clone(),
            expect_deployment: info.expect_deployment.clone(),
            started_after: info.started_after.map(|at| at.to_string()),
            require_rollout: info.require_rollout,
            release: info.release.clone(),
            expect_image_digest: info.expect_image_digest.clone(),
        },
        terraform_output: None,
    };
    let mut times = Times::decide(&PaceArgs::default(), &config.config)?;
    // A poll a real second at the most: played fast, polling as often as in production would only heat.
    times.pace.poll = times
        .pace
        .poll
        .max(std::time::Duration::from_secs_f64(args.speed / 10.0).min(std::time::Duration::from_secs(10)));
    let output = args.output.output.clone().unwrap_or_else(|| kept(&case));
    let job = Job {
        target: Target::decide(&target, &config.config)?,
        aws: AwsArgs {
            connect: ConnectArgs { endpoint_url: Some(endpoint.url()), ..ConnectArgs::default() },
            ..AwsArgs::default()
        },
        connect: ConnectOptions {
            credentials: CredentialsSource::Fixed {
                access_key_id: "demo".to_owned(),
                secret_access_key: "demo".to_owned(),
            },
            // Fast playback polls more often, so AWS's back-off times do not fit.
            initial_backoff: std::time::Duration::from_millis(20),
            adaptive: false,
            ..ConnectOptions::default()
        },
        times,
        clock: Arc::new(ScaledClock::new(origin, args.speed)),
        output: Some(output.clone()),
        loaded: config,
        interrupt: Interrupt::watch()?,
    };
    let ends = Ends { last_lines: LastLines::Awaited, archive: None };
    let exit = validate(job, ends, &args.report, &args.judge, printer).await?;
    if output.exists() {
        printer.note(&format!(
            "\nlook closer:  casefile inspect {0}\n              casefile replay {0}",
            output.display()
        ));
    }
    Ok(exit)
}

fn list(printer: &Printer) -> Result<Exit, Error> {
    let lines = cases::all()
        .iter()
        .map(|case| format!("{:<74} {:<13} {}\n", case.name, case.toml.verdict, case.toml.title))
        .collect::<String>();
    printer.stdout(&lines)?;
    Ok(Exit::Pass)
}

fn unknown(name: &str) -> Error {
    let names: Vec<String> = cases::all().into_iter().map(|case| case.name).collect();
    let near = nearest(name, names.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
    Error::usage(format!("there is no case {name:?}: {near}`casefile demo --list` lists the {} of them", names.len()))
}

/// The bundle outlives the run, so that it can be looked at.
fn kept(case: &Case) -> std::path::PathBuf {
    let name = format!("casefile-demo-{}-{}.bundle", case.name, std::process::id());
    std::env::temp_dir().join(name)
}
