#![no_main]

use casefile_analyzer::Pack;

// A check file, whatever it holds, is a check or an error that names the file; and so is its prose.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Pack::from_files("fuzz", [("a.sql".to_owned(), text.to_owned())].into()) {
        Ok(pack) => pack.checks().iter().for_each(|check| drop(check.prose())),
        Err(errors) => assert!(errors.iter().all(|error| error.file.contains("a.sql"))),
    }
});
