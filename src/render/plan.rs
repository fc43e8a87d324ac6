//! A plan of the gate: a table, or a graph.

use std::fmt::Write;

use casefile_gate::{Code, Outcome, Plan, Reason, State, Step};

use super::gate::place;
use super::markdown::{escape, table};
use super::page::{Page, Role};
use super::{Style, json};
use crate::error::Error;
use crate::format::PlanFormat;

/// A plan, in any format.
///
/// # Errors
/// Only by a fault of this program.
pub(crate) fn plan(plan: &Plan, format: PlanFormat, style: Style) -> Result<String, Error> {
    Ok(match format {
        PlanFormat::Json => json(plan)?,
        PlanFormat::Terminal => terminal(plan, style),
        PlanFormat::Markdown => markdown(plan),
        PlanFormat::Mermaid => mermaid(plan),
    })
}

fn word(state: State) -> (&'static str, Role) {
    match state {
        State::Passed => ("passed", Role::Pass),
        State::Failed => ("FAILED", Role::Fail),
        State::Undecided => ("undecided", Role::Inconclusive),
        State::Deploying => ("deploying", Role::Inconclusive),
        State::Proceed => ("may go", Role::Pass),
        State::Hold => ("holds", Role::Inconclusive),
        State::Refuse => ("refuses", Role::Fail),
    }
}

/// Why a step may not go now; nothing where it is there, or may go.
fn why(step: &Step) -> Vec<String> {
    if step.release.is_none() {
        return vec!["no release of it is known: give --release or --release-of".to_owned()];
    }
    let tells = matches!(step.state, State::Hold | State::Refuse);
    let worst = step.reasons.iter().map(Reason::outcome).max();
    let telling = |reason: &&Reason| match step.state {
        State::Failed => reason.code == Code::AlreadyFailedHere,
        _ => tells && Some(reason.outcome()) == worst && reason.outcome() != Outcome::Proceed,
    };
    step.reasons
        .iter()
        .filter(telling)
        .map(|reason| format!("{}{} ({})", place(reason, &step.region), reason.detail, reason.code))
        .collect()
}

fn row(step: &Step) -> [String; 4] {
    let mut why = why(step).join("; ");
    if let Some(at) = step.next_at {
        let _ = write!(why, "; opens at {at}");
    }
    [step.service.clone(), step.region.clone(), step.release.clone().unwrap_or_else(|| "-".to_owned()), why]
}

fn terminal(plan: &Plan, style: Style) -> String {
    let mut page = Page::new(style);
    let rows: Vec<[String; 4]> = plan.steps.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [width(0), width(1), width(2)];
    for (step, [service, region, release, why]) in plan.steps.iter().zip(&rows) {
        let (word, role) = word(step.state);
        let columns = format!("{service:<0$}  {region:<1$}  {release:<2$}  ", widths[0], widths[1], widths[2]);
        page.item(0, 11 + columns.chars().count(), role, &format!("{word:<10} "), &format!("{columns}{why}"));
    }
    page.gap();
    page.line(0, Role::Dim, &format!("as of {}", plan.now));
    page.finish()
}

fn markdown(plan: &Plan) -> String {
    let mut page = String::new();
    let rows = plan.steps.iter().map(|step| {
        let mut cells = vec![word(step.state).0.to_owned()];
        cells.extend(row(step).iter().map(|cell| escape(cell)));
        cells
    });
    table(&mut page, &["state", "service", "region", "release", "why"], &rows.collect::<Vec<_>>());
    let _ = write!(page, "\n```mermaid\n{}```\n\nAs of {}.\n", mermaid(plan), plan.now);
    page
}

/// A flowchart: solid arrows are needs, dotted ones go from wave to wave.
fn mermaid(plan: &Plan) -> String {
    let id = |service: &str, region: &str| {
        let at = plan.steps.iter().position(|step| step.service == service && step.region == region);
        at.map(|at| format!("s{at}"))
    };
    let mut graph = "flowchart LR\n".to_owned();
    for (at, step) in plan.steps.iter().enumerate() {
        let (word, role) = word(step.state);
        let class = match role {
            Role::Pass => "pass",
            Role::Fail => "fail",
            _ => "hold",
        };
        let text = format!(
            "{}<br/>{}<br/>{}: {word}",
            label(&step.service),
            label(&step.region),
            label(step.release.as_deref().unwrap_or("?"))
        );
        let _ = writeln!(graph, "  s{at}[\"{text}\"]:::{class}");
    }
    for arrow in &plan.arrows {
        let ends = id(&arrow.before.0, &arrow.before.1).zip(id(&arrow.after.0, &arrow.after.1));
        if let Some((before, after)) = ends {
            let line = if arrow.because == "need" { "-->" } else { "-.->" };
            let _ = writeln!(graph, "  {before} {line} {after}");
        }
    }
    graph += "  classDef pass fill:#d7f0dd,stroke:#1a7f37,color:#000\n";
    graph += "  classDef hold fill:#fff3cd,stroke:#9a6700,color:#000\n";
    graph += "  classDef fail fill:#ffdcd7,stroke:#cf222e,color:#000\n";
    graph
}

/// Text in a node: Mermaid decodes `#35;` and the like.
fn label(text: &str) -> String {
    text.chars().fold(String::new(), |mut label, c| {
        if c.is_alphanumeric() || " .-_".contains(c) {
            label.push(c);
        } else {
            let _ = write!(label, "#{};", u32::from(c));
        }
        label
    })
}
