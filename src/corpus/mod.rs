//! The regression corpus: cases of deployments, and the verdict that each must give.
//!
//! A case is a folder with a recording and a `case.toml`. It is judged in memory as an import and an
//! analysis of it would judge it.

mod accept;
mod coverage;
mod gain;
mod loss;
mod mutate;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use casefile_analyzer::{Analyzer, Evidence, Level, Options, Pack, Settings, Verdict, nearest};
use casefile_collector::held::Held;
use casefile_collector::import::find_service;
use casefile_collector::normalise::About;
use casefile_collector::recording::{Recording, RecordingInfo};
use casefile_collector::redact::Redactor;
use casefile_evidence::AnyRow;
use casefile_fixtures::cases::{self, CASE_FILE, CaseToml};
use futures::StreamExt;

use crate::cli::ExpectArgs;
use crate::config::Loaded;
use crate::error::Error;
use crate::say::tell;
use crate::target::{check, recording_about, recording_config};

pub(crate) use accept::accept;
pub(crate) use coverage::{Uncovered, uncovered};
pub(crate) use mutate::{Tried, Violation, mutate};

/// Its rules are compiled once: a mutated corpus is redacted thousands of times.
static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::standard);

/// A case, read and ready to be judged.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Its folder's name.
    pub(crate) name: String,
    /// `None` for a case that this program was built with.
    pub(crate) folder: Option<PathBuf>,
    /// The expected result; `None` if the case has no `case.toml` yet.
    pub(crate) toml: Option<CaseToml>,
    pub(crate) held: Held,
    pub(crate) settings: Settings,
    about: About,
    stop_reason: String,
}

impl Case {
    /// Reads a case from its folder.
    fn read(folder: &Path, pack: &Pack, config: Option<&Path>) -> Result<Self, Error> {
        let file = folder.join(CASE_FILE);
        let toml = match std::fs::read_to_string(&file) {
            Ok(text) => Some(CaseToml::parse(&text, &file).map_err(|error| Error::usage(error.to_string()))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("read", &file)(error)),
        };
        let recording = Recording::open(folder)?;
        let loaded = recording_config(folder, &recording.info, config)?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { folder: Some(folder.to_owned()), ..Self::new(name, toml, recording, &loaded, pack)? })
    }

    /// Reads a case that this program was built with.
    fn built_in(case: cases::Case, pack: &Pack, config: Option<&Path>) -> Result<Self, Error> {
        let loaded = Loaded::for_case(config, &case)?;
        Self::new(case.name.clone(), Some(case.toml.clone()), case.recording()?, &loaded, pack)
    }

    fn new(
        name: String,
        toml: Option<CaseToml>,
        recording: Recording,
        loaded: &Loaded,
        pack: &Pack,
    ) -> Result<Self, Error> {
        check(loaded, pack)?;
        let mut about = recording_about(&None, &ExpectArgs::default(), &recording.info, &loaded.config)?;
        find_service(&recording, &mut about)?;
        Ok(Self {
            name,
            folder: None,
            toml,
            held: Held::read(&recording)?,
            settings: loaded.config.settings(),
            about,
            stop_reason: recording.info.stop_reason.unwrap_or_else(|| "imported".to_owned()),
        })
    }

    /// The rows that an import of some documents gives: the case's own, or a variation of them.
    pub(crate) fn rows(&self, held: &Held) -> Vec<AnyRow> {
        held.rows(self.about.clone(), REDACTOR.clone(), &self.stop_reason)
    }

    pub(crate) async fn judge(&self, rows: Vec<AnyRow>, analyzer: &Analyzer) -> Result<Verdict, Error> {
        let options = Options { threads: 1, ..Options::default() };
        Ok(analyzer.analyze(&Evidence::rows(rows)?, &self.settings, &options).await?)
    }
}

