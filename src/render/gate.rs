//! A decision of the gate.

use casefile_gate::{Code, Decision, Kind, Outcome, Question, Reason};

use super::Style;
use super::markdown::{escape, table};
use super::page::{Page, Role};
use super::text::short_digest;
use crate::error::Error;
use crate::format::GateFormat;

/// A decision, in any format.
///
/// # Errors
/// Only by a fault of this program.
pub(crate) fn decision(decision: &Decision, format: GateFormat, style: Style) -> Result<String, Error> {
    Ok(match format {
        GateFormat::Json => decision.to_canonical_json()? + "\n",
        GateFormat::Terminal => terminal(decision, style),
        GateFormat::Markdown => markdown(decision),
        GateFormat::Dotenv => dotenv(decision),
    })
}

/// The answer, with the first reason.
pub(crate) fn headline(decision: &Decision) -> String {
    let question = &decision.question;
    let needs = if question.kind == Kind::Service { ", by what it needs" } else { "" };
    let mut text = format!("{} {} to {}{needs}", question.service, question.release, question.region);
    if let Some(reason) = decision.reasons.iter().find(|reason| reason.outcome() == decision.outcome) {
        text += &format!(": {}", sentence(reason, &question.region));
    }
    text
}

fn sentence(reason: &Reason, here: &str) -> String {
    let waived = if reason.waived_by.is_some() { ", waived" } else { "" };
    format!("{}{} ({}{waived})", place(reason, here), reason.detail, reason.code)
}

/// Where a reason is, unless it is about the question's own place.
pub(super) fn place(reason: &Reason, here: &str) -> String {
    match &reason.service {
        Some(service) => format!("{service} in {}: ", reason.region),
        None if reason.region == here => String::new(),
        None => format!("{}: ", reason.region),
    }
}

/// The region of a reason, with the service if it is another one.
fn of(reason: &Reason) -> String {
    match &reason.service {
        Some(service) => format!("{service} {}", reason.region),
        None => reason.region.clone(),
    }
}

fn word(outcome: Outcome) -> (&'static str, Role) {
    match outcome {
        Outcome::Proceed => ("PROCEED", Role::Pass),
        Outcome::Hold => ("HOLD", Role::Inconclusive),
        Outcome::Refuse => ("REFUSE", Role::Fail),
    }
}

fn terminal(decision: &Decision, style: Style) -> String {
    let mut page = Page::new(style);
    let (word, role) = word(decision.outcome);
    page.item(0, 2, role, word, &format!("  {}", headline(decision)));
    for (number, advice) in advices(decision).iter().enumerate() {
        page.field(if number == 0 { "what to do" } else { "" }, advice);
    }
    match (decision.outcome, decision.next_at) {
        (Outcome::Hold, Some(at)) => page.field("opens", &format!("at {at}, if nothing else comes")),
        (Outcome::Hold, None) => page.field("opens", "when a verdict or a person changes it; not by time alone"),
        _ => {}
    }
    page.gap();
    let width = decision.reasons.iter().map(|reason| of(reason).chars().count()).max().unwrap_or_default().max(15);
    for reason in &decision.reasons {
        let role = self::word(reason.outcome()).1;
        let verdict = reason.verdict.as_deref().map(|digest| format!("  [verdict {}]", short_digest(digest)));
        let text = format!("{:<width$} {}{}", of(reason), reason.detail, verdict.unwrap_or_default());
        page.item(2, 23, role, &format!("{:<20} ", reason.code.to_string()), &text);
        if let Some(by) = &reason.waived_by {
            page.line(23, Role::Strong, &format!("waived by {by}"));
        }
    }
    for waiver in &decision.ignored_waivers {
        page.line(
            2,
            Role::Dim,
            &format!("a waiver that {} asked for does not count: {}", waiver.requested_by, waiver.problem),
        );
    }
    page.gap();
    page.line(
        0,
        Role::Dim,
        &format!(
            "as of {}  policy {}  decision {}",
            decision.now,
            short_digest(&decision.policy_digest),
            short_digest(&decision.digest)
        ),
    );
    page.finish()
}

