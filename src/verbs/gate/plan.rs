//! `gate plan`: how far the services of a train have come.

use std::collections::BTreeMap;

use casefile_collector::clock::{Clock, SystemClock};
use casefile_gate::{Planned, plan};

use super::inputs::{of_archive, signatures};
use super::{ENGINE, archive, moment};
use crate::cli::GatePlan;
use crate::config::read_train;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::render;

pub(super) async fn run(args: &GatePlan, printer: &Printer) -> Result<Exit, Error> {
    let train = read_train(&args.policy)?;
    let named: BTreeMap<&str, &str> = args.release_of.iter().map(|(service, name)| (&**service, &**name)).collect();
    for service in named.keys() {
        train.policy(service)?;
    }
    let now = moment(args.now.as_deref())?.unwrap_or_else(|| SystemClock.now());
    let archive = archive::open(&args.archive.archive, false).await?;
    let places: Vec<(String, String)> = train
        .policies()
        .flat_map(|(service, policy)| policy.waves.iter().flatten().map(|region| (service.to_owned(), region.clone())))
        .collect();
    let (mut inputs, entries) = of_archive(&archive, &places.iter().cloned().collect(), &places).await?;
    for (_, policy) in train.policies() {
        for (digest, by) in signatures(&archive, &inputs, policy, &entries).await? {
            inputs.signatures.entry(digest).or_default().extend(by);
        }
    }
    let releases = train.policies().filter_map(|(service, _)| {
        let named = named.get(service).copied().or(args.release.as_deref());
        let planned = match named {
            Some(release) => Some(Planned::named(release, service, &inputs.records)),
            None => Planned::newest(service, &inputs.records),
        };
        Some((service.to_owned(), planned?))
    });
    let plan = plan(&train, &releases.collect(), &inputs, now, ENGINE)?;
    printer.result(args.output.as_deref(), |style| render::plan(&plan, args.format, style))?;
    Ok(Exit::Pass)
}
