//! How the folders and files of a recording are named.

use std::path::Path;

use casefile_evidence::Timestamp;

/// The folder of the log files that do not name their stream.
const LOGS: &str = "logs";

/// The moment that a folder's name says: RFC 3339 with '-' for ':', e.g. `2026-11-23T07-43-00Z`. Fractions, offsets and ':' are
/// read too.
pub fn snapshot_time(name: &str) -> Option<Timestamp> {
    // 2026-11-23T07-43-00...: only the '-' of the time and of an offset stand for ':'.
    let (date, time) = name.split_once(['T', 't'])?;
    let (time, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, "Z".to_owned()),
        None => {
            let (time, offset) = time.split_at_checked(time.len().checked_sub(6)?)?;
            (time, offset.get(..3)?.to_owned() + &offset.get(3..)?.replace('-', ":"))
        }
    };
    Timestamp::parse(&format!("{date}T{}{offset}", time.replace('-', ":"))).ok()
}

/// Whether a folder's name starts with a date, so that it was surely meant to be a snapshot's.
pub(super) fn is_dated(name: &str) -> bool {
    let shape: String = name.chars().take(11).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    matches!(shape.as_str(), "0000-00-00T" | "0000-00-00t" | "0000-00-00_" | "0000-00-00 ")
}

/// The group and stream that the path of a log file says, within its snapshot:
/// `logs/<group, '/' as '__'>/<stream, '/' as '__'>.json`.
pub(super) fn named_stream(path: &Path) -> Option<(String, String)> {
    let parts: Vec<&str> = path.iter().map(|part| part.to_str()).collect::<Option<_>>()?;
    let [LOGS, group, file] = parts.as_slice() else { return None };
    let stream = file.strip_suffix(".json").filter(|stream| !stream.is_empty())?;
    Some((group.replace("__", "/"), stream.replace("__", "/")))
}
