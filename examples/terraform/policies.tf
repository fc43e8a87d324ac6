# What `casefile archive roles --archive 's3://${var.bucket}/casefile' --kms-key '${aws_kms_key.verdicts.arn}' --waiver-kms-key
# '${aws_kms_key.waivers.arn}' --format terraform` prints.

# the job that validates: validate --archive, archive add, attest
data "aws_iam_policy_document" "casefile_archive" {
  statement {
    sid = "List"
    actions = [
      "s3:ListBucket",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}",
    ]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["casefile/*"]
    }
  }
  statement {
    sid = "Read"
    actions = [
      "s3:GetObject",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/bundles/*",
      "arn:aws:s3:::${var.bucket}/casefile/verdicts/*",
      "arn:aws:s3:::${var.bucket}/casefile/index/*",
    ]
  }
  statement {
    sid = "Write"
    actions = [
      "s3:PutObject",
      "s3:AbortMultipartUpload",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/bundles/*",
      "arn:aws:s3:::${var.bucket}/casefile/verdicts/*",
      "arn:aws:s3:::${var.bucket}/casefile/packs/*",
      "arn:aws:s3:::${var.bucket}/casefile/configs/*",
      "arn:aws:s3:::${var.bucket}/casefile/index/*",
      "arn:aws:s3:::${var.bucket}/casefile/attestations/*",
    ]
  }
  statement {
    sid = "Remove"
    actions = [
      "s3:DeleteObject",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/index/*",
    ]
  }
  statement {
    sid = "Sign"
    actions = [
      "kms:GetPublicKey",
      "kms:Sign",
    ]
    resources = [
      "${aws_kms_key.verdicts.arn}",
    ]
  }
}

# the job that asks before it deploys: gate region, service, plan, begin
data "aws_iam_policy_document" "casefile_gate" {
  statement {
    sid = "List"
    actions = [
      "s3:ListBucket",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}",
    ]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["casefile/*"]
    }
  }
  statement {
    sid = "Read"
    actions = [
      "s3:GetObject",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/index/*",
      "arn:aws:s3:::${var.bucket}/casefile/verdicts/*",
      "arn:aws:s3:::${var.bucket}/casefile/markers/*",
      "arn:aws:s3:::${var.bucket}/casefile/stops/*",
      "arn:aws:s3:::${var.bucket}/casefile/waivers/*",
      "arn:aws:s3:::${var.bucket}/casefile/decisions/*",
      "arn:aws:s3:::${var.bucket}/casefile/attestations/*",
    ]
  }
  statement {
    sid = "Write"
    actions = [
      "s3:PutObject",
      "s3:AbortMultipartUpload",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/decisions/*",
      "arn:aws:s3:::${var.bucket}/casefile/markers/*",
    ]
  }
}

# a person: gate stop, lift, waive, close; archive label
data "aws_iam_policy_document" "casefile_operator" {
  statement {
    sid = "List"
    actions = [
      "s3:ListBucket",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}",
    ]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["casefile/*"]
    }
  }
  statement {
    sid = "Read"
    actions = [
      "s3:GetObject",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/index/*",
      "arn:aws:s3:::${var.bucket}/casefile/verdicts/*",
      "arn:aws:s3:::${var.bucket}/casefile/markers/*",
      "arn:aws:s3:::${var.bucket}/casefile/stops/*",
      "arn:aws:s3:::${var.bucket}/casefile/waivers/*",
      "arn:aws:s3:::${var.bucket}/casefile/decisions/*",
      "arn:aws:s3:::${var.bucket}/casefile/labels/*",
      "arn:aws:s3:::${var.bucket}/casefile/attestations/*",
    ]
  }
  statement {
    sid = "Write"
    actions = [
      "s3:PutObject",
      "s3:AbortMultipartUpload",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/stops/*",
      "arn:aws:s3:::${var.bucket}/casefile/waivers/*",
      "arn:aws:s3:::${var.bucket}/casefile/markers/*",
      "arn:aws:s3:::${var.bucket}/casefile/labels/*",
      "arn:aws:s3:::${var.bucket}/casefile/attestations/*",
    ]
  }
  statement {
    sid = "Sign"
    actions = [
      "kms:GetPublicKey",
      "kms:Sign",
    ]
    resources = [
      "${aws_kms_key.waivers.arn}",
    ]
  }
}

# a nightly job: archive compact, archive index
data "aws_iam_policy_document" "casefile_compact" {
  statement {
    sid = "List"
    actions = [
      "s3:ListBucket",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}",
    ]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["casefile/*"]
    }
  }
  statement {
    sid = "Read"
    actions = [
      "s3:GetObject",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/bundles/*",
      "arn:aws:s3:::${var.bucket}/casefile/verdicts/*",
      "arn:aws:s3:::${var.bucket}/casefile/index/*",
      "arn:aws:s3:::${var.bucket}/casefile/tables/*",
    ]
  }
  statement {
    sid = "Write"
    actions = [
      "s3:PutObject",
      "s3:AbortMultipartUpload",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/index/*",
      "arn:aws:s3:::${var.bucket}/casefile/tables/*",
    ]
  }
  statement {
    sid = "Remove"
    actions = [
      "s3:DeleteObject",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/index/*",
      "arn:aws:s3:::${var.bucket}/casefile/tables/*",
    ]
  }
}

# reads everything, and writes nothing: archive list, verify, stats; analyze, query, reproduce
data "aws_iam_policy_document" "casefile_audit" {
  statement {
    sid = "List"
    actions = [
      "s3:ListBucket",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}",
    ]
    condition {
      test     = "StringLikeIfExists"
      variable = "s3:prefix"
      values   = ["casefile/*"]
    }
  }
  statement {
    sid = "Read"
    actions = [
      "s3:GetObject",
      "s3:GetObjectVersion",
      "s3:GetObjectRetention",
      "s3:GetObjectLegalHold",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}/casefile/*",
    ]
  }
  statement {
    sid = "Bucket"
    actions = [
      "s3:ListBucketVersions",
      "s3:GetBucketVersioning",
      "s3:GetBucketObjectLockConfiguration",
    ]
    resources = [
      "arn:aws:s3:::${var.bucket}",
    ]
  }
}
