//! `casefile gate service` and `gate plan`: services that need each other.

use std::fs;

use serde_json::Value;

use crate::gating::{Pipeline, of};
use crate::{cases, text};

/// `examples/release-train`: three services in two regions, each played on an endpoint. One of them fails.
#[test]
fn a_train_of_three_services() {
    let train = cases().join("../../examples/release-train/train.toml");
    let pipeline = Pipeline::new("service = \"bf-manage-core\"\n");
    let ask = |service: &str, region: &str| {
        let mut arguments = vec!["gate", "service", "--policy", text(&train), "--service", service, "--region", region];
        arguments.extend(["--release", "v1.4.0", "--archive", "kept", "--format", "json"]);
        // What was played was recorded on another day: the answer of that day.
        arguments.extend(["--now", "2026-11-26T04:00:00Z"]);
        let run = pipeline.job(90, &arguments);
        let decision: Value = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.err));
        let reasons = decision["reasons"].as_array().unwrap().iter().map(|reason| {
            let service = reason["service"].as_str().unwrap_or(service);
            format!("{} {service} {}", reason["code"].as_str().unwrap(), reason["region"].as_str().unwrap())
        });
        (run.code, reasons.collect::<Vec<String>>())
    };
    let [core, web, reports] = ["bf-manage-core", "bf-manage-web", "bf-manage-reports"];
    let [sydney, dublin] = ["ap-southeast-2", "eu-west-1"];
    fs::create_dir_all(pipeline.folder().join("kept")).unwrap();

    assert_eq!(ask(core, sydney), (0, of(&["needs_nothing bf-manage-core ap-southeast-2"])));
    assert_eq!(ask(web, sydney), (4, of(&["missing bf-manage-core ap-southeast-2"])));
    assert_eq!(pipeline.validated("healthy-migration", core, sydney, "v1.4.0", 1), 0);
    assert_eq!(ask(web, sydney), (0, of(&["passed bf-manage-core ap-southeast-2"])));
    assert_eq!(ask(web, dublin), (4, of(&["missing bf-manage-core eu-west-1"])));
    std::thread::scope(|scope| {
        let core = scope.spawn(|| pipeline.validated("healthy-migration", core, dublin, "v1.4.0", 2));
        let web = scope.spawn(|| pipeline.validated("healthy-migration", web, sydney, "v1.4.0", 1));
        assert_eq!((core.join().unwrap(), web.join().unwrap()), (0, 0));
    });
    // The second region of the web service is rolled back: its reports may go to the first region, not to the second.
    assert_eq!(pipeline.validated("circuit-breaker-rollback", web, dublin, "v1.4.0", 2), 3);
    assert_eq!(ask(reports, sydney).0, 0);
    let (code, reasons) = ask(reports, dublin);
    assert_eq!((code, reasons[0].as_str()), (3, "failed bf-manage-web eu-west-1"));
    // The services need what they need, and not what those need.
    assert_eq!(ask(web, dublin).0, 0);

    let plan = |format: &str| {
        let arguments = ["gate", "plan", "--policy", text(&train), "--release", "v1.4.0", "--archive", "kept"];
        let run = pipeline.job(90, &[&arguments[..], &["--now", "2026-11-26T04:00:00Z", "--format", format]].concat());
        assert_eq!(run.code, 0, "{}", run.err);
        run.out
    };
    // The cause depends on the poll that saw it.
    let terminal = plan("terminal");
    let said = "refuses    bf-manage-reports  eu-west-1       v1.4.0  bf-manage-web in eu-west-1: ";
    assert!(terminal.contains(said), "{terminal}");
    insta::assert_snapshot!(plan("mermaid"));
    let json: Value = serde_json::from_str(&plan("json")).unwrap();
    assert_eq!((json["format"].as_str(), json["steps"].as_array().unwrap().len()), (Some("casefile-plan/1"), 6));
    assert!(plan("markdown").contains("| FAILED | bf-manage-web | eu-west-1 | v1.4.0 |"));
    for (arguments, says) in [
        (["--service", "bf-manage-cor"], "bf-manage-cor is no service of the policy, which has bf-manage-core, "),
        (["--needs", "bf-manage-web=v1"], "bf-manage-core does not need bf-manage-web"),
    ] {
        let asked =
            ["gate", "service", "--policy", text(&train), "--region", dublin, "--release", "v1", "--archive", "kept"];
        let run = pipeline.job(90, &[&asked[..], &arguments].concat());
        assert_eq!((run.code, run.err.contains(says)), (2, true), "{}", run.err);
    }
}