/// Reads every case in a folder: the folder itself, or those in it. Every case that cannot be read is named.
pub(crate) fn read(folder: &Path, pack: &Pack, config: Option<&Path>) -> Result<Vec<Case>, Error> {
    let is_case = |folder: &Path| folder.join(CASE_FILE).exists() || folder.join(RecordingInfo::FILE).exists();
    if !folder.is_dir() {
        return Err(Error::usage(format!("{} is no folder: name one with cases in it", folder.display())));
    }
    let mut folders = Vec::new();
    if is_case(folder) {
        folders.push(folder.to_owned());
    } else {
        for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
            let path = entry.map_err(Error::io("read", folder))?.path();
            if is_case(&path) {
                folders.push(path);
            }
        }
    }
    folders.sort();
    if folders.is_empty() {
        return Err(Error::usage(format!(
            "there is no case in {}: a case is a folder with a recording (`casefile collect --record DIR` makes \
             one) and a {CASE_FILE}, see docs/corpus.md",
            folder.display()
        )));
    }
    whole(folders.iter().map(|folder| (folder.display(), Case::read(folder, pack, config))))
}

/// Reads the cases that this program was built with.
pub(crate) fn built_in(pack: &Pack, config: Option<&Path>) -> Result<Vec<Case>, Error> {
    whole(cases::all().into_iter().map(|case| (case.name.clone(), Case::built_in(case, pack, config))))
}

/// All of the cases, or the problems of those that cannot be read.
fn whole<N: Display>(read: impl Iterator<Item = (N, Result<Case, Error>)>) -> Result<Vec<Case>, Error> {
    let (mut cases, mut problems) = (Vec::new(), Vec::new());
    for (name, case) in read {
        match case {
            Ok(case) => cases.push(case),
            Err(error) => problems.push(format!("{name}: {error}")),
        }
    }
    if problems.is_empty() { Ok(cases) } else { Err(Error::usage(problems.join("\n"))) }
}

/// Something that a case was to give, and did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `verdict`, `decision`, or a check's id.
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// The reason that the verdict gives.
    pub(crate) why: String,
}

/// The result of a case.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) case: Arc<Case>,
    pub(crate) verdict: Verdict,
    pub(crate) differences: Vec<Difference>,
}

/// A run over the corpus.
#[derive(Debug, Clone)]
pub(crate) struct Tested {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) uncovered: Vec<Uncovered>,
    /// Whether the cases have to try every blocking check both ways.
    pub(crate) whole: bool,
    /// Cases whose new results were written down.
    pub(crate) accepted: Vec<String>,
    /// How many mutations were tried; `None` where none were asked for.
    pub(crate) tried: Option<Tried>,
    pub(crate) violations: Vec<Violation>,
}

impl Tested {
    /// Whether every case gives its expected result (or it was accepted), every blocking check is tried both ways, and no
    /// mutation found anything.
    pub(crate) fn is_good(&self) -> bool {
        let differs =
            |outcome: &Outcome| !outcome.differences.is_empty() && !self.accepted.contains(&outcome.case.name);
        !self.outcomes.iter().any(differs) && self.lacking().next().is_none() && self.violations.is_empty()
    }

    /// Blocking checks that are not tried both ways, where they have to be.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = &Uncovered> {
        self.uncovered.iter().filter(|check| self.whole && check.level == Level::Block)
    }
}

/// Judges every case, several at a time; in the order of the cases.
pub(crate) async fn judge(cases: &[Arc<Case>], analyzer: &Analyzer, threads: usize) -> Result<Vec<Outcome>, Error> {
    let jobs = cases.iter().map(|case| {
        let (case, analyzer) = (Arc::clone(case), analyzer.clone());
        tokio::spawn(async move {
            let verdict = case.judge(case.rows(&case.held), &analyzer).await?;
            let differences = differences(&case, &verdict);
            Ok::<_, Error>(Outcome { case, verdict, differences })
        })
    });
    let judged = futures::stream::iter(jobs).buffered(threads.max(1)).enumerate().map(|(number, answer)| {
        tell(|| format!("judging the cases: {} of {}", number + 1, cases.len()));
        answer
    });
    let answers: Vec<_> = judged.collect().await;
    answers.into_iter().map(|answer| answer.map_err(Error::internal)?).collect()
}

