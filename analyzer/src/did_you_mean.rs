//! "Did you mean": the remedy of a name that is not known.

use strsim::levenshtein;

/// The known name that may have been meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|other| (levenshtein(name, other), other)).min();
    near.filter(|(distance, _)| *distance <= (name.len() / 3).max(1)).map(|(_, other)| other)
}

/// A remedy that names the closest of the known names, or all of them where none is close.
pub(crate) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    match nearest(name, known.iter().copied()) {
        Some(other) => format!("did you mean {other:?}?"),
        None => format!("known are {}", known.join(", ")),
    }
}
