locals {
  account = "${var.context.region}:${var.context.account_id}"
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = local.name
  description          = "The Lambda that starts DAG runs"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.context.boundary_arn
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "CallAirflow"
    actions   = ["airflow:InvokeRestApi"]
    resources = ["arn:${var.context.partition}:airflow:${local.account}:role/${var.mwaa_environment}/${var.airflow_role}"]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${var.context.partition}:logs:${local.account}:log-group:/aws/lambda/${local.name}:*"]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = ["arn:${var.context.partition}:sqs:${local.account}:${local.name}-dead"]
  }

  # EC2 gives no narrower resource to the service that attaches a function to a VPC.
  dynamic "statement" {
    for_each = local.in_vpc ? [1] : []

    content {
      sid = "AttachToVpc"
      actions = [
        "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "start-dag-runs"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}
