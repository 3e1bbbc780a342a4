locals {
  # Name to what is watched; one alarm each for every model. CPU and memory are percent of all the instance's cores.
  endpoint_alarms = merge([
    for model, limits in var.models : {
      "${model}-cpu"     = { model = model, namespace = "/aws/sagemaker/Endpoints", metric = "CPUUtilization", statistic = "Average", limit = limits.cpu_percent }
      "${model}-memory"  = { model = model, namespace = "/aws/sagemaker/Endpoints", metric = "MemoryUtilization", statistic = "Average", limit = limits.memory_percent }
      "${model}-4xx"     = { model = model, namespace = "AWS/SageMaker", metric = "Invocation4XXErrors", statistic = "Sum", limit = limits.errors_4xx }
      "${model}-5xx"     = { model = model, namespace = "AWS/SageMaker", metric = "Invocation5XXErrors", statistic = "Sum", limit = limits.errors_5xx }
      "${model}-latency" = { model = model, namespace = "AWS/SageMaker", metric = "ModelLatency", statistic = "p99", limit = limits.latency_ms * 1000 } # SageMaker counts microseconds
    }
  ]...)
  model_metrics = merge([
    for model, limits in var.models : { for name, limit in limits.metrics : "${model}-${name}" => merge(limit, { model = model, name = name }) }
  ]...)
}

resource "aws_cloudwatch_metric_alarm" "endpoint" {
  for_each            = local.endpoint_alarms
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.metric} (${each.value.statistic}) of endpoint ${local.endpoints[each.value.model]} is above ${each.value.limit}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.limit
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching" # no endpoint yet, or no traffic
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
  tags                = { "modelway:model" = each.value.model }

  dimensions = {
    EndpointName = local.endpoints[each.value.model]
    VariantName  = "AllTraffic"
  }
}

resource "aws_cloudwatch_log_metric_filter" "model" {
  for_each       = local.model_metrics
  name           = each.value.name
  log_group_name = aws_cloudwatch_log_group.endpoint[each.value.model].name
  pattern        = "{ $.metrics.${each.value.name} = * }"

  metric_transformation {
    namespace = "${var.context.project}/${each.value.model}"
    name      = each.value.name
    value     = "$.metrics.${each.value.name}"
  }
}

resource "aws_cloudwatch_metric_alarm" "model" {
  for_each            = local.model_metrics
  alarm_name          = "${local.name}-${each.value.model}-metric-${each.value.name}"
  alarm_description   = "${each.value.name}, which ${each.value.model} reports of itself, is out of bounds"
  namespace           = "${var.context.project}/${each.value.model}"
  metric_name         = each.value.name
  statistic           = "Average"
  comparison_operator = each.value.max == null ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.max == null ? each.value.min : each.value.max
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
  tags                = { "modelway:model" = each.value.model }
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each            = merge(var.dead_letter_queues, { log-forwarder = aws_sqs_queue.dead.name })
  alarm_name          = "${local.name}-dead-${each.key}"
  alarm_description   = "Events that ${each.key} could not handle wait in ${each.value}"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic_arn]
  dimensions          = { QueueName = each.value }
}

resource "aws_cloudwatch_metric_alarm" "trigger" {
  alarm_name          = "${local.name}-trigger-errors"
  alarm_description   = "DAG runs could not be started"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 3
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic_arn]
  dimensions          = { FunctionName = var.trigger_function }
}

resource "aws_cloudwatch_metric_alarm" "scheduler" {
  alarm_name          = "${local.name}-airflow-scheduler"
  alarm_description   = "Airflow's scheduler has no heartbeat"
  namespace           = "AmazonMWAA"
  metric_name         = "SchedulerHeartbeat"
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]

  dimensions = {
    Environment = var.mwaa_environment
    Function    = "Scheduler"
  }
}
