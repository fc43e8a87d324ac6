//! Elastic Load Balancing: version 2 (application, network and gateway load balancers), and Classic Load Balancers.

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

/// DescribeInstanceHealth for every instance of a Classic Load Balancer. The answer is never paged.
pub async fn describe_instance_health(aws: &Aws, load_balancer: &str, on: OnDocument<'_>) -> Asked {
    let names = [load_balancer.to_owned()];
    batches(on, &names, names.len(), |names| {
        exchange(aws, aws.region(), Operation::DescribeInstanceHealth, move |wire| {
            let call = aws.classic_load_balancing().describe_instance_health();
            call.set_load_balancer_name(names.into_iter().next()).customize().interceptor(wire).send()
        })
    })
    .await
}
