//! `init`: a first casefile.toml, from what AWS, Terraform or a bundle tells.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use casefile_analyzer::{Pack, nearest};
use casefile_collector::aws::{Aws, ask};
use casefile_collector::document::{ApiError, Document};
use casefile_collector::normalise::{Assembly, short_name};
use casefile_collector::redact::Redactor;
use casefile_collector::terraform::Outputs;
use casefile_evidence::rollout::is_task_definition;
use casefile_evidence::tables::{
    ContainerDefinitionRow, LogEventRow, LogStreamRow, ServiceRow, SourceRow, TargetRow, TaskRow,
};
use casefile_evidence::{Bundle, Timestamp};
use tokio::sync::Notify;

use super::look::Look;
use crate::cli::{Init, TargetArgs};
use crate::config::{Config, Loaded, Origin};
use crate::error::Error;
use crate::exit::Exit;
use crate::init::{Container, Facts, Guessed, Proposed, config, propose, unrecognised};
use crate::library::Framework;
use crate::output::Printer;
use crate::place::{STDOUT, can_be_written, is_free, write_file};
use crate::render::{short, visible};
use crate::target::{Target, Times, check, clock_of};

/// Lines of a container that are read: a start is in the first of them.
const LINES: usize = 5_000;

pub(crate) async fn run(args: &Init, printer: &Printer) -> Result<Exit, Error> {
    let frameworks = Framework::all()?;
    if args.list {
        printer.stdout(&listed(&frameworks))?;
        return Ok(Exit::Pass);
    }
    for name in &args.framework {
        known(name, &frameworks)?;
    }
    let to_stdout = args.output == Path::new(STDOUT);
    if !to_stdout {
        let taken = "already exists and is not overwritten: choose another file with -o, or -o - for standard output";
        is_free(&args.output, taken)?;
        can_be_written(&args.output)?;
    }
    let facts = match &args.from {
        Some(bundle) => of_bundle(bundle, args)?,
        None => of_aws(args, printer).await?,
    };
    if let Some((task, status)) = &facts.not_running {
        printer.warn(&format!(
            "task {} does not run ({status}), so its log may end early: frameworks that start later are missing; run init again \
             when a task runs, or name them with --framework",
            short(task)
        ));
    }
    let proposed = propose(&facts, &frameworks, &args.framework)?;
    let text = config(&facts, &proposed);
    sound(&text)?;
    write_file(&args.output, &text)?;
    if !to_stdout {
        printer.stdout(&summary(&args.output, &facts, &proposed))?;
    }
    Ok(Exit::Pass)
}

fn known(name: &str, frameworks: &[Framework]) -> Result<(), Error> {
    let mut keys = frameworks.iter().map(|framework| framework.key.as_str());
    if keys.clone().any(|key| key == name) {
        return Ok(());
    }
    let near = nearest(name, keys.clone()).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    let all: Vec<&str> = keys.by_ref().collect();
    Err(Error::usage(format!("--framework {name} is not known: {near}there are {}", all.join(", "))))
}

fn listed(frameworks: &[Framework]) -> String {
    let mut text = String::new();
    for framework in frameworks {
        text += &format!("{:<12} {}\n", framework.key, framework.about);
        for proposal in &framework.signature {
            text += &format!("             {:<28} {}\n", proposal.signature.id, proposal.signature.title);
        }
    }
    text
}

/// What was written must be sound.
fn sound(text: &str) -> Result<(), Error> {
    let config = Config::parse(text, "the new config").map_err(Error::internal)?;
    let loaded = Loaded { config, origin: Some(Origin::File("the new config".into())) };
    let pack = Pack::embedded().map_err(|errors| Error::Analyze(errors.into()))?;
    check(&loaded, &pack).map_err(Error::internal)
}

