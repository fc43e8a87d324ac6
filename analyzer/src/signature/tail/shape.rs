//! A line without its variable parts.

/// Replaces words that hold a time, an address or an id by `#`. A number stays: an exit code is a difference.
pub(crate) fn shape(line: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.' | ',' | '/' | '+');
    let mut shape = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        shape.push_str(before);
        shape.push_str(if varies(word) { "#" } else { word });
        rest = after;
    }
    shape + rest
}

fn varies(word: &str) -> bool {
    let parts = || word.split(|c: char| !c.is_ascii_alphanumeric());
    let has_digit = |part: &str| part.bytes().any(|byte| byte.is_ascii_digit());
    let is_id = |part: &str| part.len() >= 8 && has_digit(part) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts().any(is_id) || parts().filter(|part| part.starts_with(|c: char| c.is_ascii_digit())).count() > 1
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn times_and_ids_vary_and_numbers_do_not() {
        let same = |a: &str, b: &str| assert_eq!(shape(a), shape(b));
        same("2026-11-23 07:44:12,123 [7] ERROR boom", "2026-11-23 07:44:13,001 [7] ERROR boom");
        same("[2026-11-23T07:44:12.1Z] up", "[2026-11-23T08:00:00.2Z] up");
        same("request 9d85800c30b3 failed", "request 8378fd0fc0d7 failed");
        assert_ne!(shape("exit 1"), shape("exit 137"));
        assert_ne!(shape("line 12, in f"), shape("line 13, in f"));
    }
}
