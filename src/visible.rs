//! Text from outside, made safe to show.

use std::fmt::Write as _;

/// Escapes control characters: a log line must not be able to colour, move or hide
/// text, to open a section of a CI log, or to be invalid XML. A tab becomes spaces; a line break is shown,
/// so that the result is one line.
pub(crate) fn visible(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => safe.push_str("    "),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            // Writing to a string cannot fail.
            c if u32::from(c) < 0x80 && c.is_control() => _ = write!(safe, "\\x{:02x}", u32::from(c)),
            c if is_hazard(c) => _ = write!(safe, "{}", c.escape_unicode()),
            c => safe.push(c),
        }
    }
    safe
}

/// The lines of a text, each [`visible`]. A message may have many (a traceback).
pub(crate) fn visible_lines(text: &str) -> Vec<String> {
    let text = text.trim_end_matches(['\n', '\r']);
    text.split('\n').map(|line| visible(line.strip_suffix('\r').unwrap_or(line))).collect()
}

/// Control characters, bidirectional controls, zero-width characters, and characters that XML 1.0 forbids.
pub(crate) fn is_hazard(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}
