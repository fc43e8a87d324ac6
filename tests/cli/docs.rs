//! The pages of the project agree with the program.

use std::fs;
use std::path::Path;

use crate::casefile;

fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_reference_of_tables_is_current() {
    let run = casefile(&["query", "--tables", "--format", "markdown"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(page("docs/tables.md").ends_with(&run.out), "print it anew: casefile query --tables --format markdown");
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let folder = tempfile::tempdir().unwrap();
    let run = crate::casefile_in(folder.path(), &["demo", "--speed", "60", "-o", "demo.bundle"]);
    assert_eq!(run.code, 3, "{}", run.err);
    let readme = page("README.md");
    // The moment of the decision differs from run to run, and so does the state of the task. Its log lines do not.
    let shown = |start: &str, what: &str| {
        let line = run.out.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("no {start}: {}", run.out));
        assert!(line.starts_with(what) && readme.contains(what), "the README does not show: {line}");
    };
    shown("FAIL", "FAIL  delegate to manage-core team: ");
    shown("✗ tasks.exited", "✗ tasks.exited  No essential container of the release exited (service)");
}
