//! Elastic Load Balancing, version 2: application, network and gateway load balancers.

use super::{Asked, OnDocument, batches};
use crate::aws::Aws;
use crate::aws::wire::exchange;
use crate::document::Operation;

/// DescribeTargetHealth for every target of a target group. The answer is never paged.
pub async fn describe_target_health(aws: &Aws, target_group_arn: &str, on: OnDocument<'_>) -> Asked {
    let arns = [target_group_arn.to_owned()];
    batches(on, &arns, arns.len(), |arns| {
        exchange(aws, aws.region(), Operation::DescribeTargetHealth, move |wire| {
            let call = aws.load_balancing().describe_target_health().set_target_group_arn(arns.into_iter().next());
            call.customize().interceptor(wire).send()
        })
    })
    .await
}
