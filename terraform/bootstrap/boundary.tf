# What a role that Terraform makes may do at most. It grants nothing. The Terraform role writes the roles' own policies,
# so this is what keeps it, or whoever writes its configuration, from making a role that may do more: no IAM but the
# hand-over of this environment's SageMaker roles, no administration of keys, buckets, functions or networks.
data "aws_iam_policy_document" "boundary" {
  # SageMaker, metrics, logs and keys name no project, or not always; the roles' own policies narrow them.
  statement {
    sid = "Services"
    actions = [
      "application-autoscaling:Delete*", "application-autoscaling:Deregister*", "application-autoscaling:Describe*",
      "application-autoscaling:Put*", "application-autoscaling:Register*", "cloudwatch:DeleteAlarms",
      "cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*", "cloudwatch:PutMetric*",
      "ecr:GetAuthorizationToken", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*",
      "kms:GetPublicKey", "kms:Sign", "kms:Verify", "logs:CreateLog*", "logs:Describe*", "logs:Filter*", "logs:Get*",
      "logs:PutLogEvents", "s3:GetAccountPublicAccessBlock", "sagemaker:*",
    ]
    resources = ["*"]
  }

  # A key's grant is how SageMaker and EBS use it for a job that runs for hours.
  statement {
    sid       = "Grants"
    actions   = ["kms:CreateGrant"]
    resources = ["*"]

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }
  }

  # What carries the environment's name.
  statement {
    sid = "Named"
    actions = [
      "airflow:CreateWebLoginToken", "airflow:InvokeRestApi", "airflow:PublishMetrics", "ecr:BatchCheck*",
      "ecr:BatchGet*", "ecr:CompleteLayerUpload", "ecr:Describe*", "ecr:Get*", "ecr:InitiateLayerUpload",
      "ecr:List*", "ecr:PutImage", "ecr:UploadLayerPart", "lambda:InvokeFunction", "s3:AbortMultipartUpload",
      "s3:DeleteObject*", "s3:Get*", "s3:List*", "s3:PutObject*", "secretsmanager:GetSecretValue", "sns:Publish",
    ]
    resources = [
      "${local.arn["airflow"]}:environment/${local.name}", "${local.arn["airflow"]}:role/${local.name}/*", local.ecr,
      "${local.arn["lambda"]}:function:${local.name}-*", local.s3,
      "${local.arn["secretsmanager"]}:secret:${var.project}/${var.environment}/*", "${local.arn["sns"]}:${local.name}-*",
    ]
  }

  # Airflow's queue lives in an account of AWS's.
  statement {
    sid       = "Queues"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueue*", "sqs:ReceiveMessage", "sqs:SendMessage"]
    resources = ["${local.arn["sqs"]}:${local.name}-*", "arn:${var.partition}:sqs:${var.region}:*:airflow-celery-*"]
  }

  # Functions, jobs and endpoints inside the VPC attach themselves to it.
  statement {
    sid = "AttachToVpc"
    actions = [
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission",
      "ec2:DeleteNetworkInterface", "ec2:DeleteNetworkInterfacePermission", "ec2:Describe*",
      "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "HandRolesToSageMaker"
    actions   = ["iam:PassRole"]
    resources = ["${local.iam}:role/${local.name}-job*", "${local.iam}:role/${local.name}-endpoint*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["sagemaker.amazonaws.com"]
    }
  }

  statement {
    sid       = "AutoscalingRole"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.iam}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["sagemaker.application-autoscaling.amazonaws.com"]
    }
  }
}
