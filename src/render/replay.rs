//! The verdict as it stood at each moment.

use casefile_analyzer::Conclusion;
use casefile_evidence::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::Style;
use super::markdown::{code, line, table};
use super::page::{Page, Role};
use super::text::{conclusion, count, time};
use crate::error::Error;
use crate::format::TableFormat;

/// The verdict as it stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Moment {
    /// The moment: a snapshot's.
    pub(crate) at: Timestamp,
    /// Seconds since the deployment that is judged at the end was created; `None` where that is not known.
    pub(crate) since_creation_s: Option<i64>,
    /// The verdict of the evidence up to then.
    pub(crate) verdict: Conclusion,
    /// How many blocking checks were pending.
    pub(crate) pending: usize,
    /// The checks that made it so.
    pub(crate) decided_by: Vec<String>,
}

/// Timeouts that people choose, in seconds.
const TIMEOUTS: [i64; 4] = [60, 90, 120, 180];

/// When the verdict became decidable, and the verdicts of shorter timeouts. `moments` is in time order.
///
/// # Errors
/// For JUnit; else only by a fault of this program.
pub(crate) fn replay(moments: &[Moment], format: TableFormat, style: Style) -> Result<String, Error> {
    match format {
        TableFormat::Terminal => Ok(terminal(moments, style)),
        TableFormat::Json => {
            let timeouts: Vec<_> = TIMEOUTS
                .iter()
                .map(|seconds| json!({ "timeout_s": seconds, "verdict": at_timeout(moments, *seconds).map(|m| m.verdict) }))
                .collect();
            let decidable = decidable(moments);
            super::json(&json!({ "moments": moments, "decidable": decidable, "timeouts": timeouts }))
        }
        TableFormat::Markdown => Ok(markdown(moments)),
    }
}

/// The moment since which the verdict stands as it does at the end, where that is a decision.
fn decidable(moments: &[Moment]) -> Option<&Moment> {
    let end = moments.last().filter(|end| end.verdict != Conclusion::Inconclusive)?;
    moments.iter().rev().take_while(|moment| moment.verdict == end.verdict).last()
}

/// Seconds since the deployment was created, or since the first snapshot where that is not known.
fn seconds(moments: &[Moment], moment: &Moment) -> i64 {
    let start = moments.first().map_or(moment.at, |first| first.at);
    moment.since_creation_s.unwrap_or_else(|| moment.at.millis_since(start).div_euclid(1000))
}

/// Seconds since the collection began, from which `--timeout` counts.
fn watched(moments: &[Moment], moment: &Moment) -> i64 {
    moments.first().map_or(0, |first| moment.at.millis_since(first.at).div_euclid(1000))
}

/// The last moment within a timeout.
fn at_timeout(moments: &[Moment], timeout: i64) -> Option<&Moment> {
    moments.iter().take_while(|moment| watched(moments, moment) <= timeout).last()
}

/// Moments that say the same, as one: the first, and how many.
fn runs(moments: &[Moment]) -> Vec<(&Moment, usize)> {
    let mut runs: Vec<(&Moment, usize)> = Vec::new();
    for moment in moments {
        match runs.last_mut() {
            Some((first, more)) if same(first, moment) => *more += 1,
            _ => runs.push((moment, 1)),
        }
    }
    runs
}

fn same(a: &Moment, b: &Moment) -> bool {
    (a.verdict, a.pending, &a.decided_by) == (b.verdict, b.pending, &b.decided_by)
}

fn after(moments: &[Moment], moment: &Moment) -> String {
    format!("{:+} s", seconds(moments, moment))
}

fn sentence(moments: &[Moment]) -> String {
    match (decidable(moments), moments.last()) {
        (Some(moment), _) => {
            format!("{} since {} ({})", conclusion(moment.verdict), after(moments, moment), moment.at)
        }
        (None, Some(_)) => "it was never decidable".to_owned(),
        (None, None) => "there is no snapshot to replay".to_owned(),
    }
}

/// The verdict of a timeout, compared with the verdict at the end.
fn said(moments: &[Moment], timeout: i64) -> String {
    let Some(then) = at_timeout(moments, timeout) else { return "nothing was observed by then".to_owned() };
    let verdict = conclusion(then.verdict);
    match moments.last() {
        Some(end) if watched(moments, end) < timeout => {
            format!("{verdict} (the collection had ended after {} s)", watched(moments, end))
        }
        Some(end) if end.verdict != then.verdict => format!("{verdict}, not {}", conclusion(end.verdict)),
        _ => verdict.to_owned(),
    }
}

fn mark(verdict: Conclusion) -> char {
    match verdict {
        Conclusion::Pass => '✓',
        Conclusion::Fail => '✗',
        Conclusion::Inconclusive => '·',
        Conclusion::Error => '!',
    }
}

/// One mark a moment; of several that fall together on a narrow page, the last.
fn chart(moments: &[Moment], width: usize) -> String {
    let columns = moments.len().min(width.max(1));
    let at = |column: usize| moments.get((column + 1) * moments.len() / columns - 1);
    (0..columns).filter_map(at).map(|moment| mark(moment.verdict)).collect()
}

fn origin(moments: &[Moment]) -> &'static str {
    let known = moments.iter().any(|moment| moment.since_creation_s.is_some());
    if known { "after the deployment was created" } else { "after the first snapshot" }
}

