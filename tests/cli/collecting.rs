//! The real SDK over real HTTP, against the endpoint that plays a recording.

use std::collections::BTreeMap;
use std::fs;

use std::path::{Path, PathBuf};

use casefile_collector::document::Operation;
use casefile_collector::recording::Recording;
use casefile_evidence::tables::{ApiCallRow, LogEventRow, TaskDefinitionRow};
use casefile_evidence::{Bundle, Timestamp};
use casefile_fixtures::cases;
use casefile_fixtures::endpoint::{Endpoint, Fault, FaultKind, Playback, World};

#[cfg(unix)]
use crate::signalled;
use crate::{Run, casefile, cases as folder_of_cases, command, ended, import, outcomes, text};

/// Cases that are played to the real collector; all of them would take too long. One of each kind of end.
const PLAYED: [&str; 10] = [
    "blue-green-with-bake-time",
    "circuit-breaker-rollback",
    "crash-after-completed",
    "first-deployment-failed",
    "healthy-migration",
    "image-cannot-be-pulled",
    "logs-denied",
    "rolled-back-known-by-events",
    "spot-loss-replaced",
    "superseded",
];

/// Recorded seconds for each real one.
const SPEED: f64 = 60.0;

pub(crate) struct Played {
    runtime: tokio::runtime::Runtime,
    pub(crate) endpoint: Endpoint,
    origin: Timestamp,
    speed: f64,
    recording: Recording,
    started: std::time::Instant,
}

pub(crate) fn play(case: &str, faults: Vec<Fault>) -> Played {
    play_at(SPEED, case, faults)
}

/// So slowly that a machine which has other things to do sees the rollout on its way all the same.
const SLOWLY: f64 = 2.0;

pub(crate) fn play_at(speed: f64, case: &str, faults: Vec<Fault>) -> Played {
    let recording = Recording::open(&folder_of_cases().join(case)).unwrap();
    let origin = recording.snapshots[0].observed_at.unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let world = World::open(&recording).unwrap();
    let playback = Playback { speed, origin, rebase: false };
    let endpoint = runtime.block_on(Endpoint::start(world, playback, faults)).unwrap();
    Played { runtime, endpoint, origin, speed, recording, started: std::time::Instant::now() }
}

impl Played {
    /// Arguments that point a collecting verb at the endpoint.
    pub(crate) fn arguments(&self, verb: &str, more: &[&str]) -> Vec<String> {
        let info = &self.recording.info;
        let elapsed = (self.started.elapsed().as_secs_f64() * self.speed * 1000.0) as i64;
        let clock = format!("{}@{}", self.origin.plus_millis(elapsed), self.speed);
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bf-manage-core/casefile.toml");
        let mut arguments: Vec<String> = [
            verb,
            "--endpoint-url",
            &self.endpoint.url(),
            "--region",
            info.region.as_deref().unwrap(),
            "--cluster",
            info.cluster.as_deref().unwrap(),
            "--service",
            info.service.as_deref().unwrap(),
            "--expect-task-definition",
            info.expect_task_definition.as_deref().unwrap(),
            "--clock",
            &clock,
            "--poll",
            "10s",
            "--config",
            text(&config),
        ]
        .iter()
        .map(|argument| (*argument).to_owned())
        .collect();
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        arguments
    }