fn summary(path: &Path, facts: &Facts, proposed: &[Proposed<'_>]) -> String {
    let mut text = format!("{}\n", path.display());
    for Proposed { container, framework, signatures, .. } in proposed {
        let on = signatures.iter().filter(|it| it.is_on(container)).count();
        let off = signatures.len() - on;
        let off = if off > 0 { format!(", {off} switched off") } else { String::new() };
        text += &format!("  container {}: {}, {on} signatures{off}\n", visible(&container.name), framework.name);
    }
    for container in unrecognised(facts, proposed) {
        let why = if container.lines.is_empty() { "no line was read" } else { "no framework was recognised" };
        text += &format!("  container {}: {why}\n", visible(&container.name));
    }
    if facts.containers.iter().any(|it| !it.lines.is_empty()) {
        text += "\nThe file quotes log lines in comments: review them before you commit it.\n";
    }
    text + "\nnext: edit the file, then run `casefile check lint` and `casefile doctor`\n"
}

/// What the Terraform outputs seem to name.
fn guessed(args: &Init) -> Result<Guessed, Error> {
    Ok(match &args.terraform_output {
        Some(file) => Guessed::of(&Outputs::read(file)?),
        None => Guessed::default(),
    })
}

/// Asks AWS for the service, and for the first lines of one task of it.
async fn of_aws(args: &Init, printer: &Printer) -> Result<Facts, Error> {
    let guessed = guessed(args)?;
    let pick = |flag: &Option<String>, key: &str| flag.clone().or_else(|| guessed.value(key));
    let aws = Aws::connect(args.connect.options(pick(&args.region, "region"))).await?;
    let cluster = match pick(&args.cluster, "cluster") {
        Some(cluster) => cluster,
        None => the_only("cluster", aws.region(), ask::cluster_names(&aws).await)?,
    };
    let service = match pick(&args.service, "service") {
        Some(service) => service,
        None => the_only("service", &cluster, ask::service_names(&aws, &cluster).await)?,
    };
    let named = TargetArgs { service: Some(service), cluster: Some(cluster), ..TargetArgs::default() };
    let loaded = Loaded::default();
    let target = Target::decide(&named, &loaded.config)?;
    let times = Times::decide(&Default::default(), &loaded.config)?;
    let look = Look::at(&aws, &target, &times, clock_of(args.clock.as_deref())?, &loaded).await?;
    let (streams, sources): (Vec<LogStreamRow>, Vec<SourceRow>) = (look.bundle.rows()?, look.bundle.rows()?);
    was_seen(&look.bundle, &sources)?;
    let mut facts = facts(&look.bundle, &guessed)?;
    let mut assembly = Assembly::new(target.about(aws.region(), &times), Redactor::standard());
    for container in &mut facts.containers {
        let of = |row: &&LogStreamRow| {
            row.container.as_deref() == Some(container.name.as_str())
                && row.task_id.as_deref() == container.task_id.as_deref()
        };
        let Some(stream) = streams.iter().find(of) else {
            if container.log_group.is_some() {
                printer.warn(&format!(
                    "no line of container {} was read: {}",
                    container.name,
                    reason(&sources, "log_streams")
                ));
            }
            continue;
        };
        for document in first_pages(&aws, stream, container.created_at, printer).await {
            let document = assembly.redact(document);
            container.lines.extend(
                document
                    .document()
                    .events()
                    .iter()
                    .filter_map(|event| Some((Timestamp(event.timestamp?), event.message.clone()?))),
            );
        }
        container.lines.truncate(LINES);
    }
    Ok(facts)
}

/// Refuses a look that did not see the service, or none of its containers.
fn was_seen(bundle: &Bundle, sources: &[SourceRow]) -> Result<(), Error> {
    for (what, table, rows) in [
        ("service", "services", bundle.rows::<ServiceRow>()?.len()),
        ("task definition", "task_definitions", bundle.rows::<ContainerDefinitionRow>()?.len()),
    ] {
        if rows == 0 {
            return Err(Error::usage(format!("the {what} was not found: {}", reason(sources, table))));
        }
    }
    Ok(())
}

/// Why a table has no rows, and what to do about it.
fn reason(sources: &[SourceRow], table: &str) -> String {
    let failed = sources.iter().rev().find(|source| source.feeds == table && source.error.is_some());
    let Some(source) = failed else {
        return "AWS gave no error; check the names, the region and the account".to_owned();
    };
    let code = source.error_code.as_deref().map(|code| format!("{code}: ")).unwrap_or_default();
    let remedy = source.remedy.as_deref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    format!("{} answers {code}{}{remedy}", source.operation, source.error.as_deref().unwrap_or_default())
}

/// The first pages of a stream.
async fn first_pages(aws: &Aws, stream: &LogStreamRow, from: Option<Timestamp>, printer: &Printer) -> Vec<Document> {
    let (pages, enough) = (Mutex::new(Vec::new()), Notify::new());
    let take = |document: Document| {
        let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.push(document);
        if pages.iter().map(|page: &Document| page.events().len()).sum::<usize>() >= LINES {
            enough.notify_one();
        }
        std::future::ready(())
    };
    let (group, lines) = (ask::LogGroup::new(aws, &stream.log_group), ask::Lines::Alone(stream.log_stream.clone()));
    let cursor = ask::LogCursor::new(1, aws.now(), from);
    tokio::select! {
        asked = ask::read_lines(aws, &group, &lines, cursor, take) => {
            if let Some(error) = asked.error {
                printer.warn(&format!("{} {}: {}: {}", stream.log_group, stream.log_stream, error.code, error.message));
            }
        }
        () = enough.notified() => {}
    }
    pages.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn the_only(what: &str, place: &str, names: Result<Vec<String>, ApiError>) -> Result<String, Error> {
    const SHOWN: usize = 20;
    let names = names.map_err(|ApiError { code, message }| {
        Error::usage(format!("cannot list the {what}s of {place}: {code}: {message}; give --{what}"))
    })?;
    match names.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Error::usage(format!("{place} has no {what}: give --{what}, or another --region"))),
        many => {
            let more = if many.len() > SHOWN { format!(" and {} more", many.len() - SHOWN) } else { String::new() };
            let shown: Vec<&str> = many.iter().take(SHOWN).map(String::as_str).collect();
            Err(Error::usage(format!("which {what}? give --{what}: {place} has {}{more}", shown.join(", "))))
        }
    }
}

