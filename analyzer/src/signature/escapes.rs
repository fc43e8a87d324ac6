//! Terminal escapes: colours and titles that a program writes for a terminal, and that no person reads.
//!
//! ECMA-48: a control sequence is `ESC [`, parameters, intermediates and one final byte; an operating system
//! command is `ESC ]` to BEL or `ESC \`.

use std::borrow::Cow;

use memchr::memchr3;

pub(super) const ESC: u8 = 0x1b;
/// How else the escape character is written: replaced, as it is no printable character, or spelt out.
pub(super) const INSTEAD: [&str; 4] = ["\u{fffd}", "\\u001b", "\\u001B", "\\x1b"];

/// The text without its terminal escapes. Borrowed where it has none.
pub(super) fn strip(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut stripped: Option<String> = None;
    let (mut kept, mut at) = (0, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr3(ESC, b'\\', 0xef, rest)) {
        let start = at + found;
        match length(bytes, start) {
            Some(length) => {
                stripped.get_or_insert_default().push_str(&text[kept..start]);
                (kept, at) = (start + length, start + length);
            }
            None => at = start + 1,
        }
    }
    match stripped {
        None => Cow::Borrowed(text),
        Some(mut stripped) => {
            stripped.push_str(&text[kept..]);
            Cow::Owned(stripped)
        }
    }
}

/// How many bytes the escape at a place has; `None` where there is none.
fn length(bytes: &[u8], start: usize) -> Option<usize> {
    let here = &bytes[start..];
    if let Some(rest) = here.strip_prefix(&[ESC]) {
        // An unterminated escape is dropped alone: the rest may be text.
        return Some(1 + control_sequence(rest).or_else(|| command(rest)).or_else(|| short(rest)).unwrap_or(0));
    }
    // A backslash before it makes the next one a backslash.
    let escaped = bytes[..start].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    let instead = INSTEAD.iter().find(|instead| here.starts_with(instead.as_bytes()))?;
    let sequence = control_sequence(&here[instead.len()..])?;
    (!(escaped && here[0] == b'\\')).then(|| instead.len() + sequence)
}

fn control_sequence(rest: &[u8]) -> Option<usize> {
    let rest = rest.strip_prefix(b"[")?;
    let parameters = rest.iter().take_while(|byte| matches!(byte, 0x30..=0x3f)).count();
    let intermediates = rest[parameters..].iter().take_while(|byte| matches!(byte, 0x20..=0x2f)).count();
    let last = parameters + intermediates;
    matches!(rest.get(last), Some(0x40..=0x7e)).then_some(last + 2)
}

fn command(rest: &[u8]) -> Option<usize> {
    let text = rest.strip_prefix(b"]")?;
    let end = memchr3(0x07, ESC, b'\n', text)?;
    match text[end] {
        0x07 => Some(end + 2),
        ESC if text.get(end + 1) == Some(&b'\\') => Some(end + 3),
        _ => None,
    }
}

/// `ESC ( B` and the like: intermediates and a final byte.
fn short(rest: &[u8]) -> Option<usize> {
    let intermediates = rest.iter().take_while(|byte| matches!(byte, 0x20..=0x2f)).count();
    match rest.get(intermediates) {
        Some(0x30..=0x7e) if intermediates > 0 => Some(intermediates + 1),
        Some(b'7' | b'8' | b'=' | b'>' | b'c' | b'D' | b'E' | b'M') if intermediates == 0 => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_without_escapes() {
        for (raw, read) in [
            ("\x1b[31mERROR\x1b[0m \x1b[1mqueue\x1b[0m gave up", "ERROR queue gave up"),
            ("\x1b[38;5;196mred\x1b[m", "red"),
            ("\x1b]0;title\x07prompt", "prompt"),
            ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b(Bplain\x1b[K", "plain"),
            ("\u{fffd}[31mERROR\u{fffd}[0m", "ERROR"),
            (r"{\u001b[31mERROR\u001b[0m}", "{ERROR}"),
            (r"\x1b[1mbold", "bold"),
            ("é\x1b[2mü\x1b[0mñ", "éüñ"),
        ] {
            assert_eq!(strip(raw), read, "{raw:?}");
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in ["", "plain", "[31m", "a\u{fffd}b", r"C:\x1b", r"a\\u001b[31mb", "ﬁ [1m] ok", r"\u001b"] {
            assert!(matches!(strip(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn an_escape_without_its_end_hides_nothing() {
        assert_eq!(strip("\x1b]0;title FAILED: x"), "]0;title FAILED: x");
        assert_eq!(strip("\x1b[31\nFAILED: x\x1b"), "[31\nFAILED: x");
        assert_eq!(strip("\x1b]0;title\nFAILED: x\x07"), "]0;title\nFAILED: x\x07");
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_escapes_is_lost(text in "[a-z\\[\\]0-9;m\\\\\u{1b}\u{7}\u{fffd}é\n]{0,40}") {
            let stripped = strip(&text);
            proptest::prop_assert!(!stripped.contains('\x1b'));
            proptest::prop_assert_eq!(stripped.matches('\n').count(), text.matches('\n').count());
        }
    }
}
