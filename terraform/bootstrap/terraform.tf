# The role of the Terraform pipeline: what the provider calls to plan, apply and destroy terraform/root, recorded by the
# loopback gateway (tests/terraform), what it calls for changes in place, and what AWS's pages ask besides. What names
# can bound, names bound; keys and networks, whose ARNs carry none, are bound by their tags (network.tf).
resource "aws_iam_role" "terraform" {
  name                 = local.role
  description          = "Terraform pipeline of ${coalesce(var.gitlab.terraform_project, var.gitlab.project)}, branch ${var.gitlab.terraform_branch}"
  assume_role_policy   = data.aws_iam_policy_document.terraform_trust.json
  max_session_duration = 2 * 3600
}

# GitLab signs `sub`, and no variable of a pipeline changes it.
# https://docs.gitlab.com/ci/secrets/id_token_authentication/
data "aws_iam_policy_document" "terraform_trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.host}:aud"
      values   = [var.gitlab.audience]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.host}:sub"
      values   = ["project_path:${coalesce(var.gitlab.terraform_project, var.gitlab.project)}:ref_type:branch:ref:${var.gitlab.terraform_branch}"]
    }
  }
}

locals {
  # A managed policy holds 6,144 characters, and all inline policies of a role together 10,240.
  terraform_policies = {
    data    = data.aws_iam_policy_document.terraform_data.json
    network = data.aws_iam_policy_document.terraform_network.json
    roles   = data.aws_iam_policy_document.terraform_roles.json
    run     = data.aws_iam_policy_document.terraform_run.json
  }
}

resource "aws_iam_policy" "terraform" {
  for_each    = local.terraform_policies
  name        = "${local.role}-${each.key}"
  description = "What the Terraform pipeline of ${local.name} may do: ${each.key}"
  policy      = each.value
}

resource "aws_iam_role_policy_attachment" "terraform" {
  for_each   = aws_iam_policy.terraform
  role       = aws_iam_role.terraform.name
  policy_arn = each.value.arn
}

data "aws_iam_policy_document" "terraform_data" {
  statement {
    sid       = "State"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${local.state}/modelway/${var.environment}.tfstate*"]
  }

  statement {
    sid       = "StateList"
    actions   = ["s3:ListBucket"]
    resources = [local.state]
  }

  statement {
    sid = "Buckets"
    actions = [
      "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:DeleteObjectVersion",
      "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLogging",
      "s3:GetBucketObjectLockConfiguration", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy",
      "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment", "s3:GetBucketTagging", "s3:GetBucketVersioning",
      "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetObject",
      "s3:GetObjectTagging", "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListBucketVersions",
      "s3:PutBucketLogging", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketTagging", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
      "s3:PutObject", "s3:PutObjectTagging",
    ]
    resources = [local.s3]
  }

  # A key that does not exist yet has no ARN.
  statement {
    sid       = "NewKeys"
    actions   = ["kms:CreateKey"]
    resources = ["*"]

    dynamic "condition" {
      for_each = local.of_new

      content {
        test     = "StringEquals"
        variable = condition.key
        values   = [condition.value]
      }
    }
  }

  # CreateKey with tags asks for TagResource on the key that it makes, which has neither tag nor alias. A key of
  # somebody else's has an alias, so that it cannot be given our tags.
  # https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html
  statement {
    sid       = "TagNewKeys"
    actions   = ["kms:TagResource"]
    resources = ["${local.arn["kms"]}:key/*"]

    dynamic "condition" {
      for_each = local.of_new

      content {
        test     = "StringEquals"
        variable = condition.key
        values   = [condition.value]
      }
    }

    condition {
      test     = "Null"
      variable = "kms:ResourceAliases"
      values   = ["true"]
    }
  }

  # Besides the provider's calls, what MWAA does with an environment's key on behalf of who makes or changes it.
  # https://docs.aws.amazon.com/mwaa/latest/userguide/access-policies.html (AmazonMWAAFullApiAccess)
  statement {
    sid = "OurKeys"
    actions = [
      "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:DescribeKey",
      "kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
      "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListResourceTags", "kms:PutKeyPolicy",
      "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource",
      "kms:UntagResource",
    ]
    resources = ["${local.arn["kms"]}:key/*"]

    dynamic "condition" {
      for_each = local.of_itself

      content {
        test     = "StringEquals"
        variable = condition.key
        values   = [condition.value]
      }
    }
  }

  # CreateAlias and DeleteAlias ask for the alias and for its key.
  statement {
    sid       = "Aliases"
    actions   = ["kms:CreateAlias", "kms:DeleteAlias"]
    resources = ["${local.arn["kms"]}:alias/${local.name}", "${local.arn["kms"]}:alias/${local.name}-*"]
  }

  statement {
    sid       = "ListAliases"
    actions   = ["kms:ListAliases"]
    resources = ["*"]
  }

  statement {
    sid = "Repositories"
    actions = [
      "ecr:CreateRepository", "ecr:DeleteLifecyclePolicy", "ecr:DeleteRepository", "ecr:DescribeRepositories",
      "ecr:GetLifecyclePolicy", "ecr:ListTagsForResource", "ecr:PutImageScanningConfiguration",
      "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:TagResource", "ecr:UntagResource",
    ]
    resources = [local.ecr]
  }

  statement {
    sid = "Secrets"
    actions = [
      "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret",
      "secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
      "secretsmanager:RestoreSecret", "secretsmanager:TagResource", "secretsmanager:UntagResource",
      "secretsmanager:UpdateSecret",
    ]
    resources = ["${local.arn["secretsmanager"]}:secret:${var.project}/${var.environment}/*"]
  }
}

