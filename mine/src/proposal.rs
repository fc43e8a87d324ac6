//! A proposed signature, with what speaks for it.

use crate::pattern::{headline, toml_string};

/// What a proposed signature expects of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expect {
    /// It must be logged in time.
    Success,
    /// It must not be logged.
    Failure,
}

/// Where a proposal's line was logged first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appearance {
    /// The deployment.
    pub deployment: String,
    /// Milliseconds since its creation.
    pub moment_ms: i64,
}

/// A signature that would have told failed deployments from good ones. All figures are those of its pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// An id, distinct among the proposals.
    pub id: String,
    /// Whether the line is a good or a bad sign.
    pub expect: Expect,
    /// The template: constant text and [`crate::WILDCARD`].
    pub template: String,
    /// A regular expression, in the syntax of Rust's `regex`.
    pub pattern: String,
    /// The container that logs it; empty if the lines have none.
    pub container: String,
    /// Of a failure the bad deployments that log it, of a success the good ones that log it in time.
    pub support: usize,
    /// The deployments of the other side that log it too (of a success: in time).
    pub against: usize,
    /// `support` of all deployments that log it.
    pub precision: f64,
    /// `support` of all deployments of its side.
    pub recall: f64,
    /// Of a success: how long it may take, in seconds.
    pub within_s: Option<u64>,
    /// Its first appearance among the deployments that support it.
    pub first: Appearance,
    /// Up to three lines that the pattern matches.
    pub examples: Vec<String>,
    /// How many further proposals are left out, because the same deployments log them within ten seconds of it in
    /// the same container. Of stack traces and consequences (a worker exits) some of the deployments are enough.
    pub others: usize,
}

impl Proposal {
    /// The `[[signature]]` block for `casefile.toml`. It advises, it never blocks.
    #[must_use]
    pub fn toml(&self) -> String {
        let (word, expect) = match self.expect {
            Expect::Success => ("Logged", "success"),
            Expect::Failure => ("Not logged", "failure"),
        };
        let title = toml_string(&format!("{word}: {}", headline(&self.template)));
        let pattern = toml_string(&self.pattern);
        let mut text = format!(
            "[[signature]]\nid = \"{}\"\ntitle = {title}\nexpect = \"{expect}\"\npattern = {pattern}\n",
            self.id
        );
        if !self.container.is_empty() {
            text.push_str(&format!("container = {}\n", toml_string(&self.container)));
        }
        if let Some(within) = self.within_s {
            text.push_str(&format!("within = \"{within}s\"\n"));
        }
        text.push_str("level = \"advise\"\n");
        text
    }
}
