//! Checks and configs are untrusted input: errors name the file and the line.

use std::fs;

use crate::{casefile, casefile_in, import, text};

const HEADER: &str = "-- id = \"test.check\"\n-- title = \"A check\"\n-- level = \"block\"\n-- owner = \"service\"\n-- requires = [\"tasks\"]\n-- conclusive = \"fail\"\n-- advice = \"None.\"\n";

#[test]
fn a_check_that_cannot_be_used_is_a_usage_error_that_names_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let row = "'x' AS resource, 'pass' AS status, 'y' AS reason";
    for (name, sql, line, word) in [
        ("syntax", format!("SELECT {row}\nFROM tasks WHERE WHERE"), 9, "WHERE"),
        ("column", format!("SELECT {row},\n  nonsense_column\nFROM tasks"), 9, "nonsense_column"),
        ("table", format!("SELECT {row}\nFROM no_such_table"), 9, "no_such_table"),
        ("now", format!("SELECT {row}\nFROM tasks WHERE created_at < now()"), 9, "now"),
        ("current", format!("SELECT {row}\nFROM tasks WHERE created_at < current_timestamp"), 9, "current_timestamp"),
        ("random", format!("SELECT {row}\nFROM tasks WHERE random() < 0.5"), 9, "random"),
        ("second", format!("SELECT {row} FROM tasks;\nSELECT 1"), 9, "statement"),
        ("copy", "COPY tasks TO '/tmp/stolen.csv'".to_owned(), 8, "SELECT"),
        ("insert", "INSERT INTO tasks SELECT * FROM tasks".to_owned(), 8, "SELECT"),
        ("set", "SET datafusion.execution.time_zone = '+01:00'".to_owned(), 8, "SELECT"),
        ("explain", format!("EXPLAIN ANALYZE SELECT {row} FROM tasks"), 8, "SELECT"),
        ("file", format!("SELECT {row}\nFROM '/etc/passwd'"), 9, "/etc/passwd"),
        ("sample", format!("SELECT {row}\nFROM tasks TABLESAMPLE SYSTEM (10)"), 9, "TABLESAMPLE"),
        ("bomb", format!("SELECT {row}\nFROM tasks WHERE repeat(cpu, 1000000000) IS NOT NULL"), 9, "repeat"),
        ("endless", format!("SELECT {row}\nFROM tasks WHERE {} > 0", ["1"; 20_000].join(" + ")), 9, "words"),
        ("no status", "SELECT 'x' AS resource, 'y' AS reason FROM tasks".to_owned(), 8, "status"),
    ] {
        let queries = folder.path().join(format!("queries-{name}"));
        fs::create_dir(&queries).unwrap();
        fs::write(queries.join("bad.sql"), format!("{HEADER}{sql}\n")).unwrap();
        for arguments in [
            vec!["check", "lint", "--queries", text(&queries)],
            vec!["analyze", text(&bundle), "--queries", text(&queries)],
        ] {
            let run = casefile(&arguments);
            assert_eq!(run.code, 2, "{name}: {}{}", run.out, run.err);
            assert_eq!(run.out, "", "{name}");
            let place = format!("bad.sql:{line}:");
            let near = [place, format!("bad.sql:{}:", line - 1)];
            assert!(near.iter().any(|place| run.err.contains(place)), "{name}: {}", run.err);
            assert!(run.err.to_lowercase().contains(&word.to_lowercase()), "{name}: {}", run.err);
        }
    }
}

#[test]
fn a_header_that_cannot_be_used_is_named_too() {
    let folder = tempfile::tempdir().unwrap();
    let queries = folder.path().join("queries");
    fs::create_dir(&queries).unwrap();
    let sql = "SELECT 'x' AS resource, 'pass' AS status, 'y' AS reason FROM tasks\n";
    for (header, word) in [
        (HEADER.replace("-- level", "-- levle"), "levle"),
        (HEADER.replace("\"block\"", "\"blocking\""), "blocking"),
        (HEADER.replace("\"tasks\"", "\"taskss\""), "taskss"),
        (HEADER.replace("-- id = \"test.check\"\n", ""), "id"),
    ] {
        fs::write(queries.join("bad.sql"), format!("{header}{sql}")).unwrap();
        let run = casefile(&["check", "lint", "--queries", text(&queries)]);
        assert_eq!(run.code, 2, "{}{}", run.out, run.err);
        assert!(run.err.contains("bad.sql") && run.err.contains(word), "{word}: {}", run.err);
    }
}

#[test]
fn an_empty_pack_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let run = casefile(&["check", "lint", "--queries", text(folder.path())]);
    assert_eq!(run.code, 2, "{}{}", run.out, run.err);
}

#[test]
fn a_status_that_nobody_knows_is_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let queries = folder.path().join("queries");
    fs::create_dir(&queries).unwrap();
    // Written out, it is a mistake that is seen at once; computed, the check breaks when it runs.
    for (status, code) in [("'passed'", 2), ("concat('pas', 'sed')", 5)] {
        let sql = format!("SELECT task_id AS resource, {status} AS status, 'y' AS reason FROM tasks\n");
        fs::write(queries.join("bad.sql"), format!("{HEADER}{sql}")).unwrap();
        let run = casefile(&["analyze", text(&bundle), "--queries", text(&queries)]);
        assert_eq!(run.code, code, "{}{}", run.out, run.err);
        assert!(format!("{}{}", run.out, run.err).contains("passed"), "{}", run.err);
    }
}

