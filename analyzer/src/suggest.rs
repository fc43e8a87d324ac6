//! "Did you mean": the remedy of a name that is not known.

use datafusion::common::utils::datafusion_strsim::levenshtein;

/// A remedy that names the closest of the known names, or all of them where none is close.
pub(crate) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let near = known.iter().map(|other| (levenshtein(name, other), *other)).min();
    match near {
        Some((distance, other)) if distance <= (name.len() / 3).max(1) => format!("did you mean {other:?}?"),
        _ => format!("known are {}", known.join(", ")),
    }
}
