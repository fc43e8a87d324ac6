//! `casefile gate`: a release on its way through two waves of regions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::collecting::play;
use crate::{Run, cases, command, ended, text};

const POLICY: &str = "service = \"bf-manage-core\"\n[gate]\nwaves = [[\"ap-southeast-2\"], [\"eu-west-1\", \"us-east-1\"], [\"us-west-2\"]]\n\
    soak = \"1h\"\nwaivable = [\"inconclusive\"]\n";
/// The cases were recorded on this day; an hour after each of them its pass has soaked.
const LATER: &str = "2026-11-27T00:00:00Z";

pub(crate) struct Pipeline {
    folder: tempfile::TempDir,
}

impl Pipeline {
    pub(crate) fn new(policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("casefile.toml"), policy).unwrap();
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs casefile as a job of pipeline `sequence`.
    pub(crate) fn job(&self, sequence: u32, arguments: &[&str]) -> Run {
        let mut command = command(self.folder.path(), arguments);
        command.env("GITLAB_CI", "true").env("CI_PROJECT_ID", "7").env("CI_PIPELINE_IID", sequence.to_string());
        ended(command.env("GITLAB_USER_LOGIN", "ada").output().unwrap())
    }

    /// Keeps a case as it would have been in a region, for a release.
    pub(crate) fn deployed(&self, case: &str, region: &str, release: &str, sequence: u32) {
        let recording = self.recording(case, "bf-manage-core", region, release);
        let config = cases().join("../../examples/bf-manage-core/casefile.toml");
        let (bundle, verdict) = (recording.with_extension("bundle"), recording.with_extension("json"));
        let import = ["import", text(&recording), "--config", text(&config), "--release", release, "-o", text(&bundle)];
        assert_eq!(self.job(sequence, &import).code, 0);
        self.job(sequence, &["analyze", text(&bundle), "--format", "json", "-o", text(&verdict)]);
        let added = self.job(sequence, &["archive", "add", text(&bundle), text(&verdict), "--archive", "kept"]);
        assert_eq!(added.code, 0, "{}", added.err);
    }

    /// Runs the pipeline of a service in a region on an endpoint that plays a case: begin, validate.
    pub(crate) fn validated(&self, case: &str, service: &str, region: &str, release: &str, sequence: u32) -> i32 {
        let of = ["--service", service, "--region", region, "--release", release, "--archive", "kept"];
        let begun = self.job(sequence, &[&["gate", "begin"][..], &of].concat());
        assert_eq!(begun.code, 0, "{}{}", begun.out, begun.err);
        // As if it had begun when the case did.
        let markers = self.folder.path().join(format!("kept/markers/service={service}/region={region}"));
        for marker in fs::read_dir(markers).unwrap() {
            let path = marker.unwrap().path();
            let mut marker: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            marker["at"] = "2026-11-23T07:00:00Z".into();
            fs::write(path, marker.to_string()).unwrap();
        }
        let recording = self.recording(case, service, region, release);
        let played = play(text(&recording), Vec::new());
        let bundle = recording.with_extension("bundle");
        let more = ["-o", text(&bundle), "--release", release, "--archive", "kept"];
        let arguments = played.arguments("validate", &more);
        let run = self.job(sequence, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        played.stop();
        assert!(matches!(run.code, 0 | 3), "{}{}", run.out, run.err);
        run.code
    }

    /// A case as it would have been for a service in a region.
    pub(crate) fn recording(&self, case: &str, service: &str, region: &str, release: &str) -> PathBuf {
        let recording = self.folder.path().join(format!("{service}-{case}-{region}-{release}"));
        copied(&cases().join(case), &recording, &[("ap-southeast-2", region), ("bf-manage-core", service)]);
        recording
    }

    pub(crate) fn gate(&self, region: &str, release: &str, sequence: u32, more: &[&str]) -> (i32, Value) {
        let mut arguments = vec!["gate", "region", "--region", region, "--release", release, "--archive", "kept"];
        arguments.extend(["--format", "json"]);
        arguments.extend(more);
        let run = self.job(sequence, &arguments);
        let decision = serde_json::from_str(&run.out);
        (run.code, decision.unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err)))
    }

    /// The exit code and the reasons, as of [`LATER`].
    pub(crate) fn reasons(&self, region: &str, release: &str, sequence: u32) -> (i32, Vec<String>) {
        let (code, decision) = self.gate(region, release, sequence, &["--now", LATER]);
        let codes = decision["reasons"].as_array().unwrap().iter();
        (code, codes.map(|reason| reason["code"].as_str().unwrap().to_owned()).collect())
    }
}

