//! Shapes that start at a given byte of a line: each function returns where the shape ends.

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// Matches `shape` at `at`: `d` is a digit, `m` the name of a month, anything else itself.
fn shape(s: &[u8], at: usize, shape: &[u8]) -> Option<usize> {
    let mut i = at;
    for &want in shape {
        match want {
            b'd' if s.get(i)?.is_ascii_digit() => i += 1,
            b'm' if MONTHS.contains(&s.get(i..i + 3)?) => i += 3,
            b'd' | b'm' => return None,
            other if *s.get(i)? == other => i += 1,
            _ => return None,
        }
    }
    Some(i)
}

fn first(s: &[u8], at: usize, shapes: &[&[u8]]) -> Option<usize> {
    shapes.iter().find_map(|each| shape(s, at, each))
}

/// A byte that is part of a word.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn ends_word(s: &[u8], end: usize) -> Option<usize> {
    s.get(end).is_none_or(|&next| !is_word(next)).then_some(end)
}

fn digits(s: &[u8], at: usize) -> usize {
    at + s[at.min(s.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// A date, a time of day, or both.
pub(super) fn moment(s: &[u8], at: usize) -> Option<usize> {
    let head = *s.get(at)?;
    if head.is_ascii_digit() {
        if let Some(end) = first(s, at, &[b"dd/m/dddd:dd:dd:dd"]) {
            return Some(zone(s, end));
        }
        let date = first(
            s,
            at,
            &[
                b"dddd-dd-dd",
                b"dddd/dd/dd",
                b"dd/dd/dddd",
                b"dd-dd-dddd",
                b"dddd.dd.dd",
                b"dd m dddd",
                b"d m dddd",
                b"dd-m-dddd",
            ],
        );
        return match date {
            Some(end) => Some(after_date(s, end)),
            None => time(s, at),
        };
    }
    // `Mon, 23 Nov 2026 01:02:03 +0000`, `Mon Nov 23 01:02:03 2026`
    let mut start = at;
    if DAYS.contains(&s.get(at..at + 3)?) {
        start = first(s, at + 3, &[b", ", b" "])?;
    }
    let date = first(s, start, &[b"m dd ", b"m  d ", b"m d ", b"dd m dddd ", b"d m dddd "])?;
    let end = time(s, date)?;
    Some(shape(s, end, b" dddd").and_then(|year| ends_word(s, year)).unwrap_or(end))
}

fn after_date(s: &[u8], end: usize) -> usize {
    match s.get(end) {
        Some(b'T' | b' ' | b'-' | b'_') => time(s, end + 1).unwrap_or(end),
        _ => end,
    }
}

fn time(s: &[u8], at: usize) -> Option<usize> {
    let mut end = first(s, at, &[b"dd:dd:dd", b"d:dd:dd", b"dd.dd.dd.dddddd"])?;
    if matches!(s.get(end), Some(b'.' | b',' | b':')) {
        end = digits(s, end + 1).max(end + 1);
        if !s[end - 1].is_ascii_digit() {
            end -= 1;
        }
    }
    let end = zone(s, end);
    ends_word(s, end)
}

fn zone(s: &[u8], end: usize) -> usize {
    if s.get(end) == Some(&b'Z') {
        return end + 1;
    }
    let start = if s.get(end) == Some(&b' ') { end + 1 } else { end };
    if s[start.min(s.len())..].starts_with(b"UTC") {
        return start + 3;
    }
    first(s, start, &[b"+dddd", b"-dddd", b"+dd:dd", b"-dd:dd"]).and_then(|end| ends_word(s, end)).unwrap_or(end)
}

/// A UUID.
pub(super) fn uuid(s: &[u8], at: usize) -> Option<usize> {
    if s.get(at + 8) != Some(&b'-') {
        return None;
    }
    let mut i = at;
    for (part, length) in UUID.iter().enumerate() {
        if part > 0 {
            (s.get(i) == Some(&b'-')).then_some(())?;
            i += 1;
        }
        s.get(i..i + length)?.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        i += length;
    }
    ends_word(s, i)
}

/// An IPv4 address, with a port or the length of a prefix if there is one.
pub(super) fn ipv4(s: &[u8], at: usize) -> Option<usize> {
    let mut i = at;
    for part in 0..4 {
        if part > 0 {
            (s.get(i) == Some(&b'.')).then_some(())?;
            i += 1;
        }
        let end = digits(s, i);
        (1..=3).contains(&(end - i)).then_some(())?;
        i = end;
    }
    Some(port(s, ends_word(s, i)?))
}

fn port(s: &[u8], end: usize) -> usize {
    match s.get(end) {
        Some(b':' | b'/') if s.get(end + 1).is_some_and(u8::is_ascii_digit) => digits(s, end + 1),
        _ => end,
    }
}

/// An IPv6 or a MAC address.
pub(super) fn colons(s: &[u8], at: usize) -> Option<usize> {
    let length = s[at..].iter().take(46).take_while(|&&byte| byte.is_ascii_hexdigit() || byte == b':').count();
    let mut end = at + length;
    // `at ::1: refused`: the last colon is not part of the address.
    if s[at..end].ends_with(b":") && !s[at..end].ends_with(b"::") {
        end -= 1;
    }
    let text = &s[at..end];
    let groups = text.split(|&byte| byte == b':').count();
    if groups < 3 || !text.iter().any(u8::is_ascii_digit) || text.split(|&byte| byte == b':').any(|part| part.len() > 4)
    {
        return None;
    }
    let short = text.windows(2).any(|pair| pair == b"::");
    let mac = groups == 6 && text.split(|&byte| byte == b':').all(|part| part.len() == 2);
    (groups == 8 || mac || (short && groups <= 8)).then_some(())?;
    // An IPv4 address in IPv6: `::ffff:10.0.1.5`.
    if s.get(end) == Some(&b'.') {
        let last = text.iter().rposition(|&byte| byte == b':')? + at + 1;
        return ipv4(s, last);
    }
    if s.get(end) == Some(&b'%') {
        end += 1 + s[end + 1..].iter().take_while(|&&byte| is_word(byte)).count();
    }
    ends_word(s, end)
}

/// An ARN, up to white space or a delimiter.
pub(super) fn arn(s: &[u8], at: usize) -> Option<usize> {
    s[at..].starts_with(b"arn:aws").then(|| at + s[at..].iter().take_while(|&&byte| !is_delimiter(byte)).count())
}

/// The query of a URL, from its question mark.
pub(super) fn query(s: &[u8], at: usize) -> usize {
    at + s[at..].iter().take_while(|&&byte| !is_delimiter(byte)).count()
}

/// The domain of an e-mail address, after the `@`; it has a dot.
pub(super) fn domain(s: &[u8], at: usize) -> Option<usize> {
    let mut end = at + s[at..].iter().take_while(|&&byte| is_word(byte) || byte == b'.' || byte == b'-').count();
    while end > at && !is_word(s[end - 1]) {
        end -= 1;
    }
    s[at..end].contains(&b'.').then_some(end)
}

fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b',' | b')' | b']' | b'>' | b'}' | b';')
}

/// A number that starts with a digit: decimals, groups, an exponent, a unit.
pub(super) fn number(s: &[u8], at: usize) -> usize {
    let mut end = word(s, at);
    while s.get(end) == Some(&b'.') && s.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = word(s, end + 1);
    }
    // `1e-05`
    if s[at..end].ends_with(b"e") && matches!(s.get(end), Some(b'-' | b'+')) {
        end = digits(s, end + 1);
    }
    if s.get(end) == Some(&b'%') {
        end += 1;
    }
    end
}

/// The end of the word at `at`.
pub(super) fn word(s: &[u8], at: usize) -> usize {
    at + s[at..].iter().take_while(|&&byte| is_word(byte)).count()
}

/// Whether a word that starts with a letter is an id: seven or more hexadecimal digits, letters and digits that
/// alternate, or a long token.
pub(super) fn is_id(word: &[u8]) -> bool {
    let count = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    if count == 0 || word.len() < 7 {
        return false;
    }
    let turns = word.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    word.iter().all(u8::is_ascii_hexdigit) || (word.len() >= 8 && turns >= 4) || (word.len() >= 20 && count >= 2)
}
