//! What stands in the way of deployments, or lets them through.

use casefile_evidence::Timestamp;
use casefile_gate::{Kind, Marker, Stop, Waiver};
use serde_json::json;

use super::page::{Page, Role};
use super::{Style, json as json_line};
use crate::error::Error;
use crate::format::TextFormat;

/// Stops, deployments in flight and waivers that stand at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) now: Timestamp,
    pub(crate) stops: Vec<Stop>,
    pub(crate) in_flight: Vec<Marker>,
    pub(crate) waivers: Vec<Waiver>,
}

/// # Errors
/// Only by a fault of this program.
pub(crate) fn standing(standing: &Standing, format: TextFormat, style: Style) -> Result<String, Error> {
    let Standing { now, stops, in_flight, waivers } = standing;
    if format == TextFormat::Json {
        return json_line(&json!({ "now": now, "stops": stops, "in_flight": in_flight, "waivers": waivers }));
    }
    let mut page = Page::new(style);
    for Stop { service, by, at, why, .. } in stops {
        let what = service.as_deref().unwrap_or("every service");
        page.item(0, 11, Role::Fail, "stopped    ", &format!("{what}, by {by} at {at}: {why}"));
    }
    for Marker { service, region, release, by, at, .. } in in_flight {
        let text = format!("{service} {release} to {region}, begun by {by} at {at}");
        page.item(0, 11, Role::Inconclusive, "in flight  ", &text);
    }
    for waiver in waivers {
        let Waiver { service, release, region, reasons, why, expires_at, approved_by, .. } = waiver;
        let asked = if waiver.kind == Kind::Service { ", by what it needs" } else { "" };
        let reasons: Vec<String> =
            reasons.iter().map(|reason| format!("{} in {}", reason.code, reason.region)).collect();
        let approved: Vec<&str> = approved_by.iter().map(String::as_str).collect();
        let mut text = format!(
            "{service} {release} to {region}{asked}: {}; until {expires_at}, approved by {}: {why}",
            reasons.join(", "),
            approved.join(", ")
        );
        if let Some(at) = waiver.review_by {
            text += &format!("; to be reviewed by {at}");
        }
        page.item(0, 11, Role::Strong, "waived     ", &text);
    }
    if stops.is_empty() && in_flight.is_empty() && waivers.is_empty() {
        page.line(0, Role::Plain, "nothing is stopped, in flight or waived");
    }
    page.line(0, Role::Dim, &format!("as of {now}"));
    Ok(page.finish())
}
