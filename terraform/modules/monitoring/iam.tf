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

resource "aws_iam_role" "forwarder" {
  name                 = local.forwarder
  description          = "The Lambda that forwards endpoint logs"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.context.boundary_arn
}

data "aws_iam_policy_document" "forwarder" {
  statement {
    sid       = "Keep"
    actions   = ["s3:PutObject"]
    resources = ["arn:${var.context.partition}:s3:::${var.logs_bucket}/logs/*"]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${var.context.partition}:logs:${local.account}:log-group:/aws/lambda/${local.forwarder}:*"]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = ["arn:${var.context.partition}:sqs:${local.account}:${local.forwarder}-dead"]
  }

  dynamic "statement" {
    for_each = var.wavefront == "" ? [] : [1]

    content {
      sid       = "WavefrontToken"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = ["arn:${var.context.partition}:secretsmanager:${local.account}:secret:${var.context.project}/${var.context.environment}/wavefront-token-??????"]
    }
  }

  dynamic "statement" {
    for_each = var.wavefront == "" ? [] : [1]

    content {
      sid       = "WavefrontTokenKey"
      actions   = ["kms:Decrypt"]
      resources = [var.notifications_key_arn]
    }
  }
}

resource "aws_iam_role_policy" "forwarder" {
  name   = "forward-logs"
  role   = aws_iam_role.forwarder.id
  policy = data.aws_iam_policy_document.forwarder.json
}
