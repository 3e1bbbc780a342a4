locals {
  name      = "${var.context.project}-${var.context.environment}"
  forwarder = "${local.name}-log-forwarder"
  endpoints = { for model in keys(var.models) : model => "${var.context.project}-${model}" }
}

# One group an endpoint, made before SageMaker makes it without an end.
resource "aws_cloudwatch_log_group" "endpoint" {
  for_each          = local.endpoints
  name              = "/aws/sagemaker/Endpoints/${each.value}"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
  tags              = { "modelway:model" = each.key }
}

resource "aws_cloudwatch_log_group" "forwarder" {
  name              = "/aws/lambda/${local.forwarder}"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

resource "aws_sqs_queue" "dead" {
  name                      = "${local.forwarder}-dead"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true
}

resource "aws_secretsmanager_secret" "wavefront" {
  count                   = var.wavefront == "" ? 0 : 1
  name                    = "${var.context.project}/${var.context.environment}/wavefront-token"
  description             = "Token of Wavefront's direct ingestion; put it in by hand"
  kms_key_id              = var.notifications_key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_lambda_function" "forwarder" {
  function_name                  = local.forwarder
  description                    = "Endpoint logs to S3, and their metrics to Wavefront"
  role                           = aws_iam_role.forwarder.arn
  handler                        = "handler.handler"
  runtime                        = var.runtime
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  memory_size                    = 256
  timeout                        = 30
  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = merge(
      { MODELWAY_LOGS_BUCKET = var.logs_bucket },
      var.wavefront == "" ? {} : {
        MODELWAY_WAVEFRONT_URL       = var.wavefront
        MODELWAY_WAVEFRONT_SECRET_ID = aws_secretsmanager_secret.wavefront[0].name
      },
    )
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }

  depends_on = [aws_cloudwatch_log_group.forwarder, aws_iam_role_policy.forwarder]
}

resource "aws_lambda_permission" "logs" {
  statement_id   = "cloudwatch-logs"
  function_name  = aws_lambda_function.forwarder.function_name
  action         = "lambda:InvokeFunction"
  principal      = "logs.${var.context.region}.amazonaws.com"
  source_account = var.context.account_id
  source_arn     = "arn:${var.context.partition}:logs:${local.account}:log-group:/aws/sagemaker/Endpoints/${var.context.project}-*:*"
}

resource "aws_cloudwatch_log_subscription_filter" "endpoint" {
  for_each        = aws_cloudwatch_log_group.endpoint
  name            = "forward"
  log_group_name  = each.value.name
  destination_arn = aws_lambda_function.forwarder.arn
  filter_pattern  = ""
  depends_on      = [aws_lambda_permission.logs]
}

locals {
  # Name to what is counted: all of the environment, and each model's part, by the tags that this project puts on
  # everything. AWS counts by a tag once it is activated for cost allocation (docs/how-to/terraform.md).
  budgets = merge(
    var.monthly_budget_usd > 0 ? { (local.name) = { usd = var.monthly_budget_usd, tag = "environment", value = var.context.environment } } : {},
    { for model, limits in var.models : "${local.name}-${model}" => { usd = limits.budget_usd, tag = "model", value = model } if limits.budget_usd > 0 },
  )
}

resource "aws_budgets_budget" "this" {
  for_each     = local.budgets
  name         = each.key
  budget_type  = "COST"
  limit_amount = tostring(each.value.usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:modelway:%s$%s", each.value.tag, each.value.value)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [var.topic_arn]
    }
  }
}