fn copied(from: &Path, to: &Path, names: &[(&str, &str)]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copied(&path, &target, names);
        } else {
            let content = fs::read_to_string(&path).unwrap();
            let lines = content.lines().filter(|line| !line.starts_with("config ="));
            let content: Vec<String> = lines
                .map(|line| names.iter().fold(line.to_owned(), |line, (from, to)| line.replace(from, to)))
                .collect();
            fs::write(target, content.join("\n")).unwrap();
        }
    }
}

pub(crate) fn of(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

#[test]
fn a_release_passes_through_the_waves() {
    let pipeline = Pipeline::new(POLICY);
    pipeline.job(1, &["gate", "begin", "--region", "ap-southeast-2", "--release", "v1", "--archive", "kept"]);
    assert_eq!(pipeline.reasons("ap-southeast-2", "v1", 1), (0, of(&["first_wave"])));
    assert_eq!(pipeline.reasons("eu-west-1", "v1", 1), (4, of(&["in_flight"])));
    let close =
        ["gate", "close", "--region", "ap-southeast-2", "--release", "v1", "--archive", "kept", "--why", "test"];
    assert_eq!(pipeline.job(1, &close).code, 0);
    let service = "bf-manage-core";
    assert_eq!(pipeline.validated("healthy-migration", service, "ap-southeast-2", "v1", 1), 0);
    // It soaks, and the gate names the moment at which it opens.
    let (code, soaking) = pipeline.gate("eu-west-1", "v1", 1, &["--now", "2026-11-23T07:50:00Z"]);
    assert_eq!((code, soaking["reasons"][0]["code"].as_str()), (4, Some("soaking")), "{soaking}");
    let opens = soaking["next_at"].as_str().unwrap();
    assert_eq!(pipeline.gate("eu-west-1", "v1", 1, &["--now", opens]).0, 0);
    assert_eq!(pipeline.reasons("eu-west-1", "v1", 1), (0, of(&["passed"])));
    assert_eq!(pipeline.reasons("us-west-2", "v1", 1), (4, of(&["missing", "missing", "passed"])));
    // The second wave: one region passes, the other is rolled back.
    std::thread::scope(|scope| {
        let passes = scope.spawn(|| pipeline.validated("healthy-migration", service, "eu-west-1", "v1", 1));
        let fails = scope.spawn(|| pipeline.validated("circuit-breaker-rollback", service, "us-east-1", "v1", 1));
        assert_eq!((passes.join().unwrap(), fails.join().unwrap()), (0, 3));
    });
    let (code, reasons) = pipeline.reasons("us-west-2", "v1", 1);
    assert_eq!((code, reasons[0].as_str()), (3, "failed"));
    // The first region fails later: what had passed is revoked.
    assert_eq!(pipeline.reasons("eu-west-1", "v1", 1).0, 0);
    assert_eq!(pipeline.validated("circuit-breaker-rollback", service, "ap-southeast-2", "v1", 1), 3);
    assert_eq!(pipeline.reasons("eu-west-1", "v1", 1), (3, of(&["failed", "already_passed_here"])));
    // An older release does not overtake.
    assert_eq!(pipeline.reasons("ap-southeast-2", "v0", 0).1[0], "older_than_deployed");
    let unknown = ["gate", "region", "--region", "ap-southeast-2", "--release", "4bd1", "--archive", "kept"];
    let unknown = ended(command(pipeline.folder.path(), &unknown).env_remove("CI_PIPELINE_IID").output().unwrap());
    assert_eq!((unknown.code, unknown.out.contains("order_unknown")), (4, true), "{}", unknown.out);
}

#[test]
fn a_waiver_lets_one_release_through() {
    let pipeline = Pipeline::new(POLICY);
    pipeline.deployed("logs-denied", "ap-southeast-2", "v1", 1);
    assert_eq!(pipeline.reasons("eu-west-1", "v1", 1), (4, of(&["inconclusive"])));
    let waive = |more: &[&str]| {
        let mut arguments = vec!["gate", "waive", "--region", "eu-west-1", "--release", "v1", "--archive", "kept"];
        arguments.extend(["--why", "checked by hand", "--requested-by", "ada"]);
        arguments.extend(more);
        pipeline.job(1, &arguments)
    };
    for (more, says) in [
        (["--reason", "inconclusive", "--approved-by", "ada"], "cannot approve"),
        (["--reason", "failed", "--approved-by", "grace"], "does not name failed now"),
        (["--reason", "inconclusive", "--for=25h", "--approved-by=grace"], "longer than the policy's `waiver_max`"),
    ] {
        let run = waive(&more);
        assert_eq!((run.code, run.err.contains(says)), (2, true), "{}", run.err);
    }
    let run = waive(&["--reason", "inconclusive", "--approved-by", "grace"]);
    assert_eq!((run.code, run.out.starts_with("PROCEED")), (0, true), "{}{}", run.out, run.err);
    let (code, decision) = pipeline.gate("eu-west-1", "v1", 1, &[]);
    assert_eq!(code, 0);
    assert!(decision["reasons"][0]["waived_by"].as_str().unwrap().starts_with("grace, until "), "{decision}");
    // Another release, another region, another verdict: not covered.
    assert_eq!(pipeline.gate("us-east-1", "v1", 1, &[]).0, 4);
    pipeline.deployed("circuit-breaker-rollback", "ap-southeast-2", "v2", 2);
    assert_eq!(pipeline.gate("eu-west-1", "v2", 2, &[]).0, 3);
    // One that was changed is shown to nobody as one that counts.
    let status = || pipeline.job(1, &["gate", "status", "--archive", "kept"]);
    assert!(status().out.contains("approved by grace"), "{}", status().out);
    let waivers = pipeline.folder().join("kept/waivers/service=bf-manage-core/region=eu-west-1");
    let waiver = fs::read_dir(waivers).unwrap().next().unwrap().unwrap().path();
    fs::write(&waiver, fs::read_to_string(&waiver).unwrap().replace("grace", "alice")).unwrap();
    assert_eq!((status().code, status().err.contains("its digest is another")), (6, true), "{}", status().err);
}

#[test]
fn a_person_stops_and_lifts() {
    let pipeline = Pipeline::new(POLICY);
    let said = |verb: &str, scope: &[&str]| {
        let mut arguments = vec!["gate", verb, "--archive", "kept", "--why", "incident 4711"];
        arguments.extend(scope);
        pipeline.job(1, &arguments).code
    };
    assert_eq!(said("lift", &["--all"]), 2, "nothing is stopped");
    assert_eq!(said("stop", &["--all"]), 2, "there is no such archive: its name may be mistyped");
    assert_eq!(said("stop", &["--service", "bf-manage-cor"]), 2, "the archive has never seen it");
    assert_eq!(said("stop", &["--service", "bf-manage-core", "--force"]), 0);
    assert_eq!(said("stop", &[]), 2, "of which service?");
    let (code, decision) = pipeline.gate("ap-southeast-2", "v1", 1, &[]);
    assert_eq!((code, decision["reasons"][0]["code"].as_str()), (3, Some("stop")));
    // A verdict file does not hide what the archive says.
    pipeline.deployed("healthy-migration", "ap-southeast-2", "v1", 1);
    let file = pipeline.folder.path().join("bf-manage-core-healthy-migration-ap-southeast-2-v1.json");
    assert_eq!(pipeline.gate("eu-west-1", "v1", 1, &["--verdict", text(&file)]).0, 3);
    assert!(decision["reasons"][0]["detail"].as_str().unwrap().starts_with("ada stopped bf-manage-core at "));
    // A stop between the gate's answer and the apply is seen too.
    let begin =
        || pipeline.job(1, &["gate", "begin", "--region", "ap-southeast-2", "--release", "v1", "--archive", "kept"]);
    assert_eq!(begin().code, 3);
    let status = |more: &[&str]| pipeline.job(1, &[&["gate", "status", "--archive", "kept"][..], more].concat()).out;
    assert!(status(&[]).starts_with("stopped    bf-manage-core, by ada at "), "{}", status(&[]));
    assert!(status(&["--service", "other"]).starts_with("nothing is stopped, in flight or waived"));
    assert_eq!(said("lift", &["--service", "bf-manage-core"]), 0);
    assert_eq!((begin().code, status(&[]).starts_with("in flight  bf-manage-core v1 to ap-southeast-2")), (0, true));
    assert_eq!(pipeline.gate("ap-southeast-2", "v1", 1, &[]).0, 0);
}

#[test]
fn one_of_two_jobs_begins() {
    let pipeline = Pipeline::new(POLICY);
    let begin = |release: &'static str| {
        let arguments = ["gate", "begin", "--region", "eu-west-1", "--release", release, "--archive", "kept"];
        command(pipeline.folder.path(), &arguments).env("USER", release).spawn().unwrap()
    };
    let jobs = [begin("v1"), begin("v2"), begin("v3"), begin("v4")];
    let codes: Vec<i32> = jobs.map(|mut job| job.wait().unwrap().code().unwrap()).to_vec();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 4).count(), 3, "{codes:?}");
}

