//! The documentation of everything that a query can read.

use casefile_evidence::{Table, tables as stored_tables};

use crate::signature;
use crate::tables::{ColumnDoc, TableDoc, rollout_docs, view_doc, view_files};

/// Every table and view that a check or a query can read: the bundle's tables in their own order, then
/// the derived tables.
pub fn table_docs() -> Vec<TableDoc> {
    let stored = stored_tables::all();
    let doc = |table: &Table| TableDoc {
        name: table.info.name.to_owned(),
        doc: table.info.doc.clone(),
        derived: false,
        columns: table.info.columns.iter().map(ColumnDoc::from).collect(),
    };
    let mut docs: Vec<TableDoc> = stored.iter().map(doc).collect();
    docs.extend(rollout_docs());
    docs.extend(view_files().map(|(name, sql)| view_doc(name, sql, stored)));
    docs.extend(signature::table_docs());
    docs
}
