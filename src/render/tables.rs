//! The reference of tables.

use casefile_analyzer::{ColumnDoc, TableDoc, table_docs};
use serde_json::json;

use super::Style;
use super::markdown::{code, escape, line, table};
use super::page::{Page, Role};
use crate::error::Error;
use crate::format::TableFormat;

/// Every table and view, with its columns.
///
/// # Errors
/// For JUnit; else only by a fault of this program.
pub(crate) fn tables(format: TableFormat, style: Style) -> Result<String, Error> {
    let docs = table_docs();
    match format {
        TableFormat::Terminal => Ok(terminal(&docs, style)),
        TableFormat::Json => json(&docs),
        TableFormat::Markdown => Ok(markdown(&docs)),
    }
}

fn type_of(column: &ColumnDoc) -> String {
    format!("{}{}", column.sql_type, if column.nullable { "" } else { " not null" })
}

fn terminal(docs: &[TableDoc], style: Style) -> String {
    let mut page = Page::new(style);
    for doc in docs {
        page.gap();
        let kind = if doc.derived { " (derived)" } else { "" };
        page.item(0, 2, Role::Strong, &doc.name, &format!("{kind}  {}", doc.doc));
        let name_width = doc.columns.iter().map(|column| column.name.len()).max().unwrap_or_default();
        for column in &doc.columns {
            let lead = format!("{:<name_width$}  {:<18} ", column.name, type_of(column));
            // Beside the names where there is room for it, else under them.
            let hang = if name_width + 23 < style.width / 2 { name_width + 23 } else { 6 };
            page.item(2, hang, Role::Plain, &lead, &column.doc);
        }
    }
    page.finish()
}

fn json(docs: &[TableDoc]) -> Result<String, Error> {
    let column = |column: &ColumnDoc| json!({ "name": column.name, "type": column.sql_type, "nullable": column.nullable, "doc": column.doc });
    let tables: Vec<_> = docs
        .iter()
        .map(|doc| {
            let columns: Vec<_> = doc.columns.iter().map(column).collect();
            json!({ "name": doc.name, "doc": doc.doc, "derived": doc.derived, "columns": columns })
        })
        .collect();
    super::json(&tables)
}

fn markdown(docs: &[TableDoc]) -> String {
    let mut page = String::new();
    for doc in docs {
        line(&mut page, &format!("## {}", code(&doc.name)));
        let derived = if doc.derived { "Derived, not stored. " } else { "" };
        line(&mut page, &format!("{derived}{}", prose(&doc.doc)));
        let rows: Vec<Vec<String>> =
            doc.columns.iter().map(|column| vec![code(&column.name), type_of(column), prose(&column.doc)]).collect();
        table(&mut page, &["column", "type", "meaning"], &rows);
    }
    page.truncate(page.trim_end().len());
    page + "\n"
}

/// Documentation is Markdown already, as far as its code spans go.
fn prose(doc: &str) -> String {
    let parts: Vec<String> =
        doc.split('`').enumerate().map(|(n, part)| if n % 2 == 0 { escape(part) } else { code(part) }).collect();
    parts.concat()
}

#[cfg(test)]
mod tests {
    use casefile_evidence::tables::all;

    use super::*;

    #[test]
    fn every_table_and_column_is_listed_in_every_format() {
        let style = Style { color: false, width: 100, verbose: false };
        for format in [TableFormat::Terminal, TableFormat::Markdown, TableFormat::Json] {
            let text = tables(format, style).unwrap();
            for table in all() {
                assert!(text.contains(table.info.name), "{format:?} lacks {}", table.info.name);
                for column in &table.info.columns {
                    assert!(text.contains(column.name), "{format:?} lacks {}.{}", table.info.name, column.name);
                }
            }
            assert!(text.contains("signature_matches") && text.contains("latest_tasks"), "{format:?} lacks views");
        }
    }

    #[test]
    fn a_page_of_the_reference() {
        let first = |text: String| text.lines().take(12).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(first(
            tables(TableFormat::Terminal, Style { color: false, width: 100, verbose: false }).unwrap()
        ));
        insta::assert_snapshot!(first(
            tables(TableFormat::Markdown, Style { color: false, width: 100, verbose: false }).unwrap()
        ));
    }
}