/// Reads a bundle: the service, its containers, and for each the first lines of one task.
fn of_bundle(path: &Path, args: &Init) -> Result<Facts, Error> {
    let bundle = Bundle::open(path)?;
    let guessed = guessed(args)?;
    let mut facts = facts(&bundle, &guessed)?;
    let places: BTreeMap<String, usize> =
        facts.containers.iter().enumerate().map(|(place, it)| (it.name.clone(), place)).collect();
    for rows in bundle.row_batches::<LogEventRow>()? {
        for row in rows? {
            let place = row.container.as_deref().and_then(|name| places.get(name));
            let Some(container) = place.and_then(|place| facts.containers.get_mut(*place)) else { continue };
            if row.task_id.as_deref() == container.task_id.as_deref() && container.lines.len() < LINES {
                container.lines.push((row.timestamp, row.message));
            }
        }
    }
    Ok(facts)
}

/// The service, and its containers with the task whose lines are read: the newest that runs, else the newest.
fn facts(bundle: &Bundle, guessed: &Guessed) -> Result<Facts, Error> {
    let target = bundle.rows::<TargetRow>()?.into_iter().next().unwrap_or_default();
    let mut latest: BTreeMap<String, TaskRow> = BTreeMap::new();
    for task in bundle.rows::<TaskRow>()? {
        latest.insert(task.task_id.clone(), task);
    }
    let runs = target.task_definition.as_deref();
    let of_release = |task: &&TaskRow| match (runs, task.task_definition.as_deref()) {
        (Some(runs), Some(task)) => is_task_definition(task, runs),
        _ => true,
    };
    let task = latest
        .values()
        .filter(of_release)
        .max_by_key(|task| (task.last_status.as_deref() == Some("RUNNING"), task.created_at));
    let mut definitions: Vec<ContainerDefinitionRow> = bundle.rows()?;
    definitions.retain(|row| runs.is_none_or(|runs| is_task_definition(&row.task_definition, runs)));
    let containers = definitions.into_iter().map(|row| Container {
        logs_to: match (&row.log_group, &row.log_driver) {
            (Some(group), _) => group.clone(),
            (None, Some(driver)) => format!("{driver}, not to CloudWatch Logs"),
            (None, None) => "nowhere".to_owned(),
        },
        log_group: row.log_group,
        name: row.container,
        essential: row.essential,
        task_id: task.map(|task| task.task_id.clone()),
        created_at: task.and_then(|task| task.created_at),
        lines: Vec::new(),
    });
    let not_running = task.filter(|task| task.last_status.as_deref() != Some("RUNNING"));
    let not_running = not_running.map(|task| (task.task_id.clone(), task.last_status.clone().unwrap_or_default()));
    let terraform = guessed.naming(&target);
    Ok(Facts {
        service: short_name(&target.service).to_owned(),
        cluster: target.cluster.as_deref().map(short_name).unwrap_or_default().to_owned(),
        region: target.region,
        terraform,
        not_running,
        containers: containers.collect(),
    })
}