data "aws_iam_policy_document" "terraform_run" {
  statement {
    sid = "Functions"
    actions = [
      "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias",
      "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:GetAlias", "lambda:GetFunction",
      "lambda:GetFunctionCodeSigningConfig", "lambda:GetPolicy", "lambda:ListVersionsByFunction",
      "lambda:PublishVersion", "lambda:PutFunctionConcurrency", "lambda:RemovePermission", "lambda:TagResource",
      "lambda:UntagResource", "lambda:UpdateAlias", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
    ]
    resources = ["${local.arn["lambda"]}:function:${local.name}-*"]
  }

  statement {
    sid = "Queues"
    actions = [
      "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:ListQueueTags", "sqs:SetQueueAttributes",
      "sqs:TagQueue", "sqs:UntagQueue",
    ]
    resources = ["${local.arn["sqs"]}:${local.name}-*"]
  }

  statement {
    sid = "Topic"
    actions = [
      "sns:CreateTopic", "sns:DeleteTopic", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic",
      "sns:ListTagsForResource", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:UntagResource",
    ]
    resources = ["${local.arn["sns"]}:${local.name}-*"]
  }

  statement {
    sid = "Logs"
    actions = [
      "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter",
      "logs:DeleteSubscriptionFilter", "logs:DescribeMetricFilters", "logs:DescribeSubscriptionFilters",
      "logs:ListTagsForResource", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:PutSubscriptionFilter",
      "logs:TagResource", "logs:UntagResource",
    ]
    resources = [
      "${local.arn["logs"]}:log-group:/aws/lambda/${local.name}-*",
      "${local.arn["logs"]}:log-group:/aws/sagemaker/Endpoints/${var.project}-*",
      "${local.arn["logs"]}:log-group:airflow-${local.name}-*",
    ]
  }

  # A flow log to S3 is delivered by CloudWatch Logs. None of these knows a narrower resource.
  # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html#flow-logs-s3-iam
  statement {
    sid = "Account"
    actions = [
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "sns:GetSubscriptionAttributes",
      "sns:Unsubscribe",
    ]
    resources = ["*"]
  }

  statement {
    sid = "Alarms"
    actions = [
      "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
      "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource",
    ]
    resources = ["${local.arn["cloudwatch"]}:alarm:${local.name}-*"]
  }

  statement {
    sid       = "Dashboards"
    actions   = ["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"]
    resources = ["arn:${var.partition}:cloudwatch::${var.account_id}:dashboard/${local.name}-*"]
  }

  # The provider makes a budget with its tags, and reads them back.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbudgetservice.html
  statement {
    sid     = "Budget"
    actions = ["budgets:ListTagsForResource", "budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource", "budgets:ViewBudget"]
    resources = [
      "arn:${var.partition}:budgets::${var.account_id}:budget/${local.name}",
      "arn:${var.partition}:budgets::${var.account_id}:budget/${local.name}-*",
    ]
  }

  statement {
    sid       = "Airflow"
    actions   = ["airflow:CreateEnvironment", "airflow:DeleteEnvironment", "airflow:GetEnvironment", "airflow:TagResource", "airflow:UntagResource", "airflow:UpdateEnvironment"]
    resources = ["${local.arn["airflow"]}:environment/${local.name}"]
  }
}

data "aws_iam_policy_document" "terraform_roles" {
  # No role without the boundary, no policy on a role without it, and none of the calls that take it off or change it.
  # https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
  statement {
    sid       = "BoundedRoles"
    actions   = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = ["${local.iam}:role/${local.name}-*"]

    condition {
      test     = "ArnEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.boundary]
    }
  }

  statement {
    sid = "Roles"
    actions = [
      "iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:TagRole", "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
    ]
    resources = ["${local.iam}:role/${local.name}-*"]
  }

  statement {
    sid       = "HandRoles"
    actions   = ["iam:PassRole"]
    resources = ["${local.iam}:role/${local.name}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["airflow.amazonaws.com", "lambda.amazonaws.com"]
    }
  }

  # https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-slr.html
  statement {
    sid       = "AirflowServiceRole"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.iam}:role/aws-service-role/airflow.amazonaws.com/AWSServiceRoleForAmazonMWAA"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["airflow.amazonaws.com"]
    }
  }

  # An administrator changes this role, which has no boundary, and hands it to no service.
  statement {
    sid    = "NotItself"
    effect = "Deny"
    actions = [
      "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PassRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy",
      "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
    ]
    resources = ["${local.iam}:role/${local.role}"]
  }
}