fn differences(case: &Case, verdict: &Verdict) -> Vec<Difference> {
    let Some(toml) = &case.toml else {
        return vec![Difference {
            what: "case.toml".to_owned(),
            expected: "what the case must give".to_owned(),
            got: "nothing says it".to_owned(),
            why: format!("write {CASE_FILE}, or run with --accept and review the result"),
        }];
    };
    let mut differences = Vec::new();
    let mut differ = |what: &str, expected: String, got: String, why: &str| {
        if expected != got {
            differences.push(Difference { what: what.to_owned(), expected, got, why: why.to_owned() });
        }
    };
    let decision = &verdict.decision;
    differ("verdict", toml.verdict.to_string(), word(&verdict.verdict), &decision.why);
    differ("decision", toml.decision.to_string(), word(&decision.action), &decision.why);
    let of = |id: &str| verdict.checks.iter().find(|check| check.id == id);
    let near = |id: &str| nearest(id, verdict.checks.iter().map(|check| check.id.as_str()));
    let correct = |id: &str, table: &str| match near(id) {
        Some(near) => format!("did you mean {near:?}? correct the id in [{table}]"),
        None => format!("correct the id in [{table}]: `casefile check explain` lists all of them"),
    };
    for (id, expected) in &toml.outcomes {
        match of(id) {
            Some(check) => differ(id, expected.clone(), word(&check.outcome), &check.reason),
            None => differ(id, expected.clone(), "no such check".to_owned(), &correct(id, "outcomes")),
        }
    }
    for (id, forbidden) in &toml.forbidden {
        let Some(check) = of(id) else {
            differ(id, "not forbidden".to_owned(), "no such check".to_owned(), &correct(id, "forbidden"));
            continue;
        };
        let got = word(&check.outcome);
        if forbidden.contains(&got) {
            differ(id, format!("not {}", forbidden.join(" or ")), got, &check.reason);
        }
    }
    differences
}

/// A value of one of the analyzer's enums, as its JSON has it.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use casefile_analyzer::{CheckVerdict, Judge};
    use casefile_evidence::Row;
    use casefile_evidence::tables::{LogEventRow, TargetRow};

    use super::*;

    /// The judge that watches keeps only the changes of tasks, containers, targets and sources; the one that reads has all
    /// rows. They agree at the end, in the checks that need no log lines themselves.
    #[tokio::test]
    async fn who_watches_sees_what_who_reads_sees() {
        let pack = Pack::embedded().unwrap();
        let options = Options { threads: 1, ..Options::default() };
        let analyzer = Analyzer::new(pack.clone(), &options).await.unwrap();
        for case in cases::all().into_iter().step_by(9) {
            let case = Case::built_in(case, &pack, None).unwrap();
            let rows = case.rows(&case.held);
            let target =
                rows.iter().find_map(|row| if let AnyRow::Target(row) = row { Some((**row).clone()) } else { None });
            let target: TargetRow = target.unwrap();
            let mut judge = Judge::new(analyzer.clone(), case.settings.clone(), options.clone()).unwrap();
            rows.iter().for_each(|row| judge.observe(row));
            let watched = judge.verdict(target).await.unwrap();
            let read = case.judge(rows, &analyzer).await.unwrap();
            let needs_lines = |check: &CheckVerdict| {
                pack.check(&check.id)
                    .is_some_and(|it| it.header.requires.iter().any(|table| table == LogEventRow::TABLE))
            };
            for (watched, read) in watched.checks.iter().zip(&read.checks).filter(|(check, _)| !needs_lines(check)) {
                let told = |check: &CheckVerdict| (check.id.clone(), check.outcome, check.reason.clone());
                assert_eq!(told(watched), told(read), "{}", case.name);
                assert_eq!(watched.unknown_because, read.unknown_because, "{}: {}", case.name, read.id);
            }
        }
    }
}
