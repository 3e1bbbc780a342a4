# The role of the Terraform pipeline: what the provider calls to plan, apply and destroy terraform/root, recorded by the
# loopback gateway (tests/terraform), and what it calls for changes in place. It may not touch its own role.
locals {
  terraform_role = "${local.name}-terraform"
  arn            = { for service in ["cloudwatch", "ecr", "kms", "lambda", "logs", "secretsmanager", "sns", "sqs", "airflow"] : service => "arn:${var.context.partition}:${service}:${local.account}" }
  iam            = "arn:${var.context.partition}:iam::${var.context.account_id}"
}

resource "aws_iam_role" "terraform" {
  count                = var.state_bucket == "" ? 0 : 1
  name                 = local.terraform_role
  description          = "Terraform pipeline of ${var.gitlab.project}, branch ${var.gitlab.branch}"
  assume_role_policy   = data.aws_iam_policy_document.gitlab.json
  max_session_duration = 2 * 3600
}

resource "aws_iam_role_policy" "terraform" {
  for_each = var.state_bucket == "" ? {} : {
    network = data.aws_iam_policy_document.terraform_network.json
    rest    = data.aws_iam_policy_document.terraform.json
  }
  name   = each.key
  role   = aws_iam_role.terraform[0].id
  policy = each.value
}

