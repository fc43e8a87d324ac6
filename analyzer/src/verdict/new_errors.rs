//! The check `evidence.new-errors`. It is no SQL, because the bundle does not have the evidence.

use std::collections::BTreeMap;

use super::check::{CheckVerdict, Kind};
use super::gap::Gap;
use super::outcome::{EvidenceRow, Outcome, judge};
use crate::settings::Settings;
use crate::tables::{History, NEW_ERRORS, NewError};
use crate::terms::{Conclusive, Level, Owner, Status};

/// The check. `gaps`: the log lines of the bundle that are missing.
pub(crate) fn check(history: &History, settings: &Settings, gaps: Vec<Gap>) -> CheckVerdict {
    let rows = rows(history);
    let (outcome, mut reason) = judge(&rows, &gaps, Conclusive::Fail);
    if !history.errors.is_empty() {
        let partly = partly(history).map(|partly| format!(" ({partly})")).unwrap_or_default();
        reason = format!("not logged by {}{partly}: {reason}", earlier(history));
    }
    let overrides = settings.checks.get(NEW_ERRORS);
    CheckVerdict {
        id: NEW_ERRORS.to_owned(),
        title: "Nothing logs an error that no earlier good deployment logged".to_owned(),
        kind: Kind::Check,
        level: overrides.and_then(|it| it.level).unwrap_or(Level::Advise),
        owner: overrides.and_then(|it| it.owner).unwrap_or(Owner::Service),
        conclusive: Conclusive::Fail,
        outcome,
        reason,
        counts: BTreeMap::new(),
        rows: Vec::new(),
        rows_omitted: 0,
        unknown_because: if outcome == Outcome::Unknown { gaps } else { Vec::new() },
        advice: Some(ADVICE.to_owned()),
    }
    .with_rows(rows)
    .omitting(status_of_errors(history), history.omitted)
}

const ADVICE: &str = "The lines are new in this release. If one of them shows a failure, make it a signature: `casefile mine` \
                      proposes them.";

fn rows(history: &History) -> Vec<EvidenceRow> {
    let one = |status, reason: String| vec![EvidenceRow::new(status, "log lines", reason)];
    if let Some(problem) = &history.problem {
        return one(Status::Unknown, format!("the log lines could not be compared: {problem}"));
    }
    if history.compared.is_empty() {
        return one(Status::Skip, "the archive has no earlier good deployment of the service".to_owned());
    }
    match partly(history) {
        Some(partly) if history.errors.is_empty() => return one(Status::Unknown, partly),
        None if history.errors.is_empty() => {
            return one(Status::Pass, "no error, or none that earlier good deployments did not log too".to_owned());
        }
        _ => {}
    }
    let status = status_of_errors(history);
    let row = |error: &NewError| {
        let resource = match error.container.as_str() {
            "" => "a container".to_owned(),
            name => format!("container {name}"),
        };
        EvidenceRow {
            at: error.at,
            more: [("template".to_owned(), error.template.clone())].into(),
            ..EvidenceRow::new(status, resource, error.line.clone())
        }
    };
    history.errors.iter().map(row).collect()
}

/// What was not compared may have the line.
fn status_of_errors(history: &History) -> Status {
    if partly(history).is_some() { Status::Unknown } else { Status::Fail }
}

/// What was not compared, where not all was.
fn partly(history: &History) -> Option<String> {
    match history.unread {
        0 => history.is_cut.then(|| "there are too many different lines to compare all of them".to_owned()),
        1 => Some("one earlier good deployment could not be read".to_owned()),
        unread => Some(format!("{unread} earlier good deployments could not be read")),
    }
}

/// What it was compared with, in words.
fn earlier(history: &History) -> String {
    match history.compared.len() {
        1 => "the last good deployment".to_owned(),
        many => format!("any of the last {many} good deployments"),
    }
}
