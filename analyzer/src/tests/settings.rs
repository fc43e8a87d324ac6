//! Settings: each mistake names the signature and the key.

use super::world::{running_tasks, settings, signature};
use crate::settings::{CheckSettings, Settings};
use crate::{Expect, Signature, lint_signatures};

#[test]
fn every_mistake_names_the_signature_and_the_key() {
    let success = || signature("a.b", Expect::Success, "x");
    let cases: Vec<Signature> = vec![
        Signature { id: "A b".to_owned(), ..success() },
        Signature { id: "tasks.running".to_owned(), ..success() },
        Signature { id: "migration.heads".to_owned(), ..success() },
        Signature { title: String::new(), ..success() },
        Signature { contains: None, ..success() },
        Signature { contains: Some(String::new()), ..success() },
        Signature { pattern: Some("x".to_owned()), ..success() },
        Signature { contains: None, pattern: Some("Running (upgrade".to_owned()), ..success() },
        Signature { contains: None, pattern: Some("(a{1000}){1000}".to_owned()), ..success() },
        Signature { within: None, ..success() },
        Signature { within: Some("150".to_owned()), ..success() },
        Signature { within: Some("-5s".to_owned()), ..success() },
        Signature { expect: Expect::Failure, ..success() },
    ];
    let mut errors = Vec::new();
    for case in cases {
        let mut settings = settings();
        settings.signature.push(case);
        errors.extend(settings.validate(&running_tasks()).unwrap_err().iter().map(ToString::to_string));
    }
    let mut unknown = settings();
    unknown.checks.insert("tasks.runing".to_owned(), CheckSettings::default());
    errors.extend(unknown.validate(&running_tasks()).unwrap_err().iter().map(ToString::to_string));
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn a_pattern_that_no_line_can_match_is_found() {
    let mut settings = settings();
    assert_eq!(lint_signatures(&settings), []);
    let failure = |pattern: &str| Signature {
        contains: None,
        pattern: Some(pattern.to_owned()),
        ..signature("a.b", Expect::Failure, "")
    };
    settings.signature = vec![
        failure(r"\x1b\[31mERROR"),
        signature("a.c", Expect::Failure, "\u{1b}[31mERROR"),
        failure(r#"^\{"log":"FAILED"#),
        failure(r"\AFAILED"),
        failure(r"^FAILED: .*$"),
    ];
    let found = lint_signatures(&settings);
    insta::assert_snapshot!(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn reads_what_the_design_shows_and_refuses_a_misspelt_key() {
    let toml = r#"
service = "bf-manage-core"
owner = "manage-core team"
runbook = "https://runbooks.example"

[[signature]]
id = "migration.upgraded"
title = "Alembic finished its upgrade"
expect = "success"
pattern = 'Running upgrade \S* -> \w+'
container = "app"
within = "2m30s"

[checks."tasks.running"]
level = "advise"
"#;
    let settings: Settings = toml::from_str(toml).unwrap();
    let patterns = settings.compile(&running_tasks()).unwrap();
    assert_eq!(patterns[0].within_ms, 150_000);
    assert_eq!(settings.digest().unwrap(), toml::from_str::<Settings>(toml).unwrap().digest().unwrap());
    for (from, to) in [("within", "withn"), ("level", "levle"), ("runbook", "runbok")] {
        let error = toml::from_str::<Settings>(&toml.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(to), "{error}");
    }
}
