# Who may do what. GitLab's jobs come with an OIDC token (id_tokens), and are known by its subject. Roles are of the whole
# account: apply this once, not once for each region.

# If the account has it already: `terraform import`, or a data source in its place.
resource "aws_iam_openid_connect_provider" "gitlab" {
  url            = "https://${var.gitlab}"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  jobs = {
    deploying     = var.deploying
    orchestrating = var.orchestrating
  }
}

data "aws_iam_policy_document" "job" {
  for_each = local.jobs
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.gitlab.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.gitlab}:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "${var.gitlab}:sub"
      values   = each.value
    }
  }
}

data "aws_iam_policy_document" "person" {
  for_each = {
    operator = var.people
    audit    = var.auditors
  }
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = each.value
    }
  }
}

# The job that deploys and validates: it asks the gate, reads the service, and keeps what it found.
resource "aws_iam_role" "deploying" {
  name               = "casefile-deploying"
  assume_role_policy = data.aws_iam_policy_document.job["deploying"].json
}

resource "aws_iam_role_policy" "deploying" {
  for_each = {
    collect = data.aws_iam_policy_document.casefile_collect.json
    archive = data.aws_iam_policy_document.casefile_archive.json
    gate    = data.aws_iam_policy_document.casefile_gate.json
  }
  name   = each.key
  role   = aws_iam_role.deploying.id
  policy = each.value
}

# The orchestrator of a release train.
resource "aws_iam_role" "orchestrating" {
  name               = "casefile-gate"
  assume_role_policy = data.aws_iam_policy_document.job["orchestrating"].json
}

resource "aws_iam_role_policy" "orchestrating" {
  name   = "gate"
  role   = aws_iam_role.orchestrating.id
  policy = data.aws_iam_policy_document.casefile_gate.json
}

# A nightly job of the deploying project.
resource "aws_iam_role" "compact" {
  name               = "casefile-compact"
  assume_role_policy = data.aws_iam_policy_document.job["deploying"].json
}

resource "aws_iam_role_policy" "compact" {
  name   = "compact"
  role   = aws_iam_role.compact.id
  policy = data.aws_iam_policy_document.casefile_compact.json
}

resource "aws_iam_role" "operator" {
  name               = "casefile-operator"
  assume_role_policy = data.aws_iam_policy_document.person["operator"].json
}

resource "aws_iam_role_policy" "operator" {
  name   = "operator"
  role   = aws_iam_role.operator.id
  policy = data.aws_iam_policy_document.casefile_operator.json
}

resource "aws_iam_role" "audit" {
  name               = "casefile-audit"
  assume_role_policy = data.aws_iam_policy_document.person["audit"].json
}

resource "aws_iam_role_policy" "audit" {
  name   = "audit"
  role   = aws_iam_role.audit.id
  policy = data.aws_iam_policy_document.casefile_audit.json
}

# Two keys: who signs verdicts signs no waivers. They never leave KMS.
resource "aws_kms_key" "verdicts" {
  description              = "casefile: signs verdicts"
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_key" "waivers" {
  description              = "casefile: signs waivers"
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  lifecycle {
    prevent_destroy = true
  }
}

data "aws_kms_public_key" "verdicts" {
  key_id = aws_kms_key.verdicts.arn
}

data "aws_kms_public_key" "waivers" {
  key_id = aws_kms_key.waivers.arn
}

output "verdict_key" {
  description = "For `casefile attest --key kms:...`."
  value       = aws_kms_key.verdicts.arn
}

output "waiver_key" {
  description = "For `casefile gate waive --key kms:...`."
  value       = aws_kms_key.waivers.arn
}

output "public_keys" {
  description = "For `keys` and `waiver_keys` of the gate's policy."
  value = {
    keys        = data.aws_kms_public_key.verdicts.public_key_pem
    waiver_keys = data.aws_kms_public_key.waivers.public_key_pem
  }
}

output "roles" {
  description = "For AWS_ROLE_ARN of the jobs, and for people."
  value = {
    deploying     = aws_iam_role.deploying.arn
    orchestrating = aws_iam_role.orchestrating.arn
    compact       = aws_iam_role.compact.arn
    operator      = aws_iam_role.operator.arn
    audit         = aws_iam_role.audit.arn
  }
}