fn terminal(moments: &[Moment], style: Style) -> String {
    let mut page = Page::new(style);
    let role = decidable(moments).map_or(Role::Inconclusive, |moment| moment.verdict.into());
    page.line(0, role, &sentence(moments));
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return page.finish() };
    let (from, to) = (after(moments, first), after(moments, last));
    let room = style.width.saturating_sub(from.len() + to.len() + 6);
    page.line(2, Role::Plain, &format!("{from} {} {to}", chart(moments, room)));
    page.line(2, Role::Dim, &format!("· inconclusive  ✓ pass  ✗ fail  ! error; seconds {}", origin(moments)));
    page.gap();
    page.line(
        0,
        Role::Strong,
        &format!("{:<14} {:>8}  {:<12} {:>7}  because of", "time", "after", "verdict", "pending"),
    );
    // Beside the other columns where there is room for it, else under them.
    let hang = if style.width >= 90 { 47 } else { 4 };
    for (moment, times) in runs(moments) {
        let lead = format!(
            "{:<14} {:>8}  {:<12} {:>7}",
            time(moment.at, Some(first.at)),
            after(moments, moment),
            conclusion(moment.verdict),
            moment.pending,
        );
        let more = if times > 1 { format!(" ({})", count(times, "moment", "moments")) } else { String::new() };
        let by = [&moment.decided_by.join(", "), more.trim_start()].map(str::trim).join(" ");
        page.item(0, hang, moment.verdict.into(), &lead, &format!("  {}", by.trim()));
    }
    page.gap();
    page.line(0, Role::Strong, "verdict of a shorter --timeout (counted from the first snapshot)");
    for timeout in TIMEOUTS {
        page.line(2, Role::Plain, &format!("{timeout:>4} s  {}", said(moments, timeout)));
    }
    page.finish()
}

fn markdown(moments: &[Moment]) -> String {
    let mut page = String::new();
    line(&mut page, &format!("### Replay: {}", sentence(moments)));
    line(&mut page, &code(&chart(moments, 120)));
    let rows: Vec<Vec<String>> = runs(moments)
        .into_iter()
        .map(|(moment, times)| {
            let ids: Vec<String> = moment.decided_by.iter().map(|id| code(id)).collect();
            let verdict = conclusion(moment.verdict).to_owned();
            let pending = moment.pending.to_string();
            vec![moment.at.to_string(), after(moments, moment), verdict, pending, ids.join(", "), times.to_string()]
        })
        .collect();
    table(&mut page, &["time", "after", "verdict", "pending", "because of", "moments"], &rows);
    let rows = TIMEOUTS.map(|timeout| vec![format!("{timeout} s"), said(moments, timeout)]);
    table(&mut page, &["timeout", "would have said"], &rows);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(verdicts: &[(i64, Conclusion, usize, &[&str])]) -> Vec<Moment> {
        let created = Timestamp::parse("2026-11-23T07:43:00Z").unwrap();
        let moment = |(after, verdict, pending, by): &(i64, Conclusion, usize, &[&str])| Moment {
            at: created.plus_millis(after * 1000),
            since_creation_s: Some(*after),
            verdict: *verdict,
            pending: *pending,
            decided_by: by.iter().map(|id| (*id).to_owned()).collect(),
        };
        verdicts.iter().map(moment).collect()
    }

    /// Passes first, and fails when tasks begin to die: a short timeout would be wrong.
    fn late_crash_loop() -> Vec<Moment> {
        use Conclusion::{Fail, Inconclusive, Pass};
        moments(&[
            (2, Inconclusive, 2, &["rollout.completed", "migration.upgraded"]),
            (7, Inconclusive, 2, &["rollout.completed", "migration.upgraded"]),
            (40, Inconclusive, 1, &["rollout.completed"]),
            (62, Pass, 0, &[]),
            (75, Pass, 0, &[]),
            (95, Fail, 0, &["rollout.crash-loop"]),
            (130, Fail, 0, &["rollout.crash-loop"]),
        ])
    }

    #[test]
    fn a_verdict_that_turned() {
        insta::assert_snapshot!(
            replay(&late_crash_loop(), TableFormat::Terminal, Style { color: false, width: 100, verbose: false })
                .unwrap()
        );
        insta::assert_snapshot!(
            replay(&late_crash_loop(), TableFormat::Markdown, Style { color: false, width: 100, verbose: false })
                .unwrap()
        );
    }

    #[test]
    fn timeouts_say_what_was_known() {
        let moments = late_crash_loop();
        assert_eq!(decidable(&moments).unwrap().since_creation_s, Some(95));
        assert_eq!(said(&moments, 30), "INCONCLUSIVE, not FAIL");
        assert_eq!(said(&moments, 90), "PASS, not FAIL");
        assert_eq!(said(&moments, 120), "FAIL");
        assert_eq!(said(&moments, 180), "FAIL (the collection had ended after 128 s)");
        assert_eq!(chart(&moments, 100), "···✓✓✗✗");
        assert_eq!(chart(&moments, 3), "·✓✗", "a narrow chart ends with the last moment");
    }

    #[test]
    fn nothing_to_replay_is_said() {
        let style = Style { color: false, width: 80, verbose: false };
        assert_eq!(replay(&[], TableFormat::Terminal, style).unwrap(), "there is no snapshot to replay\n");
        let open = moments(&[(5, Conclusion::Inconclusive, 1, &["rollout.completed"])]);
        assert!(replay(&open, TableFormat::Terminal, style).unwrap().starts_with("it was never decidable\n"));
        let json: serde_json::Value = serde_json::from_str(&replay(&open, TableFormat::Json, style).unwrap()).unwrap();
        assert_eq!(
            (&json["moments"][0]["verdict"], &json["decidable"]),
            (&"inconclusive".into(), &serde_json::Value::Null)
        );
    }
}
