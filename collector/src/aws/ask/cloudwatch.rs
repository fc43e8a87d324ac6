//! Amazon CloudWatch.

use aws_sdk_cloudwatch::types::AlarmType;

use super::{Asked, OnDocument, batches};
use crate::aws::Aws;
use crate::aws::wire::exchange;
use crate::document::Operation;

/// The most names that DescribeAlarms takes.
const ALARMS: usize = 100;

/// DescribeAlarms for alarms by name, metric alarms and composite ones. The answer for up to 100 names is one page.
pub async fn describe_alarms(aws: &Aws, names: &[String], on: OnDocument<'_>) -> Asked {
    batches(on, names, ALARMS, |names| {
        exchange(aws, aws.region(), Operation::DescribeAlarms, move |wire| {
            let call = aws.cloudwatch().describe_alarms().set_alarm_names(Some(names));
            let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm).max_records(100);
            call.customize().interceptor(wire).send()
        })
    })
    .await
}