# EC2's networking names no project in its ARNs; the region and the tags bound it.
data "aws_iam_policy_document" "terraform_network" {
  statement {
    sid = "Network"
    actions = [
      "ec2:AllocateAddress", "ec2:AssociateRouteTable", "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateFlowLogs", "ec2:CreateInternetGateway", "ec2:CreateNatGateway", "ec2:CreateNetworkInterface",
      "ec2:CreateRoute", "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateTags",
      "ec2:CreateVpc", "ec2:CreateVpcEndpoint", "ec2:DeleteFlowLogs", "ec2:DeleteInternetGateway",
      "ec2:DeleteNatGateway", "ec2:DeleteRoute", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet",
      "ec2:DeleteTags", "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints", "ec2:DescribeAddresses",
      "ec2:DescribeAddressesAttribute", "ec2:DescribeFlowLogs", "ec2:DescribeInternetGateways",
      "ec2:DescribeNatGateways", "ec2:DescribeNetworkAcls", "ec2:DescribeNetworkInterfaces", "ec2:DescribePrefixLists",
      "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
      "ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "ec2:DetachInternetGateway",
      "ec2:DisassociateAddress", "ec2:DisassociateRouteTable", "ec2:ModifySecurityGroupRules", "ec2:ModifyVpcAttribute",
      "ec2:ModifyVpcEndpoint", "ec2:ReleaseAddress", "ec2:ReplaceRoute", "ec2:RevokeSecurityGroupEgress",
      "ec2:RevokeSecurityGroupIngress",
    ]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [var.context.region]
    }
  }

  # A flow log to S3 is delivered by CloudWatch Logs.
  statement {
    sid       = "FlowLogDelivery"
    actions   = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "terraform" {
  statement {
    sid       = "State"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["arn:${var.context.partition}:s3:::${var.state_bucket}/modelway/${var.context.environment}.tfstate*"]
  }

  statement {
    sid       = "StateList"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${var.context.partition}:s3:::${var.state_bucket}"]
  }

  statement {
    sid = "Buckets"
    actions = [
      "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:DeleteObject", "s3:DeleteObjectVersion",
      "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLogging",
      "s3:GetBucketObjectLockConfiguration", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy",
      "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment", "s3:GetBucketTagging", "s3:GetBucketVersioning",
      "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetObject",
      "s3:GetObjectTagging", "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListBucketVersions",
      "s3:PutBucketLogging", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketTagging", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
      "s3:PutObject", "s3:PutObjectTagging",
    ]
    resources = ["arn:${var.context.partition}:s3:::${local.name}-*"]
  }

  statement {
    sid       = "Keys"
    actions   = ["kms:CreateKey", "kms:ListAliases"]
    resources = ["*"] # a key that does not exist yet has no ARN
  }

  statement {
    sid = "OurKeys"
    actions = [
      "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:DeleteAlias", "kms:DescribeKey", "kms:EnableKeyRotation",
      "kms:Encrypt", "kms:GenerateDataKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants",
      "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:RevokeGrant",
      "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
    ]
    resources = ["${local.arn["kms"]}:alias/${local.name}*", "${local.arn["kms"]}:key/*"]
  }

  statement {
    sid = "Repositories"
    actions = [
      "ecr:CreateRepository", "ecr:DeleteLifecyclePolicy", "ecr:DeleteRepository", "ecr:DescribeRepositories",
      "ecr:GetLifecyclePolicy", "ecr:ListTagsForResource", "ecr:PutImageScanningConfiguration",
      "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:TagResource", "ecr:UntagResource",
    ]
    resources = ["${local.ecr}/*"]
  }

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
    sid = "Secrets"
    actions = [
      "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret",
      "secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
      "secretsmanager:RestoreSecret", "secretsmanager:TagResource", "secretsmanager:UntagResource",
      "secretsmanager:UpdateSecret",
    ]
    resources = ["${local.arn["secretsmanager"]}:secret:${var.context.project}/${var.context.environment}/*"]
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
      "${local.arn["logs"]}:log-group:/aws/sagemaker/Endpoints/${var.context.project}-*",
      "${local.arn["logs"]}:log-group:airflow-${local.name}-*",
    ]
  }

  # These know no narrower resource.
  statement {
    sid       = "Account"
    actions   = ["logs:DescribeLogGroups", "sns:GetSubscriptionAttributes", "sns:Unsubscribe"]
    resources = ["*"]
  }

  statement {
    sid       = "Alarms"
    actions   = ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
    resources = ["${local.arn["cloudwatch"]}:alarm:${local.name}-*"]
  }

  statement {
    sid       = "Dashboards"
    actions   = ["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"]
    resources = ["arn:${var.context.partition}:cloudwatch::${var.context.account_id}:dashboard/${local.name}-*"]
  }

  statement {
    sid       = "Budget"
    actions   = ["budgets:ModifyBudget", "budgets:ViewBudget"]
    resources = ["arn:${var.context.partition}:budgets::${var.context.account_id}:budget/${local.name}", "arn:${var.context.partition}:budgets::${var.context.account_id}:budget/${local.name}-*"]
  }

  statement {
    sid       = "Airflow"
    actions   = ["airflow:CreateEnvironment", "airflow:DeleteEnvironment", "airflow:GetEnvironment", "airflow:TagResource", "airflow:UntagResource", "airflow:UpdateEnvironment"]
    resources = ["${local.arn["airflow"]}:environment/${local.name}"]
  }

  statement {
    sid = "Roles"
    actions = [
      "iam:CreateGroup", "iam:CreateOpenIDConnectProvider", "iam:CreateRole", "iam:DeleteGroup", "iam:DeleteGroupPolicy",
      "iam:DeleteOpenIDConnectProvider", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetGroup", "iam:GetGroupPolicy",
      "iam:GetOpenIDConnectProvider", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:PutGroupPolicy", "iam:PutRolePolicy",
      "iam:TagOpenIDConnectProvider", "iam:TagRole", "iam:UntagOpenIDConnectProvider", "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
    ]
    resources = ["${local.iam}:group/${local.name}-users", "${local.iam}:role/${local.name}-*", local.provider]
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

  statement {
    sid       = "AirflowServiceRole"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.iam}:role/aws-service-role/airflow.amazonaws.com/AWSServiceRoleForAmazonMWAA"]
  }

  # An administrator changes this role.
  statement {
    sid       = "NotItself"
    effect    = "Deny"
    actions   = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"]
    resources = ["${local.iam}:role/${local.terraform_role}"]
  }
}