    pub(crate) fn run(&self, folder: &Path, verb: &str, more: &[&str]) -> Run {
        let arguments = self.arguments(verb, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        ended(command(folder, &arguments).output().unwrap())
    }

    pub(crate) fn stop(self) -> BTreeMap<String, u64> {
        let calls = self.endpoint.calls();
        self.endpoint.stop();
        self.runtime.shutdown_background();
        calls
    }
}

#[test]
fn what_is_collected_is_judged_as_what_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    // To collect all that was recorded, the service is watched for longer than it was: that must not decide.
    let config = folder.path().join("casefile.toml");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bf-manage-core/casefile.toml");
    let shipped = fs::read_to_string(shipped).unwrap();
    fs::write(&config, format!("{shipped}\n[checks.\"evidence.stable-period\"]\nlevel = \"advise\"\n")).unwrap();
    let judge = |bundle: &Path, config: &Path| -> serde_json::Value {
        let run = casefile(&["analyze", text(bundle), "--format", "json", "--config", text(config)]);
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.err))
    };
    for case in cases::all().into_iter().filter(|case| PLAYED.contains(&case.name.as_str())) {
        let played = play(&case.name, case.toml.faults.clone());
        let bundle = folder.path().join(format!("{}.collected", case.name));
        let span = played.recording.snapshots.last().unwrap().observed_at.unwrap().millis_since(played.origin) / 1000;
        let run = played.run(
            folder.path(),
            "collect",
            &["--timeout", &format!("{}s", span + 20), "--stable-for", "1000s", "-o", text(&bundle)],
        );
        played.stop();
        assert_eq!(run.code, 0, "{}: {}", case.name, run.err);
        let imported = judge(&import(&case.name, folder.path()), &config);
        let collected = judge(&bundle, &config);
        assert_eq!(collected["verdict"], imported["verdict"], "{}: {:#?}", case.name, outcomes(&collected));
        assert_eq!(collected["decision"]["action"], imported["decision"]["action"], "{}", case.name);
        // Checks that were open when the recording ended may be decided since.
        let open = ["pending", "skip"];
        let not_reached: Vec<&str> = imported["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["unknown_because"][0]["status"] == "not_reached")
            .filter_map(|check| check["id"].as_str())
            .collect();
        for (before, after) in outcomes(&imported).iter().zip(&outcomes(&collected)) {
            let exempt = before.0 == "evidence.stable-period" || not_reached.contains(&before.0.as_str());
            assert!(
                exempt || open.contains(&before.1.as_str()) || before == after,
                "{}: {before:?} became {after:?}",
                case.name
            );
        }

        // Lines and task definitions are the same to the letter; only when they were seen differs.
        let imported = Bundle::open(&folder.path().join(format!("{}.bundle", case.name))).unwrap();
        let collected = Bundle::open(&bundle).unwrap();
        let lines = |bundle: &Bundle| -> Vec<_> {
            let lines = bundle.rows::<LogEventRow>().unwrap().into_iter();
            lines
                .map(|line| {
                    (line.log_stream, line.timestamp, line.container, line.task_id, line.ingestion_time, line.message)
                })
                .collect()
        };
        assert_eq!(lines(&collected), lines(&imported), "{}", case.name);
        let definitions = |bundle: &Bundle| -> Vec<_> {
            bundle.rows::<TaskDefinitionRow>().unwrap().into_iter().map(|row| (row.task_definition, row.raw)).collect()
        };
        assert_eq!(definitions(&collected), definitions(&imported), "{}", case.name);
    }
}

#[test]
fn what_was_recorded_imports_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, recording, again) =
        (folder.path().join("a"), folder.path().join("recording"), folder.path().join("b"));
    let played = play("circuit-breaker-rollback", Vec::new());
    let run =
        played.run(folder.path(), "collect", &["--timeout", "120s", "--record", text(&recording), "-o", text(&bundle)]);
    played.stop();
    assert_eq!(run.code, 0, "{}", run.err);
    let run = casefile(&["import", text(&recording), "-o", text(&again)]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.err, "");
    let tables = fs::read_dir(bundle.join("data")).unwrap().map(|entry| entry.unwrap().path());
    for table in tables.filter(|path| path.extension().is_some_and(|extension| extension == "parquet")) {
        let name = table.file_name().unwrap();
        assert_eq!(fs::read(&table).unwrap(), fs::read(again.join("data").join(name)).unwrap(), "{name:?}");
    }
}

#[test]
fn validate_stops_as_soon_as_it_is_decided() {
    let folder = tempfile::tempdir().unwrap();
    for (case, code, stop) in
        [("migration-multiple-heads", 3, "decided"), ("healthy-migration", 0, "decided"), ("logs-denied", 4, "timeout")]
    {
        let played = play(case, Vec::new());
        let bundle = folder.path().join(case);
        let run =
            played.run(folder.path(), "validate", &["--timeout", "300s", "-o", text(&bundle), "--format", "json"]);
        played.stop();
        assert_eq!(run.code, code, "{case}: {}{}", run.out, run.err);
        let verdict: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(verdict["bundle"]["target"]["stop_reason"], stop, "{case}: {:#?}", outcomes(&verdict));
        // The printed verdict is that of the sealed bundle.
        assert_eq!(crate::verdict(&bundle).0, verdict, "{case}");
    }
}