/// What each kind of reason that keeps the release back asks of whom, the worst first.
fn advices(decision: &Decision) -> Vec<String> {
    let mut advices: Vec<String> = Vec::new();
    let mut waivable: Vec<String> = Vec::new();
    let standing = || decision.reasons.iter().filter(|reason| reason.outcome() != Outcome::Proceed);
    for reason in standing() {
        let advice = advice(reason, decision);
        if !advices.contains(&advice) {
            advices.push(advice);
        }
        let code = reason.code.to_string();
        if !waivable.contains(&code) {
            waivable.push(code);
        }
    }
    // A waiver of some of them would let nothing through.
    if !waivable.is_empty() && standing().all(|reason| decision.policy.waivable.contains(&reason.code)) {
        let Question { kind, service, region, release, .. } = &decision.question;
        let of = if *kind == Kind::Service { " --of service" } else { "" };
        let key = if decision.policy.waiver_keys.is_empty() { "" } else { " --key ..." };
        advices.push(format!(
            "or a person lets it through: `casefile gate waive{of} --service {service} --region {region} --release \
             {release} --reason {} --why ... --requested-by ... --approved-by ...{key}`",
            waivable.join(" --reason ")
        ));
    }
    advices
}

fn advice(reason: &Reason, decision: &Decision) -> String {
    let service = reason.service.as_ref().unwrap_or(&decision.question.service);
    let place = format!("{service} in {}", reason.region);
    match reason.code {
        Code::Passed
        | Code::FirstWave
        | Code::NeedsNothing
        | Code::AlreadyPassedHere
        | Code::AlreadyFailedHere => String::new(),
        Code::Missing => format!("deploy and validate {place} first, with --archive"),
        Code::Inconclusive => {
            format!("read the gaps of that verdict, mend them, and run `casefile validate --recheck` for {place}")
        }
        Code::NotEvaluable => format!(
            "judge its bundle (`casefile analyze`, `casefile archive add`), or run `casefile validate --recheck` for {place}"
        ),
        Code::AccountUnclear => "name the account whose verdicts count in `accounts` of the policy".to_owned(),
        Code::NotSigned => {
            format!("sign the verdict of {place} (`casefile attest --archive`), or judge again in the job that signs")
        }
        Code::Stale => format!("run `casefile validate --recheck` for {place}"),
        Code::Soaking | Code::Frozen => "wait, or let `--wait` do it".to_owned(),
        Code::InFlight => format!(
            "wait for the verdict of {place}; if none will come, a person runs `casefile gate close --service {service} \
             --region {} --release ... --why ...`",
            reason.region
        ),
        Code::RulesDiffer => {
            format!("judge {place} again with the config and the checks of this release, and keep the verdict")
        }
        Code::OrderUnknown => format!(
            "give --sequence and --project, as GitLab's pipelines have them; if the verdict of {place} names no pipeline, \
             validate there again in GitLab CI"
        ),
        Code::Failed => "the release must not go on: fix it and release again, or roll back".to_owned(),
        Code::ReleaseDiffers => "find out why the same release has other images; release again".to_owned(),
        Code::Superseded | Code::OlderThanDeployed => {
            "go on with the newer release; to go back to this one, run a new pipeline of it: its number is then the greater"
                .to_owned()
        }
        Code::Stop => "ask the person who stopped it; `casefile gate lift` ends the stop".to_owned(),
    }
}

fn markdown(decision: &Decision) -> String {
    let mut page = format!("**{}** {}\n\n", word(decision.outcome).0, escape(&headline(decision)));
    for advice in advices(decision) {
        page += &format!("- {}\n", escape(&advice.replace('`', "")));
    }
    page.push('\n');
    if let Some(at) = decision.next_at {
        page += &format!("Opens at {at}, if nothing else comes.\n\n");
    }
    let row = |reason: &Reason| {
        let waived = reason.waived_by.as_ref().map(|by| format!(" (waived by {by})")).unwrap_or_default();
        let verdict = reason.verdict.as_deref().map_or("-", short_digest);
        vec![reason.code.to_string(), of(reason), escape(&format!("{}{waived}", reason.detail)), verdict.to_owned()]
    };
    table(&mut page, &["reason", "region", "detail", "verdict"], &decision.reasons.iter().map(row).collect::<Vec<_>>());
    page
}

fn dotenv(decision: &Decision) -> String {
    let codes: Vec<String> = decision
        .reasons
        .iter()
        .filter(|reason| reason.outcome() == decision.outcome)
        .map(|reason| reason.code.to_string())
        .collect();
    let next = decision.next_at.map(|at| at.to_string()).unwrap_or_default();
    format!(
        "CASEFILE_GATE={}\nCASEFILE_GATE_REASONS={}\nCASEFILE_GATE_NEXT_AT={next}\nCASEFILE_GATE_DECISION={}\n",
        decision.outcome,
        codes.join(","),
        decision.digest
    )
}
