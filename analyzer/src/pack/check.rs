//! One check: a header and a query.

use super::header::Header;
use crate::error::SpecError;
use crate::sandbox::first_line;

/// A check as its file says it. Its query is looked at when it is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The file, for messages.
    pub file: String,
    /// Its header.
    pub header: Header,
    /// The whole file, header included: lines of an error are lines of the file.
    pub sql: String,
}

impl Check {
    /// Reads a check.
    ///
    /// # Errors
    /// Where the header is wrong; the error names the line.
    pub fn parse(file: String, content: String) -> Result<Self, SpecError> {
        let header = Header::parse(&file, &content)?;
        Ok(Self { file, header, sql: content })
    }

    /// The line on which the query begins.
    pub(crate) fn query_line(&self) -> u64 {
        first_line(&self.sql)
    }

    /// The prose of the file: the TOML comments of its header, and the comments before its query.
    pub fn prose(&self) -> String {
        let lines = self.sql.lines().map_while(|line| {
            let line = line.trim();
            line.strip_prefix("--").or(line.is_empty().then_some("")).map(str::trim)
        });
        lines.filter_map(|line| line.strip_prefix('#')).map(str::trim).collect::<Vec<_>>().join("\n")
    }
}
