# What `casefile collect --dry-run` prints for a service, with variables. The last statement is for services behind a load
# balancer.

locals {
  ecs  = "arn:aws:ecs:${var.region}:${var.account}"
  logs = "arn:aws:logs:${var.region}:${var.account}:log-group"
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
    resources = [
      "${local.ecs}:service/${var.cluster}/${var.service}",
      "${local.ecs}:service-deployment/${var.cluster}/${var.service}/*",
      "${local.ecs}:service-revision/${var.cluster}/${var.service}/*",
    ]
  }
  statement {
    sid       = "Tasks"
    actions   = ["ecs:DescribeTasks"]
    resources = ["${local.ecs}:task/${var.cluster}/*"]
  }
  statement {
    sid       = "ListTasks"
    actions   = ["ecs:ListTasks"]
    resources = ["*"]
    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.ecs}:cluster/${var.cluster}"]
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
    resources = ["${local.logs}:*"]
  }
  statement {
    sid     = "Logs"
    actions = ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"]
    resources = [
      "${local.logs}:${var.log_group}",
      "${local.logs}:${var.log_group}:log-stream:*",
    ]
  }
  statement {
    sid       = "TargetHealth"
    actions   = ["elasticloadbalancing:DescribeTargetHealth"]
    resources = ["*"]
  }
}
