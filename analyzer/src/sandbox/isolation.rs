//! The last layer: checks that do not ship with this program are planned and run in a child process.
//!
//! Single functions of the engine allocate before any limit of it sees that. So where a query takes all memory, or
//! ends the process by a fault of the engine, that process must be one that nothing else depends on: the death is
//! the answer of that query, and the queries after it are given to another process.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;

use super::late_table::{Contents, Rows};
use super::run::{Limits, RunError};
use super::wire::{Answer, Head, Planned, Reply, Request, Source, Work, from_ipc, read_frame, to_ipc, write_frame};
use super::{Catalog, PLANNING_TIME};
use crate::error::AnalyzeError;

/// Processes at the same time: each takes the memory of a whole engine, and bundles that are judged together need theirs all at
/// once.
static PROCESSES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from) * 2));

/// A program that calls `serve` with its standard input and output. It should limit its own memory first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Isolation {
    /// Plans checks. The tables need no rows.
    pub(crate) async fn plan(
        &self,
        checks: Vec<Source>,
        catalog: &Catalog,
        limits: Limits,
    ) -> Result<Vec<Answer<Planned>>, AnalyzeError> {
        let answers = self.carry_out(Work::Plan, checks, catalog, &Contents::default(), limits).await?;
        let planned =
            |reply| if let (Reply::Planned(planned), _) = reply { Ok(planned) } else { Err(RunError::NoAnswer.into()) };
        Ok(answers.into_iter().map(|answer| answer.and_then(planned)).collect())
    }

    /// Plans and runs checks. The tables that none of them reads need no rows.
    pub(crate) async fn run(
        &self,
        checks: Vec<Source>,
        catalog: &Catalog,
        contents: &Contents,
        limits: Limits,
    ) -> Result<Vec<Answer<Vec<RecordBatch>>>, AnalyzeError> {
        let answers = self.carry_out(Work::Run, checks, catalog, contents, limits).await?;
        Ok(answers.into_iter().map(|answer| answer.and_then(rows).map(|(_, batches)| batches)).collect())
    }

    /// Plans and runs a person's question.
    pub(crate) async fn ask(
        &self,
        question: Source,
        catalog: &Catalog,
        contents: &Contents,
        limits: Limits,
    ) -> Result<Answer<(SchemaRef, Vec<RecordBatch>)>, AnalyzeError> {
        let answer = self.carry_out(Work::Ask, vec![question], catalog, contents, limits).await?.pop();
        Ok(answer.unwrap_or_else(|| Err(RunError::NoAnswer.into())).and_then(rows))
    }

    /// Gives each query to a process, and those after one that ended its process to the next process.
    async fn carry_out(
        &self,
        work: Work,
        queries: Vec<Source>,
        catalog: &Catalog,
        contents: &Contents,
        limits: Limits,
    ) -> Result<Vec<Answer<Given>>, AnalyzeError> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let _running = PROCESSES.acquire().await.map_err(AnalyzeError::internal)?;
        let mut message = Message::new(work, queries, catalog, contents, limits)?;
        let mut answers = Vec::new();
        while !message.request.queries.is_empty() {
            let given = match self.start() {
                Ok(child) => message.give(child).await,
                Err(error) => vec![Err(RunError::Start(error.to_string()).into())],
            };
            message.request.queries.drain(..given.len());
            answers.extend(given);
        }
        Ok(answers)
    }

    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // It needs nothing of the environment, least of all its credentials. Ctrl-C is the caller's business.
        #[cfg(unix)]
        command.env_clear().process_group(0);
        command.kill_on_drop(true).spawn()
    }
}

/// The reply to a query, and the frame with its rows.
type Given = (Reply, Option<Vec<u8>>);

fn rows((reply, table): Given) -> Answer<(SchemaRef, Vec<RecordBatch>)> {
    match (reply, table) {
        (Reply::Rows, Some(table)) => from_ipc(&table).map_err(|_| RunError::NoAnswer.into()),
        _ => Err(RunError::NoAnswer.into()),
    }
}

/// What is sent to a process: the request, and the tables that its queries read.
struct Message {
    request: Request,
    tables: Vec<Vec<u8>>,
}

impl Message {
    fn new(
        work: Work,
        queries: Vec<Source>,
        catalog: &Catalog,
        contents: &Contents,
        limits: Limits,
    ) -> Result<Self, AnalyzeError> {
        let mut request = Request { work, limits, queries, tables: Vec::new(), bundle: None, moment: None };
        let mut tables = Vec::new();
        for name in catalog.names() {
            let (filed, batches) = match contents.get(name) {
                Some(Rows::Filed(bundle, moment)) => {
                    request.bundle = bundle.data_folder()?.parent().map(PathBuf::from);
                    request.moment = *moment;
                    (true, &[][..])
                }
                Some(Rows::Held(batches)) => (false, &batches[..]),
                None => (false, &[][..]),
            };
            request.tables.push(Head { name: name.clone(), filed });
            tables.push(to_ipc(&catalog.schema_of(name)?, batches).map_err(AnalyzeError::internal)?);
        }
        Ok(Self { request, tables })
    }

    /// Gives the queries to a process, up to the one that ends it.
    async fn give(&self, mut child: Child) -> Vec<Answer<Given>> {
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(mut output)) = (input, output) else { return vec![Err(RunError::NoAnswer.into())] };
        // The child may have ended and read no more: its output decides.
        let _ = self.send(input).await;
        let mut answers = Vec::new();
        for _ in &self.request.queries {
            match self.answer(&mut output).await {
                Some(answer) => answers.push(answer),
                None => {
                    answers.push(Err(death(child, &self.request.limits).await.into()));
                    break;
                }
            }
        }
        answers
    }

    async fn send(&self, mut input: ChildStdin) -> io::Result<()> {
        write_frame(&mut input, &serde_json::to_vec(&self.request)?).await?;
        for table in &self.tables {
            write_frame(&mut input, table).await?;
        }
        input.shutdown().await
    }

    /// The next answer; `None` where there is none in time.
    async fn answer(&self, output: &mut ChildStdout) -> Option<Answer<Given>> {
        // It ends a query that takes too long by itself; where it does not, it is stuck.
        let patience = self.request.limits.time + PLANNING_TIME + Duration::from_secs(5);
        let answer = async {
            let answer: Answer<Reply> = serde_json::from_slice(&read_frame(output).await.ok()?).ok()?;
            let rows = match answer {
                Ok(Reply::Rows) => Some(read_frame(output).await.ok()?),
                _ => None,
            };
            Some(answer.map(|reply| (reply, rows)))
        };
        tokio::time::timeout(patience, answer).await.ok().flatten()
    }
}

/// How a process ended that gave no answer. One that is stuck is ended.
async fn death(mut child: Child, limits: &Limits) -> RunError {
    let Ok(status) = tokio::time::timeout(Duration::from_secs(1), child.wait()).await else {
        let _ = child.kill().await;
        return RunError::Time(limits.time);
    };
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(64 << 10).read_to_string(&mut said).await;
    }
    if status.is_ok_and(was_killed) || said.contains("memory allocation of") {
        RunError::Memory(limits.memory)
    } else if said.contains("overflowed its stack") {
        RunError::Nested
    } else {
        RunError::NoAnswer
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
