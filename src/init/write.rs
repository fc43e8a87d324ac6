//! The text of a first casefile.toml.

use std::fmt::Write;

use casefile_analyzer::{Expect, Level, Signature};
use casefile_evidence::Timestamp;

use super::{Candidate, Container, Facts, Proposed, unrecognised};
use crate::render::{cut_middle, short, visible};

/// Columns of a comment.
const WIDTH: usize = 110;

/// The config, with comments that say what was found.
pub(crate) fn config(facts: &Facts, proposed: &[Proposed<'_>]) -> String {
    let mut text = String::new();
    let (service, region) = (&facts.service, facts.region.as_deref());
    let _ = write!(
        text,
        "# How casefile judges deployments of {}. Keep this file beside the service.\n\
         #\n\
         # next:  casefile check lint     is this file sound?\n\
         #        casefile doctor         are names, permissions and log groups as they should be?\n\
         #        casefile validate       the step in the pipeline, after terraform apply\n\n\
         service = {}\n\
         owner = {}  # who takes over a failure of the service: change it\n\
         # runbook = \"https://...\"  # shown with a failure\n\n\
         [target]  # flags and --terraform-output win over these\n",
        visible(service),
        quoted(service),
        quoted(&format!("{service} team")),
    );
    if let Some(region) = region {
        let _ = writeln!(text, "region = {}", quoted(region));
    }
    let _ = writeln!(text, "cluster = {}\nservice = {}", quoted(&facts.cluster), quoted(service));
    let pinned = facts.terraform.iter().any(|(key, _)| *key == "expect_task_definition");
    text.push_str("\n[target.terraform]  # names of `terraform output` values, for --terraform-output\n");
    for (key, output) in &facts.terraform {
        let _ = writeln!(text, "{key} = {}", quoted(output));
    }
    if !pinned {
        text.push_str(
            "# Declare this output and remove the '#': it says which release was applied. Without it the newest rollout is judged.\n\
             # expect_task_definition = \"task_definition_arn\"\n",
        );
    }
    text.push_str(
        "\n[collect]\ntimeout = \"15m\"  # upper limit; the collection stops earlier once the verdict is final\n",
    );
    for it in proposed {
        section(&mut text, it);
    }
    for container in unrecognised(facts, proposed) {
        without_framework(&mut text, container);
    }
    text
}

fn section(text: &mut String, proposed: &Proposed<'_>) {
    let Proposed { container, framework, recognised, signatures } = proposed;
    let source = match (recognised, container.lines.len()) {
        (true, count) => format!("recognised in {count} lines of {}", task(container)),
        (false, 0) => "named by --framework; no line of the container was read".to_owned(),
        (false, count) => format!("named by --framework; not recognised in {count} lines of {}", task(container)),
    };
    let heading = format!("--- container {}: {} ", visible(&container.name), framework.name);
    let _ = write!(text, "\n# {heading:-<100}\n# {}; {source}\n", framework.about);
    for candidate in signatures {
        text.push('\n');
        if candidate.signature.expect == Expect::Success {
            comment(text, candidate.why);
        }
        remark(text, candidate, container);
        let off = if candidate.is_on(container) { "" } else { "# " };
        for line in block(&candidate.signature) {
            let _ = writeln!(text, "{off}{line}");
        }
        if candidate.signature.expect == Expect::Failure {
            let _ = writeln!(text, "{off}advice = {}", quoted(candidate.why));
        }
    }
}

/// What the log says of a signature.
fn remark(text: &mut String, candidate: &Candidate<'_>, container: &Container) {
    match (candidate.signature.expect, candidate.first) {
        (_, None) if container.lines.is_empty() => {}
        (Expect::Success, Some(first)) => {
            let _ = writeln!(text, "# Logged{}:", after(container, first.0));
            line(text, &first.1);
        }
        (Expect::Success, None) => {
            comment(
                text,
                "NOT FOUND in the lines that were read, so it is switched off: the program does not log it, or logged it earlier.",
            );
        }
        (Expect::Failure, Some(first)) => {
            let times =
                if candidate.matched == 1 { "one line".to_owned() } else { format!("{} lines", candidate.matched) };
            comment(
                text,
                &format!(
                    "MATCHES {times} of the release that runs, so it is switched off: check that this release is healthy."
                ),
            );
            line(text, &first.1);
        }
        (Expect::Failure, None) => {}
    }
}

fn without_framework(text: &mut String, container: &Container) {
    const SHOWN: usize = 3;
    let heading = format!("--- container {} ", visible(&container.name));
    let _ = writeln!(text, "\n# {heading:-<100}");
    if container.lines.is_empty() {
        comment(text, &format!("No line was read: it logs to {}.", container.logs_to));
        return;
    }
    let count = container.lines.len();
    comment(text, &format!("No framework was recognised in {count} lines of {}. The first of them:", task(container)));
    for (_, message) in container.lines.iter().take(SHOWN) {
        line(text, message);
    }
    if container.essential {
        comment(text, "Choose a line that every good start logs, once the program serves, and remove the '#':");
        let container = quoted(&container.name);
        let _ = writeln!(
            text,
            "# [[signature]]\n# id = \"service.started\"\n# title = \"The service started\"\n# expect = \"success\"\n\
             # contains = \"...\"\n# container = {container}\n# within = \"150s\""
        );
    }
}

fn task(container: &Container) -> String {
    match &container.task_id {
        Some(id) => format!("task {}", short(id)),
        None => "its log".to_owned(),
    }
}

/// How long after the task's creation.
fn after(container: &Container, at: Timestamp) -> String {
    let seconds = container.created_at.map(|created| at.millis_since(created) / 1000).filter(|seconds| *seconds >= 0);
    seconds.map_or_else(String::new, |seconds| format!(" {seconds} s after {} was created", task(container)))
}

/// The lines of a `[[signature]]`.
fn block(signature: &Signature) -> Vec<String> {
    let mut lines = vec!["[[signature]]".to_owned()];
    let mut field = |key: &str, value: &str| lines.push(format!("{key} = {}", quoted(value)));
    field("id", &signature.id);
    field("title", &signature.title);
    field("expect", if signature.expect == Expect::Success { "success" } else { "failure" });
    for (key, value) in [("pattern", &signature.pattern), ("contains", &signature.contains)] {
        if let Some(value) = value {
            field(key, value);
        }
    }
    for (key, value) in [("container", &signature.container), ("within", &signature.within)] {
        if let Some(value) = value {
            field(key, value);
        }
    }
    if signature.level == Level::Advise {
        field("level", "advise");
    }
    lines
}

/// A TOML string on one line: literal where that is easier to read.
fn quoted(text: &str) -> String {
    if text.contains(['\\', '"']) && !text.contains('\'') && !text.chars().any(char::is_control) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn comment(text: &mut String, words: &str) {
    for line in textwrap::wrap(&visible(words), WIDTH) {
        let _ = writeln!(text, "# {line}");
    }
}

/// A log line within a comment.
fn line(text: &mut String, message: &str) {
    let _ = writeln!(text, "#     {}", cut_middle(&visible(message.trim_end()), WIDTH));
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_string_is_one_line_that_reads_back() {
        for text in ["app", "a\nb", "it's \"x\"", "\\d+", "''\\\u{1}", "é", ""] {
            let quoted = quoted(text);
            assert!(!quoted.contains('\n'), "{quoted}");
            let read: toml::Table = toml::from_str(&format!("a = {quoted}")).unwrap();
            assert_eq!(read["a"].as_str(), Some(text), "{quoted}");
        }
    }
}
