//! `collect --dry-run`: the calls of a collection, and the least IAM policy for them.

use std::collections::BTreeSet;

use casefile_collector::aws::{Aws, ConnectOptions, Quotas, ask};
use casefile_collector::normalise::{Assembly, account_of, short_name};
use casefile_collector::plan::{Calls, Known, calls, policy, terraform};
use casefile_collector::redact::Redactor;
use casefile_evidence::rollout::is_task_definition;
use serde_json::json;

use crate::cli::Collect;
use crate::config::Loaded;
use crate::destination::Destination;
use crate::error::Error;
use crate::exit::Exit;
use crate::format::TextFormat;
use crate::output::Printer;
use crate::target::{Target, Times};

pub(crate) async fn run(args: &Collect, loaded: &Loaded, times: &Times, printer: &Printer) -> Result<Exit, Error> {
    let target = Target::decide(&args.target, &loaded.config)?;
    let quotas = loaded.config.collect.quotas()?;
    let options = ConnectOptions { quotas: quotas.clone(), ..args.aws.connect.options(target.region.clone()) };
    let known = match Aws::connect(options).await {
        Ok(aws) => {
            let known = look(&aws, &target, times, printer).await;
            match loaded.config.collect.logs_insights {
                Some(false) => Known { queried: BTreeSet::new(), ..known },
                _ => known,
            }
        }
        Err(error) => {
            printer.warn(&format!("AWS was not asked, so that log groups are not known: {error}"));
            beforehand(&target, target.region.as_deref(), times)
        }
    };
    let polls = times.pace.timeout.as_millis().div_ceil(times.pace.poll.as_millis().max(1)) + 2;
    let destination = Destination::decide(args.output.output.as_deref(), Default::default)?;
    let archive = destination.url().map(|url| url.arn(known.region.as_deref().unwrap_or_default()));
    let known = Known { archive, polls: u64::try_from(polls).unwrap_or(u64::MAX), ..known };
    let (calls, policy) = (calls(&known, &quotas), policy(&known));
    // Where the bundle would go is no place for it.
    if args.format == TextFormat::Json {
        let all = json!({ "polls": known.polls, "calls": calls, "policy": policy });
        printer.stdout(&format!("{all}\n"))?;
        return Ok(Exit::Pass);
    }
    let pretty = serde_json::to_string_pretty(&policy).map_err(Error::internal)?;
    let table = table(&calls, &known, &quotas);
    let terraform = terraform(&policy, "casefile");
    printer.stdout(&format!(
        "{table}\nThe least IAM policy for it:\n\n{pretty}\n\nThe same for Terraform:\n\n{terraform}"
    ))?;
    Ok(Exit::Pass)
}

/// The facts that are known without a call.
fn beforehand(target: &Target, region: Option<&str>, times: &Times) -> Known {
    let about = target.about(region.unwrap_or_default(), times);
    let assembly = Assembly::new(about.clone(), Redactor::standard());
    Known {
        region: region.map(str::to_owned),
        account: about.account,
        cluster: target.named.cluster.clone(),
        service: target.named.service.clone(),
        tasks: 1,
        groups: assembly.topology().chosen_log_groups().into_iter().map(|group| (group, 1)).collect(),
        selectors: about.tasks.len() as u64,
        ..Known::default()
    }
}

/// Asks for the service and its task definitions, which name the log groups.
async fn look(aws: &Aws, target: &Target, times: &Times, printer: &Printer) -> Known {
    let mut known = beforehand(target, Some(aws.region()), times);
    let mut assembly = Assembly::new(target.about(aws.region(), times), Redactor::standard());
    assembly.begin_snapshot(casefile_evidence::Timestamp(0), false);
    let (cluster, service) = (&target.named.cluster, &target.named.service);
    let (mut failed, mut tasks) = (None, 0);
    let asked = ask::describe_services(aws, cluster, service, &mut |document| {
        let services = document.response().and_then(|answer| answer.get("services")?.as_array());
        tasks = services.into_iter().flatten().filter_map(|it| it.get("desiredCount")?.as_u64()).max().unwrap_or(0);
        let document = assembly.redact(document);
        assembly.take(document);
    })
    .await;
    if asked.is_complete() {
        known.target_groups = Some(assembly.topology().target_groups().len() as u64);
        known.classic_load_balancers = Some(assembly.topology().classic_load_balancers().len() as u64);
        known.alarms = Some(assembly.topology().watched_alarms.len() as u64);
    }
    failed = asked.error.or(failed);
    let mut definitions: Vec<String> =
        assembly.topology().deployments.values().filter_map(|deployment| deployment.task_definition.clone()).collect();
    definitions.extend(target.expected.task_definition.clone());
    definitions.sort();
    definitions.dedup_by(|a, b| is_task_definition(a, b));
    for definition in &definitions {
        let asked = ask::describe_task_definition(aws, definition, &mut |document| {
            let document = assembly.redact(document);
            assembly.take(document);
        })
        .await;
        failed = asked.error.or(failed);
    }
    for group in assembly.topology().log_groups_of_containers() {
        *known.groups.entry(group.to_owned()).or_default() += 1;
    }
    let groups: BTreeSet<String> = assembly.topology().log_groups_of_containers().map(str::to_owned).collect();
    for group in &groups {
        // An error is not reported here: the collection reports it.
        ask::describe_log_group(aws, &ask::LogGroup::new(aws, group), &mut |document| {
            let document = assembly.redact(document);
            assembly.take(document);
        })
        .await;
    }
    known.queried = groups.into_iter().filter(|group| !assembly.coverage().is_readable(group)).collect();
    let seen = assembly.topology();
    known.account = known.account.or_else(|| account_of(seen.service_arn.as_deref()?).map(str::to_owned));
    known.tasks = tasks;
    known.task_sets = !matches!(seen.controller.as_deref(), None | Some("ECS"));
    known.groups_are_known = failed.is_none() && !seen.definitions.is_empty();
    match failed {
        Some(error) => printer.warn(&format!(
            "AWS answers {}, so that the log groups of {} are not all known: {}",
            error.code,
            short_name(service),
            error.message
        )),
        None => printer.note(&format!(
            "asked AWS for the service, {} task definitions and their log groups; nothing else was asked",
            definitions.len()
        )),
    }
    known
}

fn table(calls: &[Calls], known: &Known, quotas: &Quotas) -> String {
    let mut text = format!(
        "At most {} polls of service {} in cluster {}:\n\n  {:<28} {:>9} {:>6} {:>8} {:>12}\n",
        known.polls,
        short_name(&known.service),
        short_name(&known.cluster),
        "operation",
        "each poll",
        "once",
        "at most",
        "per second"
    );
    for Calls { operation, per_poll, once, at_most, per_second } in calls {
        text.push_str(&format!("  {operation:<28} {per_poll:>9} {once:>6} {at_most:>8} {per_second:>12}\n"));
    }
    let all: u64 = calls.iter().map(|calls| calls.at_most).sum();
    text.push_str(&format!(
        "\n{all} calls at most, and one more for every 10,000 log lines or megabyte of them; calls a second are kept below {} % \
         of the quotas.\n",
        quotas.share * 100.0
    ));
    if !known.queried.is_empty() {
        let groups: Vec<&str> = known.queried.iter().map(String::as_str).collect();
        text.push_str(&format!(
            "\nOnly Logs Insights reads {}, which costs by the bytes that a query scans; a group is queried every 15 s. \
             [collect] logs_insights = false turns it off.\n",
            groups.join(", ")
        ));
    }
    text
}
