//! Freezes: when nothing may be deployed.

use casefile_evidence::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, ZonedDateTime};
use serde::{Deserialize, Serialize};

/// A freeze: once, from a date and time to another; or on days of the week, from a time of day to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// The beginning: `2026-12-20T00:00`, or `16:00` with `days`.
    pub from: String,
    /// The end, which is not part of it. A time of day that is not after `from` is that of the next day.
    pub to: String,
    /// The time zone, `Europe/Zurich`; UTC where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// The days of the week on which it begins: `mon`, `tue`, ... .
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<String>,
    /// Why.
    pub why: String,
}

impl Freeze {
    /// The end of the freeze, where `now` is within it.
    ///
    /// # Errors
    /// A text that is no time, day or time zone.
    pub(crate) fn until(&self, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let zone = match &self.tz {
            Some(name) => TimeZone::get(name).map_err(|_| format!("tz = {name:?} is not a time zone"))?,
            None => TimeZone::UTC,
        };
        let windows = if self.days.is_empty() { vec![self.once(&zone)?] } else { self.weekly(&zone, now)? };
        let within = windows.into_iter().filter(|(from, to)| *from <= now && now < *to).map(|(_, to)| to);
        Ok(within.max())
    }

    fn once(&self, zone: &TimeZone) -> Result<(Timestamp, Timestamp), String> {
        let read = |text: &str| {
            if let Ok(at) = Timestamp::parse(text) {
                return Ok(at);
            }
            let local: DateTime = text.parse().map_err(|_| {
                format!("{text:?} is not a date and time such as \"2026-12-20T00:00\"; a time of day needs `days`")
            })?;
            local.to_zoned_datetime(zone.clone()).map(|at| moment(&at)).map_err(|error| error.to_string())
        };
        let (from, to) = (read(&self.from)?, read(&self.to)?);
        if to > from { Ok((from, to)) } else { Err(format!("it ends ({}) before it begins ({})", self.to, self.from)) }
    }

    /// The windows that may contain `now`: those that began within the last week.
    fn weekly(&self, zone: &TimeZone, now: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>, String> {
        let time = |text: &str| {
            if text == "24:00" {
                return Ok(Time::midnight());
            }
            text.parse::<Time>().map_err(|_| format!("{text:?} is not a time of day such as \"16:00\""))
        };
        let (from, to) = (time(&self.from)?, time(&self.to)?);
        let days: Vec<Weekday> = self.days.iter().map(|day| weekday(day)).collect::<Result<_, _>>()?;
        let now = jiff::Timestamp::from_millisecond(now.0).map_err(|error| error.to_string())?;
        let today = now.to_zoned_datetime(zone.clone()).date();
        let mut windows = Vec::new();
        for back in 0..=1_i64 {
            let day = today.checked_sub(back.days()).map_err(|error| error.to_string())?;
            if !days.contains(&day.weekday()) {
                continue;
            }
            let end = if to > from { day } else { day.tomorrow().map_err(|error| error.to_string())? };
            let at = |date: jiff::civil::Date, time: Time| {
                date.to_datetime(time)
                    .to_zoned_datetime(zone.clone())
                    .map(|at| moment(&at))
                    .map_err(|error| error.to_string())
            };
            windows.push((at(day, from)?, at(end, to)?));
        }
        Ok(windows)
    }
}

fn moment(at: &ZonedDateTime) -> Timestamp {
    Timestamp(at.timestamp().as_millisecond())
}

fn weekday(text: &str) -> Result<Weekday, String> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return Err(format!("{text:?} is not a day: write mon, tue, wed, thu, fri, sat or sun")),
    })
}
