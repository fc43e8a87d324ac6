use std::path::Path;

use casefile_analyzer::{Analyzer, Conclusion, Options, Pack, Verdict};
use casefile_collector::document::{Document, Operation};

use super::super::Case;
use super::super::mutate::turned;
use super::*;

async fn healthy() -> (Case, Analyzer) {
    let pack = Pack::embedded().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/healthy-migration");
    let case = Case::read(&folder, &pack, None).unwrap();
    let analyzer = Analyzer::new(pack, &Options { threads: 1, ..Options::default() }).await.unwrap();
    (case, analyzer)
}

async fn judged(case: &Case, held: &Held, analyzer: &Analyzer) -> Verdict {
    case.judge(case.rows(held), analyzer).await.unwrap()
}

#[tokio::test]
async fn a_healthy_rollout_passes_with_any_gain() {
    let (case, analyzer) = healthy().await;
    let gains = Gain::all(&case.held, &case.rows(&case.held));
    let lacking: Vec<Gain> =
        Gain::ALL.into_iter().filter(|gain| !gains.iter().any(|(fitting, _)| fitting == gain)).collect();
    assert_eq!(lacking, [Gain::UnhealthyOnce], "it has no load balancer");
    for (gain, held) in gains {
        assert_eq!(turned(&judged(&case, &held, &analyzer).await), None, "{gain}");
    }
}

#[tokio::test]
async fn what_is_not_benign_is_found() {
    let (case, analyzer) = healthy().await;
    let scene = Scene::of(&case.held, &case.rows(&case.held)).unwrap();
    let held = Gain::Replaced(Taken::Exit).of_documents(&case.held, &scene).unwrap();
    let verdict = judged(&case, &held, &analyzer).await;
    assert_eq!(verdict.verdict, Conclusion::Fail, "{}", verdict.decision.why);
    assert!(turned(&verdict).unwrap().starts_with("the verdict pass turned into fail: "));
}

#[tokio::test]
async fn a_replaced_task_is_stopped_in_every_answer_and_its_replacement_runs() {
    let (case, _) = healthy().await;
    let scene = Scene::of(&case.held, &case.rows(&case.held)).unwrap();
    let held = Gain::Replaced(Taken::Spot).of_documents(&case.held, &scene).unwrap();
    let old = scene.task.unwrap();
    let new: String = old.task_id.chars().rev().collect();
    let last = held.snapshots.last().unwrap();
    let listed = |status: &str, id: &str| {
        let of = |it: &&Document| it.operation == Operation::ListTasks && it.requested("desiredStatus") == Some(status);
        let lists = last.documents.iter().filter(of).filter_map(Document::response);
        lists.into_iter().any(|fields| fields["taskArns"].to_string().contains(id))
    };
    assert!(listed("STOPPED", &old.task_id) && !listed("RUNNING", &old.task_id));
    assert!(listed("RUNNING", &new) && !listed("STOPPED", &new));
    let lines = last.documents.iter().filter(|it| it.operation == Operation::GetLogEvents);
    let read = |id: &str| {
        lines.clone().any(|it| it.requested("logStreamName").unwrap().contains(id) && !it.events().is_empty())
    };
    assert!(read(&new) && !read(&old.task_id));
}