#[test]
fn a_misspelt_key_of_the_config_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let config = folder.path().join("casefile.toml");
    for (text_of_config, word) in [
        ("service = \"a\"\nownr = \"b\"\n", "ownr"),
        ("[collect]\ntimeout = \"soon\"\n", "soon"),
        (
            "[[signature]]\nid = \"a.b\"\ntitle = \"t\"\nexpect = \"success\"\nwithin = \"60s\"\npatern = \"x\"\n",
            "patern",
        ),
        (
            "[[signature]]\nid = \"a.b\"\ntitle = \"t\"\nexpect = \"failure\"\npattern = \"(\"\n",
            "casefile.toml:2: signature \"a.b\"",
        ),
        ("[[signature]]\nid = \"a.b\"\ntitle = \"t\"\nexpect = \"failure\"\npattern = \"x*\"\n", "empty text"),
        ("[[signature]]\nid = \"a.b\"\ntitle = \"t\"\nexpect = \"success\"\npattern = \"x\"\n", "within"),
        ("[checks.\"rollout.complete\"]\nlevel = \"advise\"\n", "rollout.complete"),
    ] {
        fs::write(&config, text_of_config).unwrap();
        let run = casefile(&["analyze", text(&bundle), "--config", text(&config)]);
        assert_eq!(run.code, 2, "{word}: {}{}", run.out, run.err);
        assert!(run.err.contains(word) && run.err.contains("casefile.toml"), "{word}: {}", run.err);
    }
    let run = casefile_in(folder.path(), &["analyze", text(&bundle), "--config", "nowhere.toml"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("nowhere.toml"), "{}", run.err);
}

#[test]
fn the_built_in_pack_and_the_shipped_config_are_sound() {
    let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bf-manage-core/casefile.toml");
    let run = casefile(&["check", "lint", "--config", text(&config)]);
    assert_eq!(run.code, 0, "{}", run.err);
    let run = casefile(&["check", "explain", "--config", text(&config)]);
    for id in run.out.lines().filter_map(|line| line.split_whitespace().next()) {
        let explained = casefile(&["check", "explain", id, "--config", text(&config)]);
        assert_eq!(explained.code, 0, "{id}: {}", explained.err);
        assert!(explained.out.contains("advice"), "{id} gives no advice");
    }
    assert_eq!(casefile(&["check", "explain", "rollout.nothing"]).code, 2);
}

#[test]
fn a_new_check_works_as_it_is_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let run = casefile_in(folder.path(), &["check", "new", "agents.connected"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(
        run.out.contains("checks/agents/connected.sql") && run.out.contains("check explain agents.connected BUNDLE")
    );
    let run = casefile_in(folder.path(), &["check", "lint", "--extra-queries", "checks"]);
    assert_eq!(run.code, 0, "{}", run.err);
    // Beside the built-in checks, it is tried on a recorded deployment.
    let bundle = import("healthy-migration", folder.path());
    let run = casefile_in(
        folder.path(),
        &["check", "explain", "agents.connected", text(&bundle), "--extra-queries", "checks"],
    );
    assert!(run.out.contains("outcome      pass: 2 judged, all pass"), "{}{}", run.out, run.err);
    let all = casefile_in(folder.path(), &["analyze", text(&bundle), "--extra-queries", "checks", "--format", "json"]);
    assert!(all.out.contains("\"agents.connected\"") && all.out.contains("\"rollout.completed\""), "{}", all.err);
    for (arguments, told) in [
        (vec!["check", "new", "agents.connected"], "exists already"),
        (vec!["check", "new", "Agents"], "<area>.<name>"),
        (vec!["check", "new", "agents.Conn ected"], "is not an id"),
        (vec!["check", "new", "rollout.completed"], "there is a check rollout.completed already"),
    ] {
        let run = casefile_in(folder.path(), &arguments);
        assert_eq!(run.code, 2, "{arguments:?}");
        assert!(run.err.contains(told), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn an_explanation_shows_sources_and_near_misses() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = import("healthy-migration", folder.path());
    let signature = |id: &str, container: &str, contains: &str| {
        format!(
            "[[signature]]\nid = \"{id}\"\ntitle = \"t\"\nexpect = \"success\"\nwithin = \"150s\"\ncontainer = \"{container}\"\n\
             contains = \"{contains}\"\n"
        )
    };
    let config = [
        signature("a.case", "app", "uvicorn RUNNING on"),
        signature("a.container", "otel", "Uvicorn running on"),
        signature("a.word", "app", "Application startup finished complete"),
        signature("a.nothing", "app", "zebra crossing"),
    ];
    fs::write(folder.path().join("casefile.toml"), config.concat()).unwrap();
    for (id, told) in [
        ("a.case", "upper and lower case differ"),
        ("a.container", "it matches, but in container app, not otel"),
        ("a.word", "it has 3 of 4 words, and not finished"),
        ("a.nothing", "near misses  lines that almost match\n  none"),
    ] {
        let run = casefile_in(folder.path(), &["check", "explain", id, text(&bundle), "--config", "casefile.toml"]);
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(run.out.contains(told), "{id}: {}", run.out);
        assert!(run.out.contains("complete   GetLogEvents /ecs/bf-manage-core ecs/app/"), "{id}: {}", run.out);
    }
}
