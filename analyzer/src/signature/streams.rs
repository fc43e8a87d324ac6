//! Facts about the lines of a stream: their number, and their clocks.

use std::collections::BTreeMap;

use casefile_evidence::Timestamp;

use super::matcher::Line;

/// The lines of one stream, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StreamLines {
    pub(crate) container: Option<String>,
    pub(crate) task_id: Option<String>,
    pub(crate) lines: i64,
    /// How many were numbered, from 0 on.
    pub(crate) numbered: i64,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    /// By how many milliseconds a line's own clock was ahead of the one that took it in, at most.
    pub(crate) ahead_ms: i64,
    /// How many milliseconds a line took to arrive, at most.
    pub(crate) slowest_ms: i64,
    /// How many milliseconds a line took to arrive, at least; `None` where no line says when it arrived.
    pub(crate) quickest_ms: Option<i64>,
    /// How many lines were split and lack a part.
    pub(crate) broken: i64,
}

const QUARTER_MS: i64 = 15 * 60 * 1000;
/// By how much the quickest line of a slow clock may differ from whole quarter hours.
const CLOCK_MS: i64 = 30_000;
/// By how much lines of a slow clock may differ in the time that they take.
const STEADY_MS: i64 = 5 * 60 * 1000;

impl StreamLines {
    fn take(&mut self, line: &Line<'_>) {
        self.lines += 1;
        self.numbered = self.numbered.max(line.seq.saturating_add(1));
        self.first_at = self.first_at.min(line.timestamp);
        self.last_at = self.last_at.max(line.timestamp);
        if let Some(ingested) = line.ingestion_time {
            let took = ingested.millis_since(line.timestamp);
            self.ahead_ms = self.ahead_ms.max(-took);
            self.slowest_ms = self.slowest_ms.max(took);
            self.quickest_ms = Some(self.quickest_ms.map_or(took, |quickest| quickest.min(took)));
        }
    }

    /// By how many milliseconds the program's clock is behind, where it tells another zone's time as if it
    /// were UTC: every line comes late by the same whole number of quarter hours.
    pub(crate) fn clock_behind_ms(&self) -> i64 {
        let quickest = self.quickest_ms.unwrap_or_default();
        let behind = (quickest + CLOCK_MS).div_euclid(QUARTER_MS) * QUARTER_MS;
        let is_steady = self.slowest_ms - quickest <= STEADY_MS && (quickest - behind).abs() <= CLOCK_MS;
        if behind > 0 && is_steady { behind } else { 0 }
    }
}

/// Every stream, by its group and its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Streams(BTreeMap<String, BTreeMap<String, StreamLines>>);

impl Streams {
    /// Takes lines of one stream, of which this is the first.
    pub(super) fn take<'a>(&mut self, first: &Line<'_>, lines: impl Iterator<Item = Line<'a>>) {
        let stream = match self.0.get_mut(first.log_group).and_then(|group| group.get_mut(first.log_stream)) {
            Some(stream) => stream,
            None => {
                let group = self.0.entry(first.log_group.to_owned()).or_default();
                group.entry(first.log_stream.to_owned()).or_insert_with(|| StreamLines {
                    container: first.container.map(str::to_owned),
                    task_id: first.task_id.map(str::to_owned),
                    first_at: first.timestamp,
                    last_at: first.timestamp,
                    ..StreamLines::default()
                })
            }
        };
        lines.for_each(|line| stream.take(&line));
    }

    /// A line of a stream lacks a part.
    pub(super) fn broke(&mut self, line: &Line<'_>) {
        let stream = self.0.get_mut(line.log_group).and_then(|group| group.get_mut(line.log_stream));
        if let Some(stream) = stream {
            stream.broken += 1;
        }
    }

    pub(crate) fn get(&self, group: &str, stream: &str) -> Option<&StreamLines> {
        self.0.get(group)?.get(stream)
    }

    /// The streams in the order of their names: group, name, figures.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &StreamLines)> {
        self.0.iter().flat_map(|(group, streams)| {
            streams.iter().map(move |(stream, lines)| (group.as_str(), stream.as_str(), lines))
        })
    }
}
