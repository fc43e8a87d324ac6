//! A corpus of secrets, and of what looks like them: how many are found, and how much else is taken for one.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use casefile_collector::redact::{Counts, Redactor};

fn secrets() -> Vec<(String, String, String)> {
    let lines = include_str!("secrets/secrets.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.split('\t');
            let rule = parts.next().unwrap().to_owned();
            let mut text = || serde_json::from_str::<String>(parts.next().unwrap()).unwrap();
            let secret = text();
            (rule, secret, text())
        })
        .collect()
}

#[test]
fn secrets_are_found_and_what_is_none_stays() {
    let redactor = Redactor::standard();
    let (mut missed, mut beyond, mut found) = (Vec::new(), 0, 0);
    for (rule, secret, text) in secrets() {
        let mut counts = Counts::new();
        let redacted = redactor.redact_counted(&text, &mut counts);
        match (redacted.contains(&secret), rule.as_str()) {
            (true, "beyond") => beyond += 1,
            (true, _) => missed.push(format!("{rule}: {redacted}")),
            (false, "beyond") => missed.push(format!("{rule} is not beyond: {redacted}")),
            (false, _) => found += 1,
        }
    }
    let harmless: Vec<&str> = include_str!("secrets/harmless.txt").lines().collect();
    let taken: Vec<String> = harmless
        .iter()
        .filter_map(|line| {
            let redacted = redactor.redact_text(line);
            (redacted != **line).then(|| redacted.into_owned())
        })
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(taken.is_empty(), "{taken:#?}");
    insta::assert_snapshot!(
        format!("{found} of {} secrets found, {} harmless lines left as they are", found + beyond, harmless.len()),
        @"57 of 60 secrets found, 40 harmless lines left as they are"
    );
}
