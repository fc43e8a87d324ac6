//! What there is, for who asked for what there is not. Nothing of it is evidence.

use crate::aws::Aws;
use crate::aws::wire::api_error;
use crate::document::ApiError;

/// Pages of names that are looked at.
const PAGES: usize = 5;

/// The names of the clusters.
///
/// # Errors
/// What ECS answered.
pub async fn cluster_names(aws: &Aws) -> Result<Vec<String>, ApiError> {
    let mut pages = aws.ecs().list_clusters().into_paginator().send();
    let mut names = Vec::new();
    for _ in 0..PAGES {
        let Some(page) = pages.next().await else { break };
        names.extend(page.map_err(|error| api_error(&error))?.cluster_arns().iter().map(|arn| last(arn)));
    }
    Ok(names)
}

/// The names of a cluster's services.
///
/// # Errors
/// What ECS answered.
pub async fn service_names(aws: &Aws, cluster: &str) -> Result<Vec<String>, ApiError> {
    let mut pages = aws.ecs().list_services().cluster(cluster).max_results(100).into_paginator().send();
    let mut names = Vec::new();
    for _ in 0..PAGES {
        let Some(page) = pages.next().await else { break };
        names.extend(page.map_err(|error| api_error(&error))?.service_arns().iter().map(|arn| last(arn)));
    }
    Ok(names)
}

fn last(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

/// The names that are most like one, the nearest first; none that has little in common with it.
pub fn nearest(wanted: &str, names: &[String]) -> Vec<String> {
    const MOST: usize = 3;
    let wanted = last(wanted).to_lowercase();
    let mut near: Vec<(usize, &String)> = names
        .iter()
        .map(|name| {
            let lower = name.to_lowercase();
            let within = lower.contains(&wanted) || wanted.contains(&lower);
            (if within { 1 } else { strsim::levenshtein(&wanted, &lower) }, name)
        })
        .filter(|(distance, name)| *distance * 2 <= wanted.len().max(name.len()))
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(MOST).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["production", "staging", "production-eu", "sandbox"].map(str::to_owned);
        assert_eq!(nearest("prodution", &names), ["production", "production-eu"]);
        assert_eq!(nearest("arn:aws:ecs:eu-west-1:1:cluster/Staging", &names), ["staging"]);
        assert_eq!(nearest("elsewhere", &names), [] as [&str; 0]);
        assert_eq!(nearest("x", &[]), [] as [&str; 0]);
    }
}