#[test]
fn a_decision_is_explained_and_decided_again() {
    let pipeline = Pipeline::new(POLICY);
    pipeline.deployed("healthy-migration", "ap-southeast-2", "v1", 1);
    let reports = ["--report", "json=gate.json", "--report", "dotenv=gate.env", "--report", "markdown=gate.md"];
    let (_, decision) = pipeline.gate("eu-west-1", "v1", 1, &reports);
    let digest = decision["digest"].as_str().unwrap();
    let env = fs::read_to_string(pipeline.folder.path().join("gate.env")).unwrap();
    let pairs: BTreeMap<&str, &str> = env.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!((pairs["CASEFILE_GATE"], pairs["CASEFILE_GATE_DECISION"]), ("proceed", digest));
    for named in ["gate.json", &digest[..10]] {
        let again = pipeline.job(2, &["reproduce", named, "--archive", "kept"]);
        assert_eq!((again.code, again.out), (0, format!("SAME  proceed  {digest}\n")), "{}", again.err);
    }
    let explained = pipeline.job(1, &["gate", "explain", &digest[..10], "--archive", "kept"]);
    assert!(
        explained.out.starts_with("PROCEED  bf-manage-core v1 to eu-west-1: ap-southeast-2: passed"),
        "{}",
        explained.out
    );
    let path = pipeline.folder.path().join("gate.json");
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("\"proceed\"", "\"refuse\"")).unwrap();
    let forged = pipeline.job(1, &["gate", "explain", "gate.json"]);
    assert_eq!((forged.code, forged.err.contains("was changed")), (6, true), "{}", forged.err);
}

