//! Drain (He, Zhu, Zheng, Lyu: "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017), over
//! distinct masked lines in their order, so that neither the order of the input nor the number of workers shows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::{WILDCARD, mask};

/// How lines are grouped. The defaults were chosen over all sixteen systems of LogHub-2k together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrainOptions {
    /// How many leading tokens a line must share with its group, besides the number of tokens.
    pub prefix: usize,
    /// The least share of tokens that a line and its group have in common.
    pub similarity: f64,
    /// The most children of a node; further ones share one.
    pub children: usize,
}

impl Default for DrainOptions {
    fn default() -> Self {
        Self { prefix: 2, similarity: 0.7, children: 100 }
    }
}

/// A node: an inner one has children, one at the fixed depth has groups.
#[derive(Default)]
struct Node<'a> {
    children: BTreeMap<&'a str, Node<'a>>,
    groups: Vec<usize>,
}

/// The template of each masked line.
#[derive(Debug)]
struct Templates {
    /// The tokens of each template.
    tokens: Vec<Vec<String>>,
    /// For each line, in its order, the index of its template.
    of_line: Vec<usize>,
}

/// Groups lines. They must be distinct and sorted: the first lines shape the groups.
fn drain<'a>(lines: impl IntoIterator<Item = &'a str>, options: DrainOptions) -> Templates {
    let mut by_length: BTreeMap<usize, Node<'a>> = BTreeMap::new();
    let mut groups: Vec<Vec<Cow<'a, str>>> = Vec::new();
    let mut of_line = Vec::new();
    for line in lines {
        let tokens: Vec<&str> = line.split(' ').collect();
        let leaf = descend(by_length.entry(tokens.len()).or_default(), &tokens, options);
        let group = match closest(&leaf.groups, &groups, &tokens, options.similarity) {
            Some(group) => {
                generalise(&mut groups[group], &tokens);
                group
            }
            None => {
                leaf.groups.push(groups.len());
                groups.push(tokens.into_iter().map(Cow::Borrowed).collect());
                groups.len() - 1
            }
        };
        of_line.push(group);
    }
    let tokens = groups.into_iter().map(|group| group.into_iter().map(Cow::into_owned).collect()).collect();
    Templates { tokens, of_line }
}

fn descend<'n, 'a>(root: &'n mut Node<'a>, tokens: &[&'a str], options: DrainOptions) -> &'n mut Node<'a> {
    let mut node = root;
    for &token in tokens.iter().take(options.prefix) {
        let varies = token.contains(WILDCARD) || token.bytes().any(|byte| byte.is_ascii_digit());
        let full = node.children.len() >= options.children && !node.children.contains_key(token);
        node = node.children.entry(if varies || full { WILDCARD } else { token }).or_default();
    }
    node
}

/// The group that has most tokens in common with a line, if they are enough; of equal ones the one with more
/// wildcards, then the oldest.
fn closest(candidates: &[usize], groups: &[Vec<Cow<'_, str>>], tokens: &[&str], similarity: f64) -> Option<usize> {
    let mut best: Option<((usize, usize), usize)> = None;
    for &group in candidates {
        let template = &groups[group];
        let equal = template.iter().zip(tokens).filter(|(a, b)| a == b).count();
        let open = template.iter().filter(|token| *token == WILDCARD).count();
        if best.is_none_or(|(rank, _)| rank < (equal, open)) {
            best = Some(((equal, open), group));
        }
    }
    let ((equal, _), group) = best?;
    #[expect(clippy::cast_precision_loss, reason = "a line has at most some thousand tokens")]
    let share = equal as f64 / tokens.len() as f64;
    (share >= similarity).then_some(group)
}

fn generalise<'a>(template: &mut [Cow<'a, str>], tokens: &[&'a str]) {
    for (known, token) in template.iter_mut().zip(tokens) {
        if known != token {
            *known = blend(known, token);
        }
    }
}

/// What two tokens have in common at their ends, up to a punctuation mark: `user=jane,` and `user=joe,` are
/// `user=<*>,`.
fn blend(a: &str, b: &str) -> Cow<'static, str> {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let head = a.as_bytes()[..same].iter().rposition(|byte| b"=:([{\"'".contains(byte)).map_or(0, |at| at + 1);
    let room = a.len().min(b.len()) - head;
    let same = a.bytes().rev().zip(b.bytes().rev()).take(room).take_while(|(a, b)| a == b).count();
    let tail = &a.as_bytes()[a.len() - same..];
    let tail = tail.iter().position(|byte| b",;:)]}\"'".contains(byte)).map_or(a.len(), |at| a.len() - same + at);
    if head == 0 && tail == a.len() {
        return Cow::Borrowed(WILDCARD);
    }
    Cow::Owned(format!("{}{WILDCARD}{}", &a[..head], &a[tail..]))
}

/// Groups masked lines, in any order: the template of each distinct one, and the tokens of each template.
pub(crate) fn by_line<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    options: DrainOptions,
) -> (BTreeMap<&'a str, usize>, Vec<Vec<String>>) {
    let distinct: BTreeSet<&str> = lines.into_iter().collect();
    let Templates { tokens, of_line } = drain(distinct.iter().copied(), options);
    (distinct.into_iter().zip(of_line).collect(), tokens)
}

/// The templates of raw lines: for each line the index of its template, and the text of each template.
#[must_use]
pub fn templates<'a>(lines: impl IntoIterator<Item = &'a str>, options: DrainOptions) -> (Vec<usize>, Vec<String>) {
    let masked: Vec<String> = lines.into_iter().map(mask).collect();
    let (index, tokens) = by_line(masked.iter().map(String::as_str), options);
    let of_line = masked.iter().filter_map(|line| index.get(line.as_str()).copied()).collect();
    (of_line, tokens.into_iter().map(|tokens| tokens.join(" ")).collect())
}

/// The template of some lines of one group: tokens that differ become wildcards.
pub(crate) fn common<'a>(mut lines: impl Iterator<Item = &'a str>) -> String {
    let mut tokens: Vec<Cow<'a, str>> = lines.next().unwrap_or_default().split(' ').map(Cow::Borrowed).collect();
    for line in lines {
        let other: Vec<&str> = line.split(' ').collect();
        generalise(&mut tokens, &other);
    }
    tokens.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_share_most_tokens_are_one_template() {
        let lines = ["closed by peer alice", "closed by peer bob", "opened", "opened twice today"];
        let templates = drain(lines, DrainOptions::default());
        assert_eq!(templates.of_line, [0, 0, 1, 2]);
        assert_eq!(templates.tokens[0].join(" "), "closed by peer <*>");
    }

    #[test]
    fn tokens_keep_what_they_have_in_common() {
        for (a, b, both) in [
            ("user=jane,", "user=joe,", "user=<*>,"),
            ("user=<*>,", "user=x,", "user=<*>,"),
            ("(a)", "(b)", "(<*>)"),
            ("a:1:b", "a:1:c", "a:1:<*>"),
            ("x=", "x=y", "x=<*>"),
            ("::", ":", ":<*>"),
            ("jane", "joe", "<*>"),
            ("é,", "è,", "<*>,"),
        ] {
            assert_eq!(blend(a, b), both, "{a} {b}");
        }
    }

    #[test]
    fn a_full_node_shares_one_child() {
        let options = DrainOptions { children: 2, ..DrainOptions::default() };
        let templates = drain(["a is up now", "b is up now", "c is up now", "d is up now"], options);
        assert_eq!(templates.of_line, [0, 1, 2, 2]);
    }
}
