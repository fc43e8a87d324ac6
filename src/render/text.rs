//! Text that is safe and short enough to show.

use casefile_analyzer::Conclusion;
use casefile_evidence::Timestamp;
use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, wrap as wrap_words};

pub(crate) use crate::visible::{visible, visible_lines};

/// Cuts the middle out of a text that is wider than `width` columns: how a message begins and how it
/// ends tell the most.
pub(crate) fn cut_middle(text: &str, width: usize) -> String {
    const CUT: &str = " … ";
    // A byte takes at most one column: the common case needs no measuring.
    if text.len() <= width || display_width(text) <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(display_width(CUT));
    let tail_room = room / 3;
    let head = take(text.chars(), room - tail_room);
    let tail: String = take(text.chars().rev(), tail_room).chars().rev().collect();
    format!("{}{CUT}{}", head.trim_end(), tail.trim_start())
}

fn take(chars: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    let mut bytes = [0; 4];
    chars
        .take_while(|c| {
            used += display_width(c.encode_utf8(&mut bytes));
            used <= room
        })
        .collect()
}

/// Wraps one line at spaces, and within words that are longer than a line.
pub(crate) fn wrap(line: &str, width: usize, indent: &str, hang: &str) -> Vec<String> {
    let options = Options::new(width.max(20))
        .initial_indent(indent)
        .subsequent_indent(hang)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .break_words(true);
    wrap_words(line, options).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// The lines of a message that are worth their room: a line is cut in the middle where it would take more
/// than three, and of a message of many lines the first two and the last three remain.
pub(crate) fn excerpt(message: &str, width: usize) -> Vec<String> {
    const HEAD: usize = 2;
    const TAIL: usize = 3;
    let width = width.max(20);
    let mut lines: Vec<String> =
        visible_lines(message).iter().flat_map(|line| wrap(&cut_middle(line, 3 * width - 6), width, "", "")).collect();
    if lines.len() > HEAD + TAIL + 1 {
        let cut = lines.len() - HEAD - TAIL;
        lines.splice(HEAD..HEAD + cut, [format!("… {cut} lines …")]);
    }
    lines
}

/// Ids and ARNs as an operator calls them: `9d85800c` for a task, `family:42` for a task definition.
pub(crate) fn short(text: &str) -> String {
    let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '-' | '_' | '.');
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_id) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_id(c)).unwrap_or(from.len()));
        result.push_str(before);
        result.push_str(&short_word(word));
        rest = after;
    }
    result + rest
}

fn short_word(word: &str) -> String {
    // Punctuation at the end of a word is not part of an id.
    let (word, end) = word.split_at(word.trim_end_matches([':', '.']).len());
    let resource = word.strip_prefix("arn:").and_then(|arn| arn.splitn(5, ':').nth(4)).unwrap_or(word);
    let resource = resource.strip_prefix("task-definition/").unwrap_or(resource);
    let is_hash = |part: &str| part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = resource.split('/').map(|part| if is_hash(part) { part.get(..8).unwrap_or(part) } else { part });
    parts.collect::<Vec<_>>().join("/") + end
}

/// A digest, shortened.
pub(crate) fn short_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// A text without the parts that differ between two messages of one cause: ids, times, addresses. Small numbers
/// stay, since an exit code is a cause.
pub(crate) fn cause(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.' | ',' | '/');
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        result.push_str(before);
        result.push_str(if varies(word) || is_duration(word, after) { "#" } else { word });
        rest = after;
    }
    result + rest
}

/// Whether a word is the number of a duration: `ran for 27 s`.
fn is_duration(word: &str, after: &str) -> bool {
    let unit = after.strip_prefix(' ').and_then(|after| after.split(|c: char| !c.is_ascii_alphanumeric()).next());
    word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && matches!(unit, Some("s" | "ms" | "seconds" | "minutes"))
}

/// Whether a word holds an id (eight hexadecimal digits or more) or several numbers (a time, an address).
fn varies(word: &str) -> bool {
    let parts = || word.split(|c: char| !c.is_ascii_alphanumeric());
    let has_digit = |part: &str| part.bytes().any(|byte| byte.is_ascii_digit());
    let is_hash = |part: &str| part.len() >= 8 && has_digit(part) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    parts().any(is_hash) || parts().filter(|part| is_number(part)).count() > 1
}

/// `3m 20s`. Milliseconds only below a second.
pub(crate) fn span(millis: i64) -> String {
    let seconds = millis / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) if millis != 0 => format!("{millis}ms"),
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m {s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h {m}m"),
    }
}

