//! Rows as Rust structs, and how a struct becomes an Arrow table.
//!
//! A table is declared once, with `table!`: the struct, its Arrow schema, its builder, its reader and
//! the documentation of its columns all come from that declaration. Columns stand in sort order, so a
//! row's derived `Ord` *is* the table's total order.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, BooleanBuilder, Int64Array, Int64Builder, RecordBatch, StringArray, StringBuilder,
    TimestampMillisecondArray, TimestampMillisecondBuilder,
};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};

use crate::time::Timestamp;

/// What a table is, for the reference page and for `inspect`.
#[derive(Debug, Clone)]
pub struct TableInfo {
    /// The table's name, which is also its file's: `<name>.parquet`.
    pub name: &'static str,
    /// What one row is.
    pub doc: String,
    /// How many leading columns are the sort key. The remaining columns break ties.
    pub sort_key: usize,
    /// The columns in file order.
    pub columns: Vec<ColumnInfo>,
}

/// One column of a [`TableInfo`].
#[derive(Debug, Clone)]
pub struct ColumnInfo {
    /// The column's name.
    pub name: &'static str,
    /// Its Arrow type.
    pub data_type: DataType,
    /// Whether AWS may leave it out.
    pub nullable: bool,
    /// What it holds, and of which AWS field.
    pub doc: String,
}

/// A row of one table.
pub trait Row: Clone + Ord + Send + 'static {
    /// The table that this is a row of.
    const TABLE: &'static str;
    /// The schema version of the table, written into the bundle's manifest.
    const VERSION: u32;
    /// Collects rows into a batch.
    type Columns: Columns<Row = Self>;

    /// The table's Arrow schema.
    fn schema() -> SchemaRef;
    /// The table's documentation.
    fn info() -> TableInfo;
    /// Reads every row of a batch that has exactly [`Row::schema`]. `None` where it has not.
    fn from_batch(batch: &RecordBatch) -> Option<Vec<Self>>;
    /// About how many bytes the row holds, for bounding buffers.
    fn weight(&self) -> usize;
    /// The same of a row of a batch that has exactly [`Row::schema`].
    fn weight_at(batch: &RecordBatch, row: usize) -> usize;
}

/// The growing columns of one table.
pub trait Columns: Default + Send {
    /// What is appended.
    type Row: Row<Columns = Self>;
    /// Appends one row.
    fn append(&mut self, row: &Self::Row);
    /// Takes what was appended, leaving the columns empty.
    fn finish(&mut self) -> Vec<ArrayRef>;
}

/// A Rust type that is a column.
pub trait Cell: Sized {
    /// Collects the column.
    type Builder: Default + Send;
    /// Whether the column admits nulls.
    const NULLABLE: bool;
    /// The column's Arrow type.
    fn data_type() -> DataType;
    /// Appends this value.
    fn append(&self, builder: &mut Self::Builder);
    /// Takes the column, leaving the builder empty.
    fn finish(builder: &mut Self::Builder) -> ArrayRef;
    /// Reads a row of a column; `None` where the column has another type.
    fn read(column: &dyn Array, row: usize) -> Option<Self>;
    /// As [`Cell::read`]; shares what it can with the cell of the row before.
    fn read_after(column: &dyn Array, row: usize, _before: &Self) -> Option<Self> {
        Self::read(column, row)
    }
    /// About how many bytes the value holds.
    fn weight(&self) -> usize {
        8
    }
    /// The same of a row of a column.
    fn weight_at(_column: &dyn Array, _row: usize) -> usize {
        8
    }
}

/// Appends UTC milliseconds; a type of its own because the zone is part of the Arrow type.
#[derive(Debug)]
pub struct UtcBuilder(TimestampMillisecondBuilder);

impl Default for UtcBuilder {
    fn default() -> Self {
        Self(TimestampMillisecondBuilder::new().with_timezone("UTC"))
    }
}

/// The Arrow type of every time column.
pub fn utc_millis() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// What a text takes besides its bytes.
const TEXT: usize = 24;