#[test]
fn a_question_that_cannot_be_meant_is_refused() {
    let pipeline = Pipeline::new(POLICY);
    let ask = |arguments: &[&str]| {
        let mut all = vec!["gate", "region"];
        all.extend(arguments);
        pipeline.job(1, &all)
    };
    for (arguments, says) in [
        (&["--region", "eu-west-1", "--release", "v1"][..], "--archive, or --verdict"),
        (&["--region", "mars", "--release", "v1", "--verdict", "none.json"][..], "none.json"),
        (&["--region", "eu-west-1", "--archive", "none"][..], "which release"),
        (&["--region", "eu-west-1", "--release", "v1", "--archive", "none"][..], "there is no archive at none"),
    ] {
        let run = ask(arguments);
        assert!(matches!(run.code, 1 | 2) && run.err.contains(says), "{} {}", run.code, run.err);
    }
    fs::write(pipeline.folder.path().join("casefile.toml"), "service = \"a\"\n[gate]\nwaves = [[\"a\"], [\"a\"]]\n")
        .unwrap();
    let run = ask(&["--region", "a", "--release", "v1", "--archive", "kept"]);
    assert_eq!((run.code, run.err.contains("casefile.toml: [gate]: a is in waves twice")), (2, true), "{}", run.err);
    fs::write(
        pipeline.folder.path().join("casefile.toml"),
        "service = \"a\"\n[gate]\nwaves = [[\"a\"]]\nsoack = \"1h\"\n",
    )
    .unwrap();
    let run = ask(&["--region", "a", "--release", "v1", "--archive", "kept"]);
    assert_eq!((run.code, run.err.contains("casefile.toml:4: unknown field `soack`")), (2, true), "{}", run.err);
}

