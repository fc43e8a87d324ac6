# What `casefile collect --dry-run` prints for a service, for each of `services`. The last statement is for services behind a load
# balancer.

locals {
  ecs  = [for s in var.services : merge(s, { arn = "arn:aws:ecs:${s.region}:${s.account}" })]
  logs = [for s in var.services : merge(s, { arn = "arn:aws:logs:${s.region}:${s.account}:log-group" })]
}

data "aws_iam_policy_document" "casefile_collect" {
  statement {
    sid = "Service"
    actions = [
      "ecs:DescribeServices",
      "ecs:ListServiceDeployments",
      "ecs:DescribeServiceDeployments",
      "ecs:DescribeServiceRevisions",
    ]
    resources = flatten([for s in local.ecs : [
      "${s.arn}:service/${s.cluster}/${s.service}",
      "${s.arn}:service-deployment/${s.cluster}/${s.service}/*",
      "${s.arn}:service-revision/${s.cluster}/${s.service}/*",
    ]])
  }
  statement {
    sid       = "Tasks"
    actions   = ["ecs:DescribeTasks"]
    resources = distinct([for s in local.ecs : "${s.arn}:task/${s.cluster}/*"])
  }
  statement {
    sid       = "ListTasks"
    actions   = ["ecs:ListTasks"]
    resources = ["*"]
    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = distinct([for s in local.ecs : "${s.arn}:cluster/${s.cluster}"])
    }
  }
  statement {
    sid       = "TaskDefinitions"
    actions   = ["ecs:DescribeTaskDefinition"]
    resources = ["*"]
  }
  statement {
    sid       = "LogGroups"
    actions   = ["logs:DescribeLogGroups"]
    resources = distinct([for s in local.logs : "${s.arn}:*"])
  }
  statement {
    sid     = "Logs"
    actions = ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"]
    resources = flatten([for s in local.logs : [
      "${s.arn}:${s.log_group}",
      "${s.arn}:${s.log_group}:log-stream:*",
    ]])
  }
  statement {
    sid       = "TargetHealth"
    actions   = ["elasticloadbalancing:DescribeTargetHealth"]
    resources = ["*"]
  }
  statement {
    sid       = "Alarms"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["*"]
  }
}
