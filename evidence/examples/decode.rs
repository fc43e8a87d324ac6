//! Decodes the messages of a bundle's log lines and does nothing with them: no search in them can take less time.
//!
//!     cargo run --release --workspace --example decode -- BUNDLE

#![expect(clippy::print_stdout, reason = "an example speaks on its output")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use casefile_evidence::tables::LogEventRow;
use casefile_evidence::{Bundle, Row};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name the bundle")?;
    let bundle = Bundle::open(Path::new(&path))?;
    let message = LogEventRow::schema().index_of("message")?;
    let began = Instant::now();
    let mut lines = 0;
    for batch in bundle.columns(LogEventRow::TABLE, Some(&[message]))? {
        lines += batch?.num_rows();
    }
    println!("{lines} lines, {:.3} s", began.elapsed().as_secs_f64());
    Ok(())
}
