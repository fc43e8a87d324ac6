//! Malformed check files: each is a check, or an error that names the file and its line. The fuzzer's
//! seeds,
//! cut anywhere and with their lines in any order.

use std::error::Error;
use std::fs;
use std::path::Path;

use casefile_analyzer::Pack;

fn read(text: &str) {
    match Pack::from_files("q", [("a.sql".to_owned(), text.to_owned())].into()) {
        Ok(pack) => pack.checks().iter().for_each(|check| drop(check.prose())),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert_eq!(error.file, "q/a.sql", "{error}");
                assert!(
                    error.line.is_none_or(|line| line >= 1 && line <= text.lines().count().max(1) as u64 + 1),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn every_seed_cut_anywhere_is_a_check_or_an_error() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/header");
    let mut seeds = 0;
    for entry in fs::read_dir(folder)? {
        let text = fs::read_to_string(entry?.path())?;
        seeds += 1;
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            read(&text[..end]);
        }
        let lines: Vec<&str> = text.lines().collect();
        for shift in 0..lines.len() {
            let mut turned = lines.clone();
            turned.rotate_left(shift);
            read(&turned.join("\n"));
            turned.remove(0);
            read(&turned.join("\n"));
        }
    }
    assert!(seeds >= 10, "only {seeds} seeds");
    Ok(())
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_check_or_an_error(text in "(--[ a-z=\\[\\]\"{}0-9.#]{0,30}\n){0,8}[ -~]{0,40}") {
        read(&text);
    }
}
