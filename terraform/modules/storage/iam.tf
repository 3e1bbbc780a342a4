locals {
  root = "arn:${var.context.partition}:iam::${var.context.account_id}:root"
}

# IAM policies of the account decide who uses the key, through S3, MWAA and CloudWatch Logs.
data "aws_iam_policy_document" "key" {
  statement {
    sid = "Administer"
    actions = [
      "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias",
      "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation",
      "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy",
      "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource",
      "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
    ]
    resources = ["*"] # in a key's policy: this key

    principals {
      type        = "AWS"
      identifiers = [local.root]
    }
  }

  statement {
    sid = "LogGroups"
    actions = [
      "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
      "kms:ReEncryptFrom", "kms:ReEncryptTo",
    ]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.context.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${var.context.partition}:logs:${var.context.region}:${var.context.account_id}:log-group:*"]
    }
  }
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"] # a denial: everything, on purpose
    resources = ["arn:${var.context.partition}:s3:::${each.value}", "arn:${var.context.partition}:s3:::${each.value}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "logs" ? {
      AccessLogs = { service = "logging.s3.amazonaws.com", prefix = "s3/*" }
      FlowLogs   = { service = "delivery.logs.amazonaws.com", prefix = "AWSLogs/*" }
    } : {}

    content {
      sid       = statement.key
      actions   = ["s3:PutObject"]
      resources = ["arn:${var.context.partition}:s3:::${each.value}/${statement.value.prefix}"]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.context.account_id]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "logs" ? [1] : []

    content {
      sid       = "FlowLogsCheck"
      actions   = ["s3:GetBucketAcl", "s3:ListBucket"]
      resources = ["arn:${var.context.partition}:s3:::${each.value}"]

      principals {
        type        = "Service"
        identifiers = ["delivery.logs.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.context.account_id]
      }
    }
  }
}
