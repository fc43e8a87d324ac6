//! The last layer: queries that nobody reviewed are planned and run in a process of their own.
//!
//! Single functions of the engine allocate before any limit of it sees that. So where a query takes all memory, or
//! ends the process by a fault of the engine, that process must be one that nothing else depends on: the death is
//! the answer of that query, and the queries after it are given to another process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use casefile_evidence::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::run::{Limits, RunError};
use super::slot::{Contents, Rows};
use super::wire::{Head, Planned, Reply, Request, Source, Work, from_ipc, to_ipc};
use super::{Catalog, PLANNING_TIME};
use crate::error::{AnalyzeError, SpecError};

/// A program that calls `serve` with its standard input and output. It should limit its own memory first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// What became of a query.
pub(crate) type Answer<T> = Result<T, Refusal>;

/// Why a query gave no answer.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    Refused(SpecError),
    Failed(RunError),
}

impl Isolation {
    /// Plans checks. The tables need no rows.
    pub(crate) async fn plan(
        &self,
        checks: &[Source],
        catalog: &Catalog,
        limits: &Limits,
    ) -> Result<Vec<Answer<Planned>>, AnalyzeError> {
        let order = Order::new(Work::Plan, *limits, catalog, None)?;
        let answers = order.carry_out(self, checks).await?;
        let planned = answers.into_iter().map(|answer| match answer? {
            (Reply::Planned(planned), _) => Ok(planned),
            _ => Err(no_answer()),
        });
        Ok(planned.collect())
    }

    /// Plans and runs checks. The tables that none of them reads need no rows.
    pub(crate) async fn run(
        &self,
        checks: &[Source],
        catalog: &Catalog,
        contents: &Contents,
        limits: &Limits,
    ) -> Result<Vec<Answer<Vec<RecordBatch>>>, AnalyzeError> {
        let order = Order::new(Work::Run, *limits, catalog, Some(contents))?;
        let answers = order.carry_out(self, checks).await?;
        Ok(answers.into_iter().map(|answer| answer.and_then(rows).map(|(_, batches)| batches)).collect())
    }

    /// Plans and runs a person's question.
    pub(crate) async fn ask(
        &self,
        question: Source,
        catalog: &Catalog,
        contents: &Contents,
        limits: &Limits,
    ) -> Result<Answer<(SchemaRef, Vec<RecordBatch>)>, AnalyzeError> {
        let order = Order::new(Work::Ask, *limits, catalog, Some(contents))?;
        let answer = order.carry_out(self, &[question]).await?.pop();
        Ok(answer.unwrap_or_else(|| Err(no_answer())).and_then(rows))
    }

    fn start(&self) -> Result<Child, AnalyzeError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // It needs nothing of the environment, least of all its credentials. Ctrl-C is the caller's business.
        #[cfg(unix)]
        command.env_clear().process_group(0);
        let started = command.kill_on_drop(true).spawn();
        started.map_err(|error| {
            AnalyzeError::internal(format!("cannot start {} to run checks in: {error}", self.program.display()))
        })
    }
}

fn rows((reply, table): (Reply, Option<Vec<u8>>)) -> Answer<(SchemaRef, Vec<RecordBatch>)> {
    match (reply, table) {
        (Reply::Rows, Some(table)) => from_ipc(&table).map_err(|_| no_answer()),
        _ => Err(no_answer()),
    }
}

fn no_answer() -> Refusal {
    Refusal::Failed(RunError::NoAnswer)
}

/// What is to be done with queries, over which tables.
struct Order {
    work: Work,
    limits: Limits,
    heads: Vec<Head>,
    tables: Vec<Vec<u8>>,
    bundle: Option<PathBuf>,
    moment: Option<Timestamp>,
}

impl Order {
    fn new(work: Work, limits: Limits, catalog: &Catalog, contents: Option<&Contents>) -> Result<Self, AnalyzeError> {
        let mut order = Self { work, limits, heads: Vec::new(), tables: Vec::new(), bundle: None, moment: None };
        for name in catalog.names() {
            let rows = contents.and_then(|contents| contents.get(name));
            let (filed, batches) = match rows {
                Some(Rows::Held(batches)) => (false, &batches[..]),
                Some(Rows::Filed(bundle, moment)) => {
                    order.bundle = bundle.data_folder().parent().map(PathBuf::from);
                    order.moment = *moment;
                    (true, &[][..])
                }
                None => (false, &[][..]),
            };
            order.heads.push(Head { name: name.clone(), filed });
            order.tables.push(to_ipc(&catalog.schema_of(name)?, batches).map_err(AnalyzeError::internal)?);
        }
        Ok(order)
    }

