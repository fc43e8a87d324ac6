//! Pages of a table's columns, decompressed by one context for each thread.
//!
//! For each column that it reads, the Parquet reader makes two contexts of Zstandard: one for decompressing, and one for
//! compressing, which it does not need. In a small bundle, making them takes as long as everything else about reading. Here the
//! page reader is told that the pages are not compressed, so it returns them as they are stored, and this module decompresses
//! them. It reads what casefile writes: pages that say how long they are.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

/// Parquet has the size of a page in 32 bits.
const LARGEST_PAGE: u64 = i32::MAX as u64;

thread_local! {
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Row groups of a file.
pub(crate) struct Groups<F> {
    pub(crate) file: Arc<F>,
    pub(crate) metadata: Arc<ParquetMetaData>,
    /// Their numbers.
    pub(crate) groups: Range<usize>,
}

impl<F: ChunkReader + 'static> RowGroups for Groups<F> {
    fn num_rows(&self) -> usize {
        self.row_groups().map(|group| usize::try_from(group.num_rows()).unwrap_or_default()).sum()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let (file, metadata) = (Arc::clone(&self.file), Arc::clone(&self.metadata));
        Ok(Box::new(Chunks { file, metadata, column, groups: self.groups.clone() }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().get(self.groups.clone()).unwrap_or_default().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The chunks of a column, one for each row group.
struct Chunks<F> {
    file: Arc<F>,
    metadata: Arc<ParquetMetaData>,
    column: usize,
    groups: Range<usize>,
}

impl<F: ChunkReader + 'static> Iterator for Chunks<F> {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.metadata.row_groups().get(self.groups.next()?)?;
        Some(pages(&self.file, group, self.column))
    }
}

impl<F: ChunkReader + 'static> PageIterator for Chunks<F> {}

fn pages<F: ChunkReader + 'static>(
    file: &Arc<F>,
    group: &RowGroupMetaData,
    column: usize,
) -> Result<Box<dyn PageReader>> {
    let chunk = group.columns().get(column).ok_or_else(|| damaged("a row group lacks a column"))?;
    let rows = usize::try_from(group.num_rows()).map_err(|error| ParquetError::External(error.into()))?;
    let file = Arc::clone(file);
    if !matches!(chunk.compression(), Compression::ZSTD(_)) {
        return Ok(Box::new(SerializedPageReader::new(file, chunk, rows, None)?));
    }
    let as_stored = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
    Ok(Box::new(Decompressing(SerializedPageReader::new(file, &as_stored, rows, None)?)))
}

/// Decompresses the pages that are read.
struct Decompressing<F: ChunkReader>(SerializedPageReader<F>);

impl<F: ChunkReader> PageReader for Decompressing<F> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.0.get_next_page()? else { return Ok(None) };
        let (buffer, before) = match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => (buf, 0),
            // Levels stand before the values, and are never compressed.
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed: true, .. } => {
                (buf, def_levels_byte_len.saturating_add(*rep_levels_byte_len) as usize)
            }
            Page::DataPageV2 { .. } => return Ok(Some(page)),
        };
        *buffer = decompressed(buffer, before)?;
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.0.at_record_boundary()
    }
}

