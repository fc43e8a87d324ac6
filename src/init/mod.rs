//! A first casefile.toml: what was found of a service, and the signatures of the frameworks that its logs show.
//!
//! Functions of values: `verbs::init` asks AWS.

mod terraform;
mod write;

use casefile_analyzer::{Expect, LineMatcher, Signature};
use casefile_evidence::Timestamp;
pub(crate) use terraform::Guessed;
pub(crate) use write::config;

use crate::error::Error;
use crate::library::Framework;

/// What was found of a service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) service: String,
    pub(crate) cluster: String,
    pub(crate) region: Option<String>,
    /// Keys of `[target.terraform]`, and the outputs that they name.
    pub(crate) terraform: Vec<(&'static str, String)>,
    pub(crate) containers: Vec<Container>,
    /// The task whose lines are read, and its status, if it does not run.
    pub(crate) not_running: Option<(String, String)>,
}

/// A container, and the first lines of the log of one task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) essential: bool,
    /// Where it logs, in words.
    pub(crate) logs_to: String,
    /// Its log group in CloudWatch Logs.
    pub(crate) log_group: Option<String>,
    /// The task whose lines these are.
    pub(crate) task_id: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) lines: Vec<(Timestamp, String)>,
}

/// The signatures that are proposed for a container.
#[derive(Debug)]
pub(crate) struct Proposed<'a> {
    pub(crate) container: &'a Container,
    pub(crate) framework: &'a Framework,
    /// Whether its lines were found, or a person named it.
    pub(crate) recognised: bool,
    pub(crate) signatures: Vec<Candidate<'a>>,
}

/// A proposed signature.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) signature: Signature,
    pub(crate) why: &'a str,
    /// The lines that it matches: how many, and the first.
    pub(crate) matched: usize,
    pub(crate) first: Option<&'a (Timestamp, String)>,
}

impl Candidate<'_> {
    /// Whether the log agrees: it has the success, or has not the failure.
    fn agrees(&self) -> bool {
        (self.signature.expect == Expect::Success) == (self.matched > 0)
    }

    /// Whether it is switched on: nothing contradicts it.
    pub(crate) fn is_on(&self, container: &Container) -> bool {
        container.lines.is_empty() || self.agrees()
    }
}

/// The containers for which nothing is proposed.
pub(crate) fn unrecognised<'a>(facts: &'a Facts, proposed: &[Proposed<'_>]) -> Vec<&'a Container> {
    facts.containers.iter().filter(|it| !proposed.iter().any(|known| known.container.name == it.name)).collect()
}

/// The frameworks that each container's lines show, and those that were `named`, which are of the first essential
/// container.
///
/// # Errors
/// Only internal errors.
pub(crate) fn propose<'a>(
    facts: &'a Facts,
    frameworks: &'a [Framework],
    named: &[String],
) -> Result<Vec<Proposed<'a>>, Error> {
    let mut proposed = Vec::new();
    let first = facts.containers.iter().position(|container| container.essential).unwrap_or(0);
    let known = frameworks.iter().map(|framework| Ok((framework, framework.recognizer()?)));
    let known = known.collect::<Result<Vec<_>, Error>>()?;
    for (number, container) in facts.containers.iter().enumerate() {
        for (framework, recognizer) in &known {
            let recognised = container.lines.iter().any(|(_, line)| recognizer.matches(line));
            if !recognised && (number != first || !named.contains(&framework.key)) {
                continue;
            }
            // Ids are unique in a config, whatever the containers are called.
            let before = proposed.iter().filter(|it: &&Proposed<'_>| it.framework.key == framework.key).count();
            let suffix = if before > 0 { format!(".{}", before + 1) } else { String::new() };
            let signatures = framework.signature.iter().map(|proposal| {
                let matcher: LineMatcher = proposal.signature.line_matcher().map_err(Error::internal)?;
                let matched: Vec<_> = container.lines.iter().filter(|(_, line)| matcher.matches(line)).collect();
                let signature = Signature {
                    id: format!("{}{suffix}", proposal.signature.id),
                    container: Some(container.name.clone()),
                    ..proposal.signature.clone()
                };
                Ok(Candidate { signature, why: &proposal.why, matched: matched.len(), first: matched.first().copied() })
            });
            let signatures = signatures.collect::<Result<Vec<_>, Error>>()?;
            proposed.push(Proposed { container, framework, recognised, signatures });
        }
    }
    Ok(proposed)
}
