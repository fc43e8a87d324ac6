//! Measures the templates on LogHub-2k: `loghub FOLDER [SIMILARITY [PREFIX]]`, a folder of `*_2k.log_structured.csv`.
#![expect(clippy::print_stdout, reason = "a tool that prints a table")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use casefile_mine::{DrainOptions, mask, templates};

/// The share of lines whose group has exactly the lines of the true group.
fn grouping(found: &[usize], truth: &[String]) -> f64 {
    let mut by_found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut by_truth: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (line, (group, event)) in found.iter().zip(truth).enumerate() {
        by_found.entry(*group).or_default().push(line);
        by_truth.entry(event).or_default().push(line);
    }
    let right: usize =
        by_found.values().filter(|lines| by_truth[truth[lines[0]].as_str()] == **lines).map(Vec::len).sum();
    right as f64 / found.len() as f64
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: loghub FOLDER [SIMILARITY [PREFIX]]")?;
    let mut options = DrainOptions::default();
    if let Some(text) = arguments.next() {
        options.similarity = text.parse()?;
    }
    if let Some(text) = arguments.next() {
        options.prefix = text.parse()?;
    }
    let verbose = arguments.next();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.sort();
    let (mut sum_ga, mut sum_pa, mut lines, mut seconds, mut masking, mut count) = (0.0, 0.0, 0, 0.0, 0.0, 0.0);
    println!("{:<12} {:>6} {:>6} {:>6} {:>6}", "system", "GA", "PA", "found", "true");
    for file in files.iter().filter(|file| file.to_string_lossy().ends_with("_structured.csv")) {
        let mut reader = csv::Reader::from_path(file)?;
        let headers = reader.headers()?.clone();
        let column = |name: &str| headers.iter().position(|header| header == name).ok_or(format!("no column {name}"));
        let (content, event, template) = (column("Content")?, column("EventId")?, column("EventTemplate")?);
        let (mut texts, mut truth, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
        for row in reader.records() {
            let row = row?;
            texts.push(row[content].to_owned());
            truth.push(row[event].to_owned());
            wanted.push(row[template].split_whitespace().collect::<Vec<_>>().join(" "));
        }
        let begin = Instant::now();
        std::hint::black_box(texts.iter().map(|text| mask(text).len()).sum::<usize>());
        masking += begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let (found, names) = templates(texts.iter().map(String::as_str), options);
        seconds += begin.elapsed().as_secs_f64();
        let ga = grouping(&found, &truth);
        let right = found.iter().zip(&wanted).filter(|&(&group, want)| names[group] == *want).count();
        let pa = right as f64 / texts.len() as f64;
        let system = file.file_name().unwrap_or_default().to_string_lossy().replace("_2k.log_structured.csv", "");
        let events: std::collections::BTreeSet<_> = truth.iter().collect();
        println!("{system:<12} {ga:>6.3} {pa:>6.3} {:>6} {:>6}", names.len(), events.len());
        if verbose.as_deref() == Some(&system) {
            let mut shown: BTreeMap<(&str, usize), usize> = BTreeMap::new();
            for (group, event) in found.iter().zip(&wanted) {
                *shown.entry((event, *group)).or_default() += 1;
            }
            for ((event, group), number) in shown {
                println!("    {number:>5} {event}\n      {group:>3} {}", names[group]);
            }
        }
        sum_ga += ga;
        sum_pa += pa;
        lines += texts.len();
        count += 1.0;
    }
    println!("{:<12} {:>6.3} {:>6.3}", "average", sum_ga / count, sum_pa / count);
    println!(
        "{lines} lines in {seconds:.3} s, {:.0} lines/s; masking alone {:.0} lines/s",
        lines as f64 / seconds,
        lines as f64 / masking
    );
    Ok(())
}