#[test]
fn trouble_on_the_way_costs_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let expected =
        Bundle::open(&import("healthy-migration", folder.path())).unwrap().rows::<LogEventRow>().unwrap().len();
    for (name, faults) in [
        ("throttled", vec![Fault::new(FaultKind::Throttle).every(5)]),
        ("broken", vec![Fault::new(FaultKind::ServerError).every(6), Fault::new(FaultKind::Reset).every(7)]),
        ("slow", vec![Fault::new(FaultKind::Slow).ms(200).every(4)]),
        ("empty pages", vec![Fault::new(FaultKind::EmptyPage).of(Operation::GetLogEvents).every(2)]),
        ("late", vec![Fault::new(FaultKind::LateLines).ms(8_000)]),
    ] {
        let played = play("healthy-migration", faults);
        let bundle = folder.path().join(name);
        let run =
            played.run(folder.path(), "collect", &["--timeout", "230s", "--stable-for", "1000s", "-o", text(&bundle)]);
        played.stop();
        assert_eq!(run.code, 0, "{name}: {}", run.err);
        let bundle = Bundle::open(&bundle).unwrap();
        assert_eq!(bundle.rows::<LogEventRow>().unwrap().len(), expected, "{name}");
        let calls = bundle.rows::<ApiCallRow>().unwrap();
        let retried = calls.iter().any(|call| call.attempts > 1);
        assert_eq!(retried, matches!(name, "throttled" | "broken"), "{name}");
    }
}

#[test]
fn a_service_that_does_not_exist_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("healthy-migration", Vec::new());
    let output = folder.path().join("bundle");
    let run = played.run(folder.path(), "collect", &["--service", "no-such-service", "-o", text(&output)]);
    // The later of two equal flags is refused by the parser; ask anew.
    let arguments: Vec<String> = played
        .arguments("collect", &["-o", text(&output)])
        .into_iter()
        .map(|argument| if argument == "bf-manage-core" { "no-such-service".to_owned() } else { argument })
        .collect();
    assert_eq!(run.code, 2);
    let run =
        ended(command(folder.path(), &arguments.iter().map(String::as_str).collect::<Vec<_>>()).output().unwrap());
    played.stop();
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("no-such-service") && run.err.contains("--cluster"), "{}", run.err);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "something was left behind");
}

#[test]
fn an_endpoint_that_does_not_answer_is_one_cause() {
    let folder = tempfile::tempdir().unwrap();
    let named = ["--region", "eu-west-1", "--cluster", "c", "--service", "s", "--expect-task-definition", "s:1"];
    let endpoint = ["--endpoint-url", "http://127.0.0.1:9", "--timeout", "20s", "--poll", "1s", "-o", "bundle"];
    let arguments = [&["validate"][..], &named, &endpoint].concat();
    let run = ended(command(folder.path(), &arguments).output().unwrap());
    assert_eq!(run.code, 4, "{}", run.err);
    assert!(run.err.contains("no answer from AWS in 2 polls: check --endpoint-url"), "{}", run.err);
    assert!(run.out.starts_with("INCONCLUSIVE  alert: no answer from AWS: Connection refused"), "{}", run.out);
    assert!(run.out.contains("nothing is known of the service, so no other check could be judged"), "{}", run.out);
    assert!(run.out.lines().count() < 25, "{}", run.out);
}

#[test]
fn a_name_that_is_misspelt_is_told_the_nearest_one() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("healthy-migration", Vec::new());
    for (name, misspelt, told) in [
        ("bf-manage-core", "bf-manage-cor", "did you mean service bf-manage-core?"),
        ("production", "productoin", "did you mean cluster production?"),
    ] {
        let arguments: Vec<String> = played
            .arguments("collect", &["-o", text(&folder.path().join("bundle"))])
            .into_iter()
            .map(|argument| if argument == name { misspelt.to_owned() } else { argument })
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let run = ended(command(folder.path(), &arguments).output().unwrap());
        assert_eq!((run.code, run.err.contains(told)), (2, true), "{}", run.err);
    }
    played.stop();
}

