data "aws_iam_policy_document" "gitlab" {
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
      values   = ["project_path:${var.gitlab.project}:ref_type:branch:ref:${var.gitlab.branch}"]
    }
  }
}

# Whom the account lets assume a role: members of the bootstrap's group.
data "aws_iam_policy_document" "users_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${var.context.partition}:iam::${var.context.account_id}:root"]
    }
  }
}

data "aws_iam_policy_document" "sagemaker_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.context.account_id]
    }
  }
}

locals {
  data      = "arn:${var.context.partition}:s3:::${var.data_bucket}"
  artifacts = "arn:${var.context.partition}:s3:::${var.artifacts_bucket}"
  sagemaker = "arn:${var.context.partition}:sagemaker:${local.account}"
  ecr       = "arn:${var.context.partition}:ecr:${local.account}:repository/${var.context.project}"
}

# What a model's containers may do, whatever they are: pull their image, log, count. src/modelway/versioning/locations.py
# has the artifacts bucket's layout: what containers upload lies in jobs/, and records/ is written by the platform alone.
data "aws_iam_policy_document" "container" {
  for_each = var.sagemaker_roles

  statement {
    sid       = "ReadModels"
    actions   = ["s3:GetObject"]
    resources = [for model in each.value.models : "${local.artifacts}/records/${model}/models/*"]
  }

  statement {
    sid       = "ListModels"
    actions   = ["s3:ListBucket"]
    resources = [local.artifacts]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = [for model in each.value.models : "records/${model}/models/*"]
    }
  }

  statement {
    sid       = "ReadKey"
    actions   = ["kms:Decrypt"]
    resources = [var.key_arn]
  }

  statement {
    sid       = "PullImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [for model in each.value.models : "${local.ecr}/${model}"]
  }

  # A token is for the whole registry.
  statement {
    sid       = "RegistryToken"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["arn:${var.context.partition}:logs:${local.account}:log-group:/aws/sagemaker/*"]
  }

  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringLike"
      variable = "cloudwatch:namespace"
      values   = ["/aws/sagemaker/*", "aws/sagemaker/*", "AWS/SageMaker"]
    }
  }
}

# An endpoint writes nothing.
data "aws_iam_policy_document" "endpoint" {
  for_each                = var.sagemaker_roles
  source_policy_documents = [data.aws_iam_policy_document.container[each.key].json]
}

# A job reads its data besides, and writes below jobs/ of its model.
data "aws_iam_policy_document" "job" {
  for_each                = var.sagemaker_roles
  source_policy_documents = [data.aws_iam_policy_document.container[each.key].json]

  statement {
    sid       = "ReadData"
    actions   = ["s3:GetObject"]
    resources = [for prefix in each.value.data_prefixes : "${local.data}/${prefix}*"]
  }

  statement {
    sid       = "ListData"
    actions   = ["s3:ListBucket"]
    resources = [local.data]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = [for prefix in each.value.data_prefixes : "${prefix}*"]
    }
  }

  statement {
    sid       = "Upload"
    actions   = ["s3:PutObject"]
    resources = [for model in each.value.models : "${local.artifacts}/jobs/${model}/*"]
  }

  statement {
    sid       = "WriteKey"
    actions   = ["kms:Encrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]
  }
}

