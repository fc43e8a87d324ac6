//! `gate plan`: how far the services of a train have come.

use std::collections::{BTreeMap, BTreeSet};

use casefile_collector::clock::{Clock, SystemClock};
use casefile_gate::{Inputs, Planned, Policy, Record, plan};

use super::inputs::{check, of_archive, signatures};
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
    let releases = train.policies().filter_map(|(service, _)| {
        let named = named.get(service).copied().or(args.release.as_deref());
        let planned = match named {
            Some(release) => Some(Planned::named(release, service, &inputs.records)),
            None => Planned::newest(service, &inputs.records),
        };
        Some((service.to_owned(), planned?))
    });
    let releases: BTreeMap<String, Planned> = releases.collect();
    // Of all that is known only what the answers depend on is compared with the verdicts, each once, and looked at for
    // signatures.
    let asked = casefile_gate::questions(&train, &releases)?.into_iter();
    let asked = asked.map(|(question, policy)| (inputs.clone().narrowed(&question, policy), policy));
    let asked: Vec<(Inputs, &Policy)> = asked.collect();
    let needed: BTreeSet<&Record> = asked.iter().flat_map(|(needed, _)| &needed.records).collect();
    check(&archive, needed, &entries).await?;
    for (needed, policy) in &asked {
        for (digest, by) in signatures(&archive, needed, policy).await? {
            inputs.signatures.entry(digest).or_default().extend(by);
        }
    }
    let plan = plan(&train, &releases, &inputs, now, ENGINE)?;
    printer.result(args.output.as_deref(), |style| render::plan(&plan, args.format, style))?;
    Ok(Exit::Pass)
}