#[test]
fn a_verdict_of_an_older_pack_is_told_and_reproduced() {
    let pipeline = Pipeline::new(&POLICY.replace("soak = \"1h\"", "same_pack = true"));
    let at = pipeline.folder();
    let older = at.join("older");
    copied(&cases().join("../../queries"), &older, &[]);
    fs::remove_file(older.join("rollout/one-image.sql")).unwrap();
    let recording = pipeline.recording("healthy-migration", "bf-manage-core", "ap-southeast-2", "v1");
    let import = ["import", text(&recording), "--release", "v1", "-o", "rollout.bundle"];
    assert_eq!(pipeline.job(1, &import).code, 0);
    let queries = ["--queries", "older"];
    pipeline.job(1, &[&["analyze", "rollout.bundle", "--format", "json", "-o", "verdict.json"][..], &queries].concat());
    let add = ["archive", "add", "rollout.bundle", "verdict.json", "--archive", "kept"];
    assert_eq!(pipeline.job(1, &[&add[..], &queries].concat()).code, 0);
    assert_eq!(pipeline.reasons("eu-west-1", "v1", 1), (4, of(&["rules_differ", "passed"])));
    // With the checks that the archive keeps it comes out the same; with those of this program it may not.
    let reproduced = pipeline.job(1, &["reproduce", "verdict.json", "--archive", "kept"]);
    assert_eq!(
        (reproduced.code, reproduced.out.starts_with("same")),
        (0, true),
        "{}{}",
        reproduced.out,
        reproduced.err
    );
    fs::remove_dir_all(at.join("kept/packs")).unwrap();
    let other = pipeline.job(1, &["reproduce", "verdict.json", "--archive", "kept"]);
    assert_eq!((other.code, other.out.contains("rollout.one-image")), (3, true), "{}{}", other.out, other.err);
}

#[test]
fn a_damaged_archive_opens_no_gate() {
    let pipeline = Pipeline::new(&POLICY.replace("soak = \"1h\"", ""));
    pipeline.deployed("healthy-migration", "ap-southeast-2", "v1", 1);
    assert_eq!(pipeline.reasons("eu-west-1", "v1", 1).0, 0);
    let ask = ["gate", "region", "--region", "eu-west-1", "--release", "v1", "--archive", "kept"];
    let index = pipeline.folder().join("kept/index");
    let aside = pipeline.folder().join("aside");
    fs::rename(&index, &aside).unwrap();
    let missing = pipeline.job(1, &ask);
    assert_eq!((missing.code, missing.err.contains("run `casefile archive index`")), (6, true), "{}", missing.err);
    fs::create_dir(&index).unwrap();
    let segment = fs::read_dir(&aside).unwrap().next().unwrap().unwrap();
    let bytes = fs::read(segment.path()).unwrap();
    fs::write(index.join(segment.file_name()), &bytes[..bytes.len() / 2]).unwrap();
    let half = pipeline.job(1, &ask);
    assert_eq!((half.code, half.err.contains("is not a part of an index")), (6, true), "{}", half.err);
    fs::write(index.join(segment.file_name()), bytes).unwrap();
    assert_eq!(pipeline.reasons("eu-west-1", "v1", 1).0, 0);
    // A document of the gate that was cut short is no document that is not there.
    let journal = pipeline.folder().join("kept/stops/all");
    fs::create_dir_all(&journal).unwrap();
    fs::write(journal.join("00000001.json"), "{\"format\":\"casefile-stop/1\"").unwrap();
    let cut = pipeline.job(1, &ask);
    assert_eq!(
        (cut.code, cut.err.contains("stops/all/00000001.json is not a document of the gate")),
        (6, true),
        "{}",
        cut.err
    );
}

