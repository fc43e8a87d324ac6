//! `gate status`: what people and jobs told the gate, and still stands.

use casefile_archive::{MARKERS, STOPS, WAIVERS};
use casefile_collector::clock::{Clock, SystemClock};
use casefile_gate::{Marker, Stop, StopKind, is_open};

use super::archive;
use super::inputs::{last, records, waivers_in};
use crate::cli::GateStatus;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Printer;
use crate::render::{self, Standing};

pub(super) async fn run(args: &GateStatus, printer: &Printer) -> Result<Exit, Error> {
    let archive = archive::open(&args.archive.archive, false).await?;
    let now = SystemClock.now();
    let of_service = |service: Option<&String>| {
        args.service.as_ref().is_none_or(|asked| service.is_none_or(|service| service == asked))
    };
    let mut standing = Standing { now, stops: Vec::new(), in_flight: Vec::new(), waivers: Vec::new() };
    for journal in archive.folders(STOPS).await? {
        let stop = last::<Stop>(&archive, &journal).await?.1;
        standing.stops.extend(stop.filter(|it| it.kind == StopKind::Stop && of_service(it.service.as_ref())));
    }
    let mut begun: Vec<Marker> = Vec::new();
    for journal in archive.folders(MARKERS).await? {
        begun.extend(last::<Marker>(&archive, &journal).await?.1);
    }
    // Read last: what has begun may have its verdict by now.
    begun.retain(|marker| of_service(Some(&marker.service)));
    let places = begun.iter().map(|marker| (marker.service.clone(), marker.region.clone())).collect();
    let records = records(&archive, &archive.entries().await?, &places).await?;
    begun.retain(|marker| is_open(marker, &records));
    standing.in_flight = begun;
    for folder in archive.folders(WAIVERS).await? {
        let mut waivers = waivers_in(&archive, &folder).await?;
        waivers.retain(|waiver| of_service(Some(&waiver.service)) && now < waiver.expires_at);
        standing.waivers.extend(waivers);
    }
    printer.result(None, |style| render::standing(&standing, args.format, style))?;
    Ok(Exit::Pass)
}