/// The time of day where the day is the one that is known, else all of it. UTC either way.
pub(crate) fn time(at: Timestamp, day: Option<Timestamp>) -> String {
    let whole = at.to_string();
    let day = day.map(|day| day.to_string());
    match (whole.split_once('T'), day.as_deref().and_then(|day| day.split_once('T'))) {
        (Some((date, time)), Some((known, _))) if date == known => time.trim_end_matches('Z').to_owned(),
        _ => whole,
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The conclusion as it stands at the head of a report.
pub(crate) fn conclusion(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Pass => "PASS",
        Conclusion::Fail => "FAIL",
        Conclusion::Inconclusive => "INCONCLUSIVE",
        Conclusion::Error => "ERROR",
    }
}

/// The stop reason in words; an unknown one is printed as it is.
pub(crate) fn stop_reason(reason: &str) -> String {
    let until = match reason {
        "" => return String::new(),
        "settled" => "the rollout had settled",
        "decided" => return ", stopped early: more evidence could not change the verdict".to_owned(),
        "timeout" => "the timeout",
        "interrupted" => "it was interrupted",
        "failed" => "the collection failed",
        "imported" => "the recording ends",
        other => return format!(", stopped: {other}"),
    };
    format!(", until {until}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::visible::is_hazard;

    #[test]
    fn what_a_terminal_would_act_on_is_shown() {
        let hostile = "a\x1b[31mred\x1b[0m\rsection_start:1:x\x07\u{9b}2J\u{202e}gpj\u{200b}\u{ffff}\u{1fffe}\t|";
        let shown = r"a\x1b[31mred\x1b[0m\rsection_start:1:x\x07\u{9b}2J\u{202e}gpj\u{200b}\u{ffff}\u{1fffe}    |";
        assert_eq!(visible(hostile), shown);
        assert_eq!(visible_lines("one\r\ntwo\n\n"), ["one", "two"]);
        assert_eq!(visible("Zoë 日本語 👩\u{200d}🔧"), "Zoë 日本語 👩\u{200d}🔧");
    }

    #[test]
    fn a_long_line_keeps_its_ends() {
        let cut = cut_middle(&format!("start {} end", "x".repeat(500)), 40);
        assert!(cut.starts_with("start xxx") && cut.ends_with("xxx end") && cut.contains('…'), "{cut}");
        assert_eq!(display_width(&cut), 40);
        assert_eq!(cut_middle("short", 5), "short");
        assert!(display_width(&cut_middle(&"語".repeat(100), 31)) <= 31);
    }

    #[test]
    fn a_traceback_keeps_its_first_and_last_lines() {
        let trace: Vec<String> = (0..40).map(|line| format!("line {line}")).collect();
        let shown = excerpt(&trace.join("\n"), 60);
        assert_eq!(shown, ["line 0", "line 1", "… 35 lines …", "line 37", "line 38", "line 39"]);
    }

    #[test]
    fn ids_are_called_as_operators_call_them() {
        let arn = "arn:aws:ecs:ap-southeast-2:123456789012";
        let id = "9d85800c30b349039d104d52b506b930";
        assert_eq!(short(&format!("task {id} container app")), "task 9d85800c container app");
        assert_eq!(short(&format!("{arn}:task-definition/bf-manage-core:42")), "bf-manage-core:42");
        assert_eq!(
            short(&format!("GetLogEvents ecs/app/{id}: access denied.")),
            "GetLogEvents ecs/app/9d85800c: access denied."
        );
        assert_eq!(short(&format!("({arn}:task/production/{id})")), "(task/production/9d85800c)");
        assert_eq!(short("deployment ecs-svc/1234567890123456789"), "deployment ecs-svc/1234567890123456789");
    }

    #[test]
    fn one_cause_is_one_cause() {
        let same = |a: &str, b: &str| assert_eq!(cause(a), cause(b));
        same("2026-11-23 07:44:12,123 ERROR boom", "2026-11-23 07:44:13,001 ERROR boom");
        same("task 9d85800c30b349039d104d52b506b930 died", "task 8378fd0fc0d744109128c8d6a0b71524 died");
        same("exited with 1 after it ran for 27 s: boom", "exited with 1 after it ran for 123 s: boom");
        same("cannot reach 10.0.1.12:5432", "cannot reach 10.0.2.99:5432");
        assert_ne!(cause("exit code 1"), cause("exit code 137"));
        assert_ne!(cause("(reason Health checks failed)"), cause("(reason Request timed out)"));
    }

    #[test]
    fn times_are_as_short_as_they_can_be() {
        let at = Timestamp::parse("2026-11-23T07:44:12.120Z").unwrap();
        let day = Timestamp::parse("2026-11-23T00:00:00Z").unwrap();
        assert_eq!(time(at, Some(day)), "07:44:12.120");
        assert_eq!(time(at, Some(day.plus_millis(-1))), "2026-11-23T07:44:12.120Z");
        let spans = [0, 250, 45_000, 180_000, 200_999, 3_600_000, 7_500_000].map(span);
        assert_eq!(spans, ["0s", "250ms", "45s", "3m", "3m 20s", "1h", "2h 5m"]);
    }

    proptest! {
        #[test]
        fn nothing_visible_is_acted_on(text in any::<String>(), width in 20_usize..200) {
            let safe = visible(&text);
            prop_assert!(!safe.chars().any(is_hazard), "{safe:?}");
            for line in excerpt(&text, width) {
                prop_assert!(!line.chars().any(is_hazard), "{line:?}");
                prop_assert!(display_width(&line) <= width, "{line:?}");
            }
            prop_assert!(display_width(&cut_middle(&safe, width)) <= width);
            // Neither fails on any text, and neither changes a text that fits.
            let _ = (short(&text), cause(&text));
        }
    }
}
