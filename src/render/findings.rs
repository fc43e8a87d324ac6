//! What `doctor` found.

use serde_json::json;

use super::markdown::{escape, table};
use super::page::{Page, Role};
use super::text::count;
use super::{Style, json as json_line};
use crate::doctor::{Finding, FindingStatus};
use crate::error::Error;
use crate::format::TableFormat;

impl FindingStatus {
    const fn sign(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Warning => "!",
            Self::Unknown => "?",
            Self::Problem => "✗",
        }
    }

    const fn role(self) -> Role {
        match self {
            Self::Ok => Role::Pass,
            Self::Warning | Self::Unknown => Role::Inconclusive,
            Self::Problem => Role::Fail,
        }
    }
}

/// # Errors
/// Only internal errors.
pub(crate) fn findings(findings: &[Finding], format: TableFormat, style: Style) -> Result<String, Error> {
    Ok(match format {
        TableFormat::Json => json_line(&json!({ "findings": findings }))?,
        TableFormat::Markdown => {
            let mut page = String::new();
            let rows = findings.iter().map(|it| {
                let remedy = it.remedy.as_deref().map(escape).unwrap_or_default();
                vec![it.status.sign().to_owned(), it.area.to_owned(), escape(&it.text), remedy]
            });
            table(&mut page, &["", "area", "finding", "remedy"], &rows.collect::<Vec<_>>());
            page + "\n" + &summary(findings) + "\n"
        }
        TableFormat::Terminal => {
            let mut page = Page::new(style);
            for Finding { area, status, text, remedy } in findings {
                page.item(0, HANG, status.role(), &format!("{} {area:<12} ", status.sign()), text);
                if let Some(remedy) = remedy {
                    page.line(HANG, Role::Plain, &format!("→ {remedy}"));
                }
            }
            page.gap();
            let worst = findings.iter().map(|it| it.status).max().unwrap_or(FindingStatus::Ok);
            page.line(0, worst.role(), &summary(findings));
            page.finish()
        }
    })
}

/// The column of the texts.
const HANG: usize = 15;

fn summary(findings: &[Finding]) -> String {
    let of = |status: FindingStatus| findings.iter().filter(|it| it.status == status).count();
    let (problems, unknown, warnings) =
        (of(FindingStatus::Problem), of(FindingStatus::Unknown), of(FindingStatus::Warning));
    let mut parts = Vec::new();
    if problems > 0 {
        parts.push(count(problems, "problem", "problems"));
    }
    if unknown > 0 {
        parts.push(format!("{unknown} not checked"));
    }
    if warnings > 0 {
        parts.push(count(warnings, "warning", "warnings"));
    }
    if problems > 0 {
        format!("{}: a collection would fail or lack evidence", parts.join(", "))
    } else if unknown > 0 {
        format!("not everything could be checked: {}", parts.join(", "))
    } else if parts.is_empty() {
        "ready to collect".to_owned()
    } else {
        format!("ready to collect: {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_on_a_terminal_and_in_markdown() {
        let found = [
            Finding::ok("config", "casefile.toml: 3 signatures"),
            Finding::problem(
                "permissions",
                "logs:FilterLogEvents: AccessDeniedException: | no",
                "allow logs:FilterLogEvents",
            ),
            Finding::unknown("archive", "nothing is in it yet", "the first addition tells"),
        ];
        let style = Style { color: false, width: 60, verbose: false };
        insta::assert_snapshot!(findings(&found, TableFormat::Terminal, style).unwrap());
        insta::assert_snapshot!(findings(&found, TableFormat::Markdown, style).unwrap());
    }
}