    /// Gives each query to a process, and those after one that ended its process to the next process.
    async fn carry_out(
        &self,
        isolation: &Isolation,
        queries: &[Source],
    ) -> Result<Vec<Answer<(Reply, Option<Vec<u8>>)>>, AnalyzeError> {
        let mut answers = Vec::new();
        while answers.len() < queries.len() {
            let before = answers.len();
            let mut child = isolation.start()?;
            let (Some(input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
                return Err(AnalyzeError::internal("a process without standard input and output"));
            };
            let left = queries.get(before..).unwrap_or_default();
            // A process that ended reads no more: what it says, or does not say, tells.
            let _ = self.send(input, left).await;
            while answers.len() < queries.len() {
                match self.answer(&mut output).await {
                    Some((Reply::Refused(error), _)) => answers.push(Err(Refusal::Refused(error))),
                    Some((Reply::Failed(error), _)) => answers.push(Err(Refusal::Failed(error))),
                    Some(answer) => answers.push(Ok(answer)),
                    None => {
                        answers.push(Err(Refusal::Failed(death(child, &self.limits).await)));
                        break;
                    }
                }
            }
        }
        Ok(answers)
    }

    async fn send(&self, mut input: ChildStdin, queries: &[Source]) -> std::io::Result<()> {
        let request = Request {
            work: self.work,
            limits: self.limits,
            queries: queries.to_vec(),
            tables: self.heads.clone(),
            bundle: self.bundle.clone(),
            moment: self.moment,
        };
        let request = serde_json::to_vec(&request)?;
        for frame in std::iter::once(&request).chain(&self.tables) {
            let length = u32::try_from(frame.len()).map_err(std::io::Error::other)?;
            input.write_u32(length).await?;
            input.write_all(frame).await?;
        }
        input.shutdown().await
    }

    /// The next answer; `None` where there is none in time.
    async fn answer(&self, output: &mut ChildStdout) -> Option<(Reply, Option<Vec<u8>>)> {
        // It ends a query that takes too long by itself; where it does not, it is stuck.
        let patience = self.limits.time + PLANNING_TIME + Duration::from_secs(5);
        let answer = async {
            let reply: Reply = serde_json::from_slice(&frame(output).await?).ok()?;
            let rows = if matches!(reply, Reply::Rows) { Some(frame(output).await?) } else { None };
            Some((reply, rows))
        };
        tokio::time::timeout(patience, answer).await.ok().flatten()
    }
}

async fn frame(input: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let length = input.read_u32().await.ok()?;
    let mut bytes = Vec::new();
    let read = input.take(u64::from(length)).read_to_end(&mut bytes).await.ok()?;
    (u32::try_from(read).ok()? == length).then_some(bytes)
}

/// How a process ended that gave no answer.
async fn death(mut child: Child, limits: &Limits) -> RunError {
    // One that is stuck is ended.
    let stuck = child.try_wait().is_ok_and(|status| status.is_none())
        && tokio::time::timeout(Duration::from_secs(1), child.wait()).await.is_err();
    if stuck {
        let _ = child.kill().await;
        return RunError::Time(limits.time);
    }
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(64 << 10).read_to_string(&mut said).await;
    }
    match child.wait().await {
        Ok(status) if was_killed(status) || said.contains("memory allocation of") => RunError::Memory(limits.memory),
        _ if said.contains("overflowed its stack") => RunError::Nested,
        _ => RunError::NoAnswer,
    }
}

/// Whether the system ended it, as it does where memory runs out.
#[cfg(unix)]
fn was_killed(status: ExitStatus) -> bool {
    const SIGKILL: i32 = 9;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGKILL)
}

#[cfg(not(unix))]
fn was_killed(_status: ExitStatus) -> bool {
    false
}
