locals {
  account    = "${var.context.region}:${var.context.account_id}"
  sagemaker  = "arn:${var.context.partition}:sagemaker:${local.account}"
  artifacts  = "arn:${var.context.partition}:s3:::${var.artifacts_bucket}"
  bucket     = "arn:${var.context.partition}:s3:::${var.dags_bucket.name}"
  role_name  = "${local.name}-airflow"
  tag_prefix = "aws:RequestTag/modelway"
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["airflow-env.amazonaws.com", "airflow.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = local.role_name
  description          = "What Airflow's workers run as"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.context.boundary_arn
}

# What MWAA itself needs: https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html
data "aws_iam_policy_document" "airflow" {
  statement {
    sid       = "Health"
    actions   = ["airflow:PublishMetrics"]
    resources = ["arn:${var.context.partition}:airflow:${local.account}:environment/${local.name}"]
  }

  statement {
    sid       = "ReadPackageList"
    actions   = ["s3:GetBucketLocation", "s3:GetBucketPublicAccessBlock", "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration", "s3:ListBucket", "s3:ListBucketVersions"]
    resources = [local.bucket]
  }

  statement {
    sid       = "ReadPackage"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${local.bucket}/*"]
  }

  statement {
    sid = "Log"
    actions = [
      "logs:CreateLogGroup", "logs:CreateLogStream", "logs:GetLogEvents", "logs:GetLogGroupFields", "logs:GetLogRecord",
      "logs:GetQueryResults", "logs:PutLogEvents",
    ]
    resources = ["arn:${var.context.partition}:logs:${local.account}:log-group:airflow-${local.name}-*"]
  }

  # No narrower resource exists for these three.
  statement {
    sid       = "Account"
    actions   = ["logs:DescribeLogGroups", "s3:GetAccountPublicAccessBlock"]
    resources = ["*"]
  }

  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["AmazonMWAA"]
    }
  }

  # Celery's queue lives in an account of AWS's.
  statement {
    sid = "Celery"
    actions = [
      "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
      "sqs:ReceiveMessage", "sqs:SendMessage",
    ]
    resources = ["arn:${var.context.partition}:sqs:${var.context.region}:*:airflow-celery-*"]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]

    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = ["s3.${var.context.region}.amazonaws.com", "sqs.${var.context.region}.amazonaws.com"]
    }
  }
}

# What the DAGs do (dags/, plugins/, src/modelway).
data "aws_iam_policy_document" "pipeline" {
  # A model's code reaches no network, but for the models that may reach the internet.
  dynamic "statement" {
    for_each = merge(
      { Isolated = { test = "Bool", variable = "sagemaker:NetworkIsolation", values = ["true"] } },
      length(var.internet_models) == 0 ? {} : {
        Internet = { test = "StringEquals", variable = "${local.tag_prefix}:model", values = var.internet_models }
      },
    )

    content {
      sid     = "Start${statement.key}"
      actions = ["sagemaker:CreateModel", "sagemaker:CreateProcessingJob", "sagemaker:CreateTrainingJob"]
      resources = [
        "${local.sagemaker}:model/${var.context.project}-*", "${local.sagemaker}:processing-job/*", "${local.sagemaker}:training-job/*",
      ]

      condition {
        test     = statement.value.test
        variable = statement.value.variable
        values   = statement.value.values
      }

      condition {
        test     = "StringEquals"
        variable = "${local.tag_prefix}:project"
        values   = [var.context.project]
      }

      condition {
        test     = "StringEquals"
        variable = "${local.tag_prefix}:environment"
        values   = [var.context.environment]
      }
    }
  }

  statement {
    sid       = "TagJobs"
    actions   = ["sagemaker:AddTags"]
    resources = ["${local.sagemaker}:processing-job/*", "${local.sagemaker}:training-job/*"]

    condition {
      test     = "StringEquals"
      variable = "${local.tag_prefix}:project"
      values   = [var.context.project]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.tag_prefix}:environment"
      values   = [var.context.environment]
    }
  }

  statement {
    sid       = "FollowJobs"
    actions   = ["sagemaker:DescribeProcessingJob", "sagemaker:DescribeTrainingJob"]
    resources = ["${local.sagemaker}:processing-job/*", "${local.sagemaker}:training-job/*"]
  }

  statement {
    sid       = "Models"
    actions   = ["sagemaker:AddTags", "sagemaker:DescribeModel"]
    resources = ["${local.sagemaker}:model/${var.context.project}-*"]
  }

  statement {
    sid     = "Packages"
    actions = ["sagemaker:AddTags", "sagemaker:CreateModelPackage", "sagemaker:CreateModelPackageGroup", "sagemaker:DescribeModelPackage"]
    resources = [
      "${local.sagemaker}:model-package-group/${var.context.project}-*",
      "${local.sagemaker}:model-package/${var.context.project}-*/*",
    ]
  }

  # ListModelPackages knows no resource.
  statement {
    sid       = "ListPackages"
    actions   = ["sagemaker:ListModelPackages"]
    resources = ["*"]
  }

  statement {
    sid = "Endpoints"
    actions = [
      "sagemaker:AddTags", "sagemaker:CreateEndpoint", "sagemaker:CreateEndpointConfig", "sagemaker:DeleteEndpoint",
      "sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint", "sagemaker:UpdateEndpoint",
      "sagemaker:UpdateEndpointWeightsAndCapacities",
    ]
    resources = [
      "${local.sagemaker}:endpoint-config/${var.context.project}-*",
      "${local.sagemaker}:endpoint/${var.context.project}-*",
    ]
  }

  # An endpoint of ours that somebody gave a config of another name by hand: what is live is looked at all the same.
  statement {
    sid       = "LiveConfig"
    actions   = ["sagemaker:DescribeEndpointConfig"]
    resources = ["${local.sagemaker}:endpoint-config/*"]
  }

  statement {
    sid       = "HandRoleToSageMaker"
    actions   = ["iam:PassRole"]
    resources = var.sagemaker_role_arns

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["sagemaker.amazonaws.com"]
    }
  }

  # With these SageMaker's endpoints are scaled; a deleted endpoint is deregistered with its caller's rights.
  # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
  statement {
    sid = "Autoscaling"
    actions = [
      "application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget",
      "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget",
    ]
    resources = ["arn:${var.context.partition}:application-autoscaling:${local.account}:scalable-target/*"]

    condition {
      test     = "StringEquals"
      variable = "application-autoscaling:service-namespace"
      values   = ["sagemaker"]
    }
  }

  # Descriptions know no resource.
  statement {
    sid       = "AutoscalingLook"
    actions   = ["application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies"]
    resources = ["*"]
  }

  # Target tracking makes its alarms, under names of this form, with the caller's rights.
  statement {
    sid       = "AutoscalingAlarms"
    actions   = ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"]
    resources = ["arn:${var.context.partition}:cloudwatch:${local.account}:alarm:TargetTracking-endpoint/${var.context.project}-*"]
  }

  statement {
    sid       = "AutoscalingRole"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:${var.context.partition}:iam::${var.context.account_id}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["sagemaker.application-autoscaling.amazonaws.com"]
    }
  }

  statement {
    sid       = "Artifacts"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${local.artifacts}/*"]
  }

  # The key of jobs' volumes and outputs, which SageMaker uses through a grant.
  statement {
    sid       = "VolumeKey"
    actions   = ["kms:CreateGrant", "kms:DescribeKey"]
    resources = [var.key_arn]

    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = ["sagemaker.${var.context.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "VerifyImages"
    actions   = ["kms:Verify"]
    resources = [var.signing_key_arn]
  }

  # Without it a key that is missing reads as forbidden.
  statement {
    sid       = "ArtifactList"
    actions   = ["s3:ListBucket"]
    resources = [local.artifacts]
  }

  statement {
    sid       = "Announce"
    actions   = ["sns:Publish"]
    resources = [var.topic_arn]
  }

  statement {
    sid       = "AnnounceKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.notifications_key_arn]
  }

  dynamic "statement" {
    for_each = var.slack_secret_name == "" ? [] : [1]

    content {
      sid       = "Slack"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = ["arn:${var.context.partition}:secretsmanager:${local.account}:secret:${var.slack_secret_name}-??????"]
    }
  }
}

resource "aws_iam_role_policy" "airflow" {
  name   = "airflow"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.airflow.json
}

resource "aws_iam_role_policy" "pipeline" {
  name   = "pipeline"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.pipeline.json
}
