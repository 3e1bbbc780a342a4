# With this key CI signs where an image comes from, and Airflow verifies it before an endpoint gets it
# (src/modelway/lineage/statement.py). The private half never leaves KMS; asymmetric keys are not rotated by KMS.
locals {
  name = "${var.context.project}-${var.context.environment}"
  root = "arn:${var.context.partition}:iam::${var.context.account_id}:root"
  ci   = "arn:${var.context.partition}:iam::${var.context.account_id}:role/${local.name}-ci"
}

data "aws_iam_policy_document" "signing" {
  # IAM decides who may use the key.
  statement {
    sid = "Account"
    actions = [
      "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey",
      "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:GetPublicKey", "kms:ListKeyPolicies", "kms:ListResourceTags",
      "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:Sign", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias",
      "kms:UpdateKeyDescription", "kms:Verify",
    ]
    resources = ["*"] # in a key's policy: this key

    principals {
      type        = "AWS"
      identifiers = [local.root]
    }
  }

  # But nobody else may sign, whatever IAM says.
  statement {
    sid       = "OnlyCiSigns"
    effect    = "Deny"
    actions   = ["kms:Sign"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = [local.ci]
    }
  }
}

resource "aws_kms_key" "signing" {
  description              = "${local.name}: signs what CI pushed"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  deletion_window_in_days  = 30
  policy                   = data.aws_iam_policy_document.signing.json
}

resource "aws_kms_alias" "signing" {
  name          = "alias/${local.name}-signing"
  target_key_id = aws_kms_key.signing.key_id
}