#[cfg(unix)]
#[test]
fn interrupted_it_seals_what_there_is_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["-INT", "-TERM"] {
        let played = play_at(SLOWLY, "healthy-migration", Vec::new());
        let bundle: PathBuf = folder.path().join(format!("bundle{signal}"));
        let arguments = played.arguments("validate", &["-o", text(&bundle), "--format", "json"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // Once it has polled, it is in the middle of its work.
        let run = signalled(&mut command(folder.path(), &arguments), "poll 1", signal);
        played.stop();
        assert_eq!(run.code, 4, "{signal}: {}{}", run.out, run.err);
        assert!(run.err.contains("interrupted"), "{}", run.err);
        let verdict: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(verdict["bundle"]["target"]["stop_reason"], "interrupted");
        assert_eq!(casefile(&["verify", text(&bundle)]).code, 0);
    }
}

#[cfg(unix)]
#[test]
fn killed_it_leaves_what_seal_makes_a_bundle_of() {
    let folder = tempfile::tempdir().unwrap();
    let played = play_at(SLOWLY, "healthy-migration", Vec::new());
    let (bundle, partial) = (folder.path().join("a.bundle"), folder.path().join("a.bundle.partial"));
    let arguments = played.arguments("validate", &["-o", text(&bundle)]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut child = command(folder.path(), &arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !partial.join("scratch/checkpoint.json").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let busy = casefile(&["seal", text(&partial)]);
    assert_eq!((busy.code, busy.err.contains("is being written by another collection")), (2, true), "{}", busy.err);
    child.kill().unwrap();
    child.wait().unwrap();
    played.stop();

    let again = casefile(&["import", "nowhere", "-o", text(&bundle)]);
    assert_ne!(again.code, 0);
    let sealed = casefile(&["seal", text(&partial)]);
    assert_eq!(sealed.code, 0, "{}", sealed.err);
    assert!(sealed.err.contains("the collection was killed"), "{}", sealed.err);
    assert!(!partial.exists());
    assert_eq!(casefile(&["verify", text(&bundle)]).code, 0);
    let judged = casefile(&["analyze", text(&bundle), "--format", "json"]);
    let verdict: serde_json::Value = serde_json::from_str(&judged.out).unwrap();
    assert_eq!((judged.code, &verdict["verdict"]), (4, &"inconclusive".into()), "{}", judged.out);
    assert_eq!(verdict["bundle"]["target"]["stop_reason"], "interrupted");
    assert_eq!(casefile(&["seal", text(&bundle)]).code, 2, "it is no partial bundle");
}

#[test]
fn the_target_may_come_from_terraform() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("healthy-migration", Vec::new());
    let info = &played.recording.info;
    let outputs = serde_json::json!({
        "ecs_cluster_name": { "value": info.cluster, "type": "string", "sensitive": false },
        "service": { "value": info.service, "type": "string", "sensitive": false },
        "task_definition_arn": { "value": info.expect_task_definition, "type": "string", "sensitive": false },
    });
    fs::write(folder.path().join("outputs.json"), outputs.to_string()).unwrap();
    let config = "[target]\nregion = \"ap-southeast-2\"\n[target.terraform]\ncluster = \"ecs_cluster_name\"\nservice = \"service\"\nexpect_task_definition = \"task_definition_arn\"\n";
    fs::write(folder.path().join("casefile.toml"), config).unwrap();
    let clock = format!("{}@{SPEED}", played.origin);
    let run = ended(
        command(
            folder.path(),
            &[
                "collect",
                "--endpoint-url",
                &played.endpoint.url(),
                "--terraform-output",
                "outputs.json",
                "--timeout",
                "20s",
                "--clock",
                &clock,
                "-o",
                "bundle",
            ],
        )
        .output()
        .unwrap(),
    );
    assert_eq!(run.code, 0, "{}", run.err);
    let expected = info.expect_task_definition.clone();
    played.stop();
    let bundle = Bundle::open(&folder.path().join("bundle")).unwrap();
    assert_eq!(bundle.manifest().target.get("expected_task_definition"), expected.as_ref());
    let without = [
        "collect",
        "--cluster",
        "c",
        "--service",
        "s",
        "--endpoint-url",
        "http://127.0.0.1:9",
        "--timeout",
        "1s",
        "-o",
        "none",
    ];
    let run = ended(command(folder.path(), &without).output().unwrap());
    assert!(run.err.contains("[target.terraform] names outputs (expect_task_definition)"), "{}", run.err);
    fs::write(folder.path().join("casefile.toml"), "[target]\nregion = \"ap-southeast-2\"\n").unwrap();
    let named = ["collect", "--cluster", "c", "--service", "s", "--terraform-output", "outputs.json"];
    let run = ended(command(folder.path(), &named).output().unwrap());
    assert_eq!(run.code, 2);
    assert!(run.err.contains("name its outputs in [target.terraform]"), "{}", run.err);
    fs::write(folder.path().join("casefile.toml"), config).unwrap();
    fs::write(folder.path().join("outputs.json"), "{}").unwrap();
    let run = ended(command(folder.path(), &["collect", "--terraform-output", "outputs.json"]).output().unwrap());
    assert_eq!(run.code, 2);
    assert!(run.err.contains("outputs.json") && run.err.contains("service"), "{}", run.err);
}
