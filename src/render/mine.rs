//! Proposed signatures, and lines that are new.

use casefile_mine::{Contrast, Expect, NewError, Proposal};
use serde_json::json;

use super::Style;
use super::page::{Page, Role};
use super::text::{count, short_digest, span, visible};
use crate::error::Error;
use crate::format::MineFormat;

/// Proposals, in any format.
///
/// # Errors
/// Only by a fault of this program.
pub(crate) fn mined(found: &Contrast, format: MineFormat, style: Style) -> Result<String, Error> {
    let proposals = || found.failures.iter().chain(&found.successes);
    match format {
        MineFormat::Terminal => Ok(terminal(found, style)),
        MineFormat::Toml => Ok(proposals().map(|proposal| proposal.toml() + "\n").collect()),
        MineFormat::Json => super::json(&json!({
            "good": found.good,
            "bad": found.bad,
            "unlabelled": found.unlabelled,
            "proposals": proposals().map(|proposal| document(proposal, found)).collect::<Vec<_>>(),
        })),
    }
}

/// How many deployments of its own side a proposal's lines are in, of how many; and of the other side.
fn sides(proposal: &Proposal, found: &Contrast) -> (usize, usize) {
    match proposal.expect {
        Expect::Failure => (found.bad, found.good),
        Expect::Success => (found.good, found.bad),
    }
}

fn document(proposal: &Proposal, found: &Contrast) -> serde_json::Value {
    let (of_own, of_other) = sides(proposal, found);
    json!({
        "id": proposal.id,
        "expect": if proposal.expect == Expect::Failure { "failure" } else { "success" },
        "template": proposal.template,
        "pattern": proposal.pattern,
        "container": proposal.container,
        "support": proposal.support,
        "of": of_own,
        "against": proposal.against,
        "of_others": of_other,
        "precision": proposal.precision,
        "recall": proposal.recall,
        "within_s": proposal.within_s,
        "first": { "bundle": proposal.first.deployment, "after_ms": proposal.first.moment_ms },
        "examples": proposal.examples,
        "grouped": proposal.others,
        "toml": proposal.toml(),
    })
}

fn terminal(found: &Contrast, style: Style) -> String {
    let mut page = Page::new(style);
    let (bad, good) = (
        count(found.bad, "failed deployment", "failed deployments"),
        count(found.good, "good deployment", "good deployments"),
    );
    let unknown = match found.unlabelled {
        0 => String::new(),
        number => format!("; {number} are neither"),
    };
    page.line(0, Role::Plain, &format!("{bad} and {good} were compared{unknown}"));
    for (head, proposals) in [
        ("Lines of failed deployments that good ones do not log", &found.failures),
        ("Lines of every good deployment that failed ones do not log in time", &found.successes),
    ] {
        page.gap();
        page.line(0, Role::Strong, head);
        if proposals.is_empty() {
            let none = match (found.bad, found.good) {
                (0, _) => "none: no deployment is known to have failed (casefile archive label says otherwise)",
                (_, 0) => "none: no deployment is known to be good (casefile archive label says otherwise)",
                _ => "none",
            };
            page.line(2, Role::Dim, none);
        }
        for (number, proposal) in proposals.iter().enumerate() {
            let (of_own, of_other) = sides(proposal, found);
            let lead = format!("{:>2}. ", number + 1);
            page.item(0, 4, Role::Strong, &lead, &visible(&proposal.template));
            let container = match proposal.container.as_str() {
                "" => String::new(),
                container => format!("container {container}, "),
            };
            let others = match proposal.others {
                0 => String::new(),
                number => format!("; {} of the same deployments", count(number, "further line", "further lines")),
            };
            page.line(
                4,
                Role::Plain,
                &format!(
                    "{container}in {} of {of_own}, and in {} of {of_other} others; first in {} after {}{others}",
                    proposal.support,
                    proposal.against,
                    short_digest(&proposal.first.deployment),
                    span(proposal.first.moment_ms),
                ),
            );
            if let Some(example) = proposal.examples.first() {
                page.message(4, &visible(example));
            }
        }
    }
    page.gap();
    page.line(
        0,
        Role::Dim,
        "Proposals. --format toml prints the signatures; `casefile backtest` tries them on the archive.",
    );
    page.finish()
}

/// Errors that are new in a deployment, in any format.
///
/// # Errors
/// Only by a fault of this program.
pub(crate) fn new_errors(
    found: &[NewError],
    earlier: usize,
    format: MineFormat,
    style: Style,
) -> Result<String, Error> {
    if format == MineFormat::Toml {
        return Err(Error::usage("--new-in proposes no signatures: use --format terminal or json"));
    }
    if format == MineFormat::Json {
        let errors = found.iter().map(|error| {
            json!({ "template": error.template, "container": error.container, "after_ms": error.moment_ms, "example": error.example })
        });
        return super::json(&json!({ "earlier": earlier, "errors": errors.collect::<Vec<_>>() }));
    }
    let mut page = Page::new(style);
    let earlier = count(earlier, "earlier good deployment", "earlier good deployments");
    match found {
        [] => page.line(0, Role::Plain, &format!("no error that {earlier} did not log too")),
        found => page.line(
            0,
            Role::Strong,
            &format!("{} that none of {earlier} logged:", count(found.len(), "error", "errors")),
        ),
    }
    for error in found {
        page.line(2, Role::Plain, &format!("{} after {}", visible(&error.container), span(error.moment_ms)));
        page.message(4, &visible(&error.example));
    }
    Ok(page.finish())
}