# What ci/ and src/modelway/pipeline call.
data "aws_iam_policy_document" "ci" {
  statement {
    sid       = "RegistryToken"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "PushImages"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImageScanFindings",
      "ecr:DescribeRepositories", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:ListImages", "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = ["${local.ecr}/*"]
  }

  statement {
    sid     = "StartRuns"
    actions = ["lambda:InvokeFunction"]
    resources = [
      "arn:${var.context.partition}:lambda:${local.account}:function:${var.trigger_function}",
      "arn:${var.context.partition}:lambda:${local.account}:function:${var.trigger_function}:live",
    ]
  }

  statement {
    sid       = "Artifacts"
    actions   = ["s3:GetObject"]
    resources = ["${local.artifacts}/*"]
  }

  statement {
    sid       = "Records"
    actions   = ["s3:PutObject"]
    resources = ["${local.artifacts}/records/*"]
  }

  statement {
    sid       = "ArtifactList"
    actions   = ["s3:ListBucket"]
    resources = [local.artifacts]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]
  }

  statement {
    sid       = "Sign"
    actions   = ["kms:Sign"]
    resources = [var.signing_key_arn]
  }

  # These know no resource.
  statement {
    sid       = "List"
    actions   = ["sagemaker:ListModelPackageGroups", "sagemaker:ListModelPackages"]
    resources = ["*"]
  }

  statement {
    sid       = "ExplainFailures"
    actions   = ["sagemaker:DescribeProcessingJob", "sagemaker:DescribeTrainingJob"]
    resources = ["${local.sagemaker}:processing-job/*", "${local.sagemaker}:training-job/*"]
  }

  statement {
    sid     = "ApproveModels"
    actions = ["sagemaker:DescribeModelPackage", "sagemaker:DescribeModelPackageGroup", "sagemaker:UpdateModelPackage"]
    resources = [
      "${local.sagemaker}:model-package-group/${var.context.project}-*",
      "${local.sagemaker}:model-package/${var.context.project}-*/*",
    ]
  }

  # What is live: a repeated deployment and a rollback ask. What changes an endpoint is the DAG's alone.
  statement {
    sid       = "LookAtEndpoints"
    actions   = ["sagemaker:DescribeEndpoint"]
    resources = ["${local.sagemaker}:endpoint/${var.context.project}-*"]
  }
}

# People look: reports, logs, alarms, Airflow's read-only pages; and they may try an endpoint.
data "aws_iam_policy_document" "users" {
  statement {
    sid       = "Airflow"
    actions   = ["airflow:CreateWebLoginToken"]
    resources = ["arn:${var.context.partition}:airflow:${local.account}:role/${var.mwaa_environment}/Viewer"]
  }

  statement {
    sid       = "Reports"
    actions   = ["s3:GetObject"]
    resources = ["${local.artifacts}/*"]
  }

  statement {
    sid       = "ReportList"
    actions   = ["s3:ListBucket"]
    resources = [local.artifacts]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [var.key_arn]
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:FilterLogEvents", "logs:GetLogEvents"]
    resources = ["arn:${var.context.partition}:logs:${local.account}:log-group:/aws/sagemaker/*"]
  }

  statement {
    sid = "Describe"
    actions = [
      "sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel",
      "sagemaker:DescribeModelPackage", "sagemaker:DescribeModelPackageGroup",
    ]
    resources = [
      "${local.sagemaker}:endpoint-config/${var.context.project}-*",
      "${local.sagemaker}:endpoint/${var.context.project}-*",
      "${local.sagemaker}:model-package-group/${var.context.project}-*",
      "${local.sagemaker}:model-package/${var.context.project}-*/*",
      "${local.sagemaker}:model/${var.context.project}-*",
    ]
  }

  statement {
    sid     = "Alarms"
    actions = ["cloudwatch:DescribeAlarms", "cloudwatch:GetDashboard"]
    resources = [
      "arn:${var.context.partition}:cloudwatch::${var.context.account_id}:dashboard/${local.name}-*",
      "arn:${var.context.partition}:cloudwatch:${local.account}:alarm:*",
    ]
  }

  statement {
    sid       = "Invoke"
    actions   = ["sagemaker:InvokeEndpoint"]
    resources = ["${local.sagemaker}:endpoint/${var.context.project}-*"]
  }

  # Listings and metrics know no narrower resource.
  statement {
    sid = "List"
    actions = [
      "cloudwatch:GetMetricData", "cloudwatch:ListDashboards", "cloudwatch:ListMetrics", "sagemaker:ListEndpoints", "sagemaker:ListModelPackages", "sagemaker:ListModels",
      "sagemaker:ListProcessingJobs", "sagemaker:ListTrainingJobs",
    ]
    resources = ["*"]
  }
}