#[test]
fn a_recheck_expects_no_rollout() {
    let folder = tempfile::tempdir().unwrap();
    let played = play("nothing-deployed-nine-days-old", Vec::new());
    let bundle = folder.path().join("bundle");
    let arguments = played.arguments("validate", &["-o", text(&bundle), "--recheck", "--format", "json"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = ended(command(folder.path(), &arguments).output().unwrap());
    played.stop();
    let verdict: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.err));
    assert_eq!((run.code, &verdict["rollout"]["nothing_deployed"]), (0, &Value::Bool(true)), "{}", run.out);
}

#[test]
fn what_the_index_hides_is_found() {
    let pipeline = Pipeline::new(&POLICY.replace("soak = \"1h\"", ""));
    pipeline.deployed("healthy-migration", "ap-southeast-2", "v1", 1);
    let index = pipeline.folder().join("kept/index");
    let segments = || -> Vec<PathBuf> { fs::read_dir(&index).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let before = segments();
    let verify = || pipeline.job(1, &["archive", "verify", "--archive", "kept"]);
    assert_eq!((pipeline.reasons("eu-west-1", "v1", 1).0, verify().code), (0, 0));
    // A failure whose row is gone is a failure all the same; a bundle that nobody judged holds.
    pipeline.deployed("circuit-breaker-rollback", "ap-southeast-2", "v1", 1);
    segments().iter().filter(|path| !before.contains(path)).for_each(|path| fs::remove_file(path).unwrap());
    let reasons = || pipeline.reasons("eu-west-1", "v1", 1);
    assert_eq!(reasons(), (3, of(&["failed"])));
    assert_eq!(verify().code, 6);
    let verdicts = pipeline.folder().join("kept/verdicts/service=bf-manage-core/region=ap-southeast-2/date=2026-11-26");
    let aside = pipeline.folder().join("aside");
    fs::rename(&verdicts, &aside).unwrap();
    assert_eq!(reasons(), (4, of(&["not_evaluable"])));
    fs::rename(&aside, &verdicts).unwrap();
    assert_eq!(pipeline.job(1, &["archive", "index", "--archive", "kept"]).code, 0);
    assert_eq!((reasons().0, verify().code), (3, 0));
    // A verdict that was changed, or is gone while the index has it.
    let file = fs::read_dir(&verdicts).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&file).unwrap();
    let ask = ["gate", "region", "--region", "eu-west-1", "--release", "v1", "--archive", "kept"];
    fs::write(&file, text.replace("\"verdict\":\"fail\"", "\"verdict\":\"pass\"")).unwrap();
    let changed = pipeline.job(1, &ask);
    assert_eq!((changed.code, changed.err.contains("was changed")), (6, true), "{}", changed.err);
    fs::remove_file(&file).unwrap();
    let gone = pipeline.job(1, &ask);
    assert_eq!((gone.code, gone.err.contains("it is missing")), (6, true), "{}", gone.err);
    // A decision or a waiver that was changed is named too.
    fs::write(&file, text).unwrap();
    let decided = pipeline.job(1, &ask);
    assert_eq!(decided.code, 3, "{}", decided.err);
    let decisions = pipeline.folder().join("kept/decisions/service=bf-manage-core/region=eu-west-1");
    let day = fs::read_dir(decisions).unwrap().next().unwrap().unwrap().path();
    let decision = fs::read_dir(day).unwrap().next().unwrap().unwrap().path();
    fs::write(&decision, fs::read_to_string(&decision).unwrap().replace("refuse", "proceed")).unwrap();
    let told = verify();
    assert_eq!((told.code, told.out.contains("was changed: its digest is")), (6, true), "{}", told.out);
}