macro_rules! cell {
    ($ty:ty, $builder:ty, $array:ty, $data_type:expr, |$value:ident, $b:ident| $append:expr, |$a:ident, $i:ident| $read:expr $(, weight |$w:ident| $weight:expr, $weight_at:expr)?) => {
        impl Cell for $ty {
            type Builder = $builder;
            const NULLABLE: bool = false;
            fn data_type() -> DataType {
                $data_type
            }
            fn append(&self, $b: &mut Self::Builder) {
                let $value = self;
                $append
            }
            fn finish(builder: &mut Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
            fn read(column: &dyn Array, $i: usize) -> Option<Self> {
                let $a = column.as_any().downcast_ref::<$array>()?;
                Some($read)
            }
            $(fn weight(&self) -> usize {
                let $w = self;
                $weight
            }
            fn weight_at(column: &dyn Array, row: usize) -> usize {
                $weight_at(column, row)
            })?
        }
        impl Cell for Option<$ty> {
            type Builder = $builder;
            const NULLABLE: bool = true;
            fn data_type() -> DataType {
                $data_type
            }
            fn append(&self, $b: &mut Self::Builder) {
                match self {
                    Some($value) => $append,
                    None => $b.append_null(),
                }
            }
            fn finish(builder: &mut Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
            fn read(column: &dyn Array, $i: usize) -> Option<Self> {
                let $a = column.as_any().downcast_ref::<$array>()?;
                Some(if $a.is_null($i) { None } else { Some($read) })
            }
            fn weight(&self) -> usize {
                self.as_ref().map_or(1, Cell::weight)
            }
            fn weight_at(column: &dyn Array, row: usize) -> usize {
                if column.is_null(row) { 1 } else { <$ty as Cell>::weight_at(column, row) }
            }
        }
    };
}

cell!(
    String,
    StringBuilder,
    StringArray,
    DataType::Utf8,
    |v, b| b.append_value(v),
    |a, i| a.value(i).to_owned(),
    weight | v | v.len() + TEXT,
    |column: &dyn Array, row| {
        let texts = column.as_any().downcast_ref::<StringArray>();
        TEXT + texts.map_or(0, |texts| usize::try_from(texts.value_length(row)).unwrap_or(0))
    }
);
cell!(i64, Int64Builder, Int64Array, DataType::Int64, |v, b| b.append_value(*v), |a, i| a.value(i));
cell!(bool, BooleanBuilder, BooleanArray, DataType::Boolean, |v, b| b.append_value(*v), |a, i| a.value(i));

impl Cell for Timestamp {
    type Builder = UtcBuilder;
    const NULLABLE: bool = false;
    fn data_type() -> DataType {
        utc_millis()
    }
    fn append(&self, builder: &mut UtcBuilder) {
        builder.0.append_value(self.0);
    }
    fn finish(builder: &mut UtcBuilder) -> ArrayRef {
        Arc::new(builder.0.finish())
    }
    fn read(column: &dyn Array, row: usize) -> Option<Self> {
        let column = column.as_any().downcast_ref::<TimestampMillisecondArray>()?;
        Some(Self(column.value(row)))
    }
}

impl Cell for Option<Timestamp> {
    type Builder = UtcBuilder;
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        utc_millis()
    }
    fn append(&self, builder: &mut UtcBuilder) {
        builder.0.append_option(self.map(|at| at.0));
    }
    fn finish(builder: &mut UtcBuilder) -> ArrayRef {
        Arc::new(builder.0.finish())
    }
    fn read(column: &dyn Array, row: usize) -> Option<Self> {
        let column = column.as_any().downcast_ref::<TimestampMillisecondArray>()?;
        Some(column.is_valid(row).then(|| Timestamp(column.value(row))))
    }
}

/// Joins the lines of a doc comment into one paragraph: for [`table!`](crate::table).
#[doc(hidden)]
pub fn doc(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Declares a table: `table!(/// doc  Row => "name", version 1, sort 2 { /// doc  column: Type, ... })`.
#[macro_export]
macro_rules! table {
    (
        $(#[doc = $doc:expr])*
        $row:ident => $name:literal, version $version:literal, sort $sort:literal {
            $( $(#[doc = $column_doc:expr])* $column:ident: $ty:ty, )+
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $row {
            $( $(#[doc = $column_doc])* pub $column: $ty, )+
        }

        const _: () = {
            use std::sync::{Arc, LazyLock};
            use arrow::array::{ArrayRef, RecordBatch};
            use arrow::datatypes::{Field, Schema, SchemaRef};
            use $crate::{Cell, ColumnInfo, Columns, Row, TableInfo};

            static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
                Arc::new(Schema::new(vec![
                    $( Field::new(stringify!($column), <$ty as Cell>::data_type(), <$ty as Cell>::NULLABLE), )+
                ]))
            });

            #[derive(Default)]
            pub struct Builders {
                $( $column: <$ty as Cell>::Builder, )+
            }

            impl Columns for Builders {
                type Row = $row;
                fn append(&mut self, row: &$row) {
                    $( row.$column.append(&mut self.$column); )+
                }
                fn finish(&mut self) -> Vec<ArrayRef> {
                    vec![ $( <$ty as Cell>::finish(&mut self.$column), )+ ]
                }
            }

            impl Row for $row {
                const TABLE: &'static str = $name;
                const VERSION: u32 = $version;
                type Columns = Builders;
                fn schema() -> SchemaRef {
                    Arc::clone(&SCHEMA)
                }
                fn info() -> TableInfo {
                    TableInfo {
                        name: $name,
                        doc: $crate::doc(&[$($doc),*]),
                        sort_key: $sort,
                        columns: vec![ $( ColumnInfo {
                            name: stringify!($column),
                            data_type: <$ty as Cell>::data_type(),
                            nullable: <$ty as Cell>::NULLABLE,
                            doc: $crate::doc(&[$($column_doc),*]),
                        }, )+ ],
                    }
                }
                fn from_batch(batch: &RecordBatch) -> Option<Vec<Self>> {
                    if batch.schema_ref().fields() != SCHEMA.fields() {
                        return None;
                    }
                    let mut rows: Vec<Self> = Vec::with_capacity(batch.num_rows());
                    for row in 0..batch.num_rows() {
                        let mut at = 0;
                        $(
                            let column = batch.column(at).as_ref();
                            let $column = match rows.last() {
                                Some(before) => <$ty as Cell>::read_after(column, row, &before.$column)?,
                                None => <$ty as Cell>::read(column, row)?,
                            };
                            at += 1;
                        )+
                        let _ = at;
                        rows.push($row { $( $column, )+ });
                    }
                    Some(rows)
                }
                fn weight(&self) -> usize {
                    0 $( + Cell::weight(&self.$column) )+
                }
                fn weight_at(batch: &RecordBatch, row: usize) -> usize {
                    let mut columns = batch.columns().iter();
                    let mut weight = 0;
                    $(
                        weight += columns.next().map_or(0, |column| <$ty as Cell>::weight_at(column.as_ref(), row));
                        let _ = stringify!($column);
                    )+
                    weight
                }
            }
        };
    };
}