impl<F: ChunkReader> Iterator for Decompressing<F> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// The page, of which the first bytes are not compressed.
fn decompressed(page: &Bytes, before: usize) -> Result<Bytes> {
    let (before, compressed) =
        page.split_at_checked(before).ok_or_else(|| damaged("a page is shorter than its levels"))?;
    // A page without values.
    if compressed.is_empty() {
        return Ok(page.clone());
    }
    let size = get_frame_content_size(compressed).ok().flatten().filter(|size| *size <= LARGEST_PAGE);
    let size = size.and_then(|size| usize::try_from(size).ok());
    let size = size.ok_or_else(|| damaged("a compressed page does not say how long it is"))?;
    let values = DECOMPRESSOR.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(Decompressor::new()?),
        };
        context.decompress(compressed, size)
    });
    let mut values = values.map_err(|error| ParquetError::External(error.into()))?;
    if !before.is_empty() {
        values.splice(..0, before.iter().copied());
    }
    Ok(values.into())
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatch;
    use arrow::datatypes::{DataType, Field, Schema};
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};
    use parquet::arrow::{ArrowWriter, ProjectionMask, parquet_to_arrow_field_levels};
    use parquet::basic::ZstdLevel;
    use parquet::file::properties::{WriterProperties, WriterVersion};

    use super::*;

    /// Texts that repeat and texts that do not, and nulls, in several row groups and pages.
    fn file(compression: Compression, version: WriterVersion) -> Bytes {
        use arrow::array::{Int64Array, ListArray, StringArray};
        use arrow::datatypes::Int64Type;
        let rows = 0..1000_i64;
        let columns: Vec<arrow::array::ArrayRef> = vec![
            Arc::new(Int64Array::from_iter(rows.clone().map(|row| (row % 3 != 0).then_some(row)))),
            Arc::new(StringArray::from_iter(
                rows.clone().map(|row| (row % 5 != 0).then(|| format!("name {}", row % 7))),
            )),
            Arc::new(StringArray::from_iter_values(rows.clone().map(|row| format!("{{\"row\":{row}}}").repeat(9)))),
            Arc::new(StringArray::from_iter(rows.clone().map(|_| None::<&str>))),
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(
                rows.map(|row| (row % 4 != 0).then(|| (0..row % 6).map(Some).collect::<Vec<_>>())),
            )),
        ];
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        let types = [DataType::Int64, DataType::Utf8, DataType::Utf8, DataType::Utf8, list];
        let fields = types.into_iter().zip('a'..).map(|(data_type, name)| Field::new(name, data_type, true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_writer_version(version)
            .set_max_row_group_row_count(Some(300))
            .set_data_page_row_count_limit(70)
            .set_write_batch_size(64)
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties)).unwrap();
        writer.write(&RecordBatch::try_new(schema, columns).unwrap()).unwrap();
        writer.into_inner().unwrap().into()
    }

    fn read(file: &Bytes) -> std::result::Result<Vec<RecordBatch>, Box<dyn std::error::Error>> {
        let footer = ArrowReaderMetadata::load(file, Default::default())?;
        let levels = parquet_to_arrow_field_levels(footer.parquet_schema(), ProjectionMask::all(), None)?;
        let (file, metadata) = (Arc::new(file.clone()), Arc::clone(footer.metadata()));
        let groups = Groups { file, metadata, groups: 0..footer.metadata().num_row_groups() };
        let batches = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &groups, 128, None)?;
        Ok(batches.collect::<std::result::Result<_, _>>()?)
    }

    #[test]
    fn gives_what_the_parquet_reader_gives() {
        let zstd = Compression::ZSTD(ZstdLevel::try_new(3).unwrap());
        for compression in [zstd, Compression::UNCOMPRESSED] {
            for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
                let file = file(compression, version);
                let theirs = ParquetRecordBatchReader::try_new(file.clone(), 128).unwrap();
                let theirs: Vec<RecordBatch> = theirs.map(std::result::Result::unwrap).collect();
                assert_eq!(theirs.iter().map(RecordBatch::num_rows).sum::<usize>(), 1000);
                assert_eq!(read(&file).unwrap(), theirs, "{compression} {version:?}");
            }
        }
    }

    #[test]
    fn a_damaged_page_is_an_error_or_other_bytes() {
        let page: Bytes = zstd::bulk::compress("a text, again and again; ".repeat(50).as_bytes(), 3).unwrap().into();
        assert_eq!(decompressed(&page, 0).unwrap().len(), 1250);
        let errors = (0..page.len() * 8).filter(|bit| {
            let mut damaged = page.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            decompressed(&damaged.into(), 0).is_err()
        });
        assert!(errors.count() > 100);
        assert!((1..page.len()).all(|end| decompressed(&page.slice(..end), 0).is_err()));
        assert!(decompressed(&page, page.len() + 1).is_err());
        // A frame that does not say how long it is.
        assert!(decompressed(&zstd::stream::encode_all(&b"text"[..], 3).unwrap().into(), 0).is_err());
    }
}
