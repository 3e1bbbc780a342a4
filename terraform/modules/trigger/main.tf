locals {
  name   = "${var.context.project}-${var.context.environment}-trigger-dag"
  in_vpc = length(var.subnet_ids) > 0
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

# Events of asynchronous calls that failed for good.
resource "aws_sqs_queue" "dead" {
  name                      = "${local.name}-dead"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true
}

resource "aws_lambda_function" "this" {
  function_name                  = local.name
  description                    = "Starts a DAG run from {dag_id, conf}, or looks one up"
  role                           = aws_iam_role.this.arn
  handler                        = "handler.handler"
  runtime                        = var.runtime
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  memory_size                    = 512
  timeout                        = 60
  publish                        = true
  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = var.environment_variables
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }

  dynamic "vpc_config" {
    for_each = local.in_vpc ? [1] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = [aws_security_group.this[0].id]
    }
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What callers use; it moves with each apply"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_security_group" "this" {
  count       = local.in_vpc ? 1 : 0
  name        = local.name
  description = "The function that starts DAG runs"
  vpc_id      = var.vpc_id
  tags        = { Name = local.name }
}

resource "aws_vpc_security_group_egress_rule" "https" {
  count             = local.in_vpc ? 1 : 0
  security_group_id = aws_security_group.this[0].id
  description       = "HTTPS to Airflow's web server and AWS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

# A private web server stands behind an endpoint that MWAA makes in our subnets with the environment's own group, which
# admits itself alone.
# https://docs.aws.amazon.com/mwaa/latest/userguide/vpc-security.html
resource "aws_vpc_security_group_ingress_rule" "airflow" {
  count                        = local.in_vpc ? 1 : 0
  security_group_id            = var.airflow_security_group
  description                  = "The function that starts DAG runs, to the web server"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.this[0].id
}
