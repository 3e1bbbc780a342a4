locals {
  # Title to lines; a line is [namespace, metric, statistic].
  panels = [
    { title = "Invocations a minute", lines = [["AWS/SageMaker", "Invocations", "Sum"], ["AWS/SageMaker", "InvocationsPerInstance", "Sum"]] },
    { title = "Errors a minute", lines = [["AWS/SageMaker", "Invocation4XXErrors", "Sum"], ["AWS/SageMaker", "Invocation5XXErrors", "Sum"]] },
    { title = "Model's own time, microseconds", lines = [["AWS/SageMaker", "ModelLatency", "p50"], ["AWS/SageMaker", "ModelLatency", "p90"], ["AWS/SageMaker", "ModelLatency", "p99"]] },
    { title = "SageMaker's time besides, microseconds", lines = [["AWS/SageMaker", "OverheadLatency", "p50"], ["AWS/SageMaker", "OverheadLatency", "p99"]] },
    { title = "CPU, percent", lines = [["/aws/sagemaker/Endpoints", "CPUUtilization", "Average"], ["/aws/sagemaker/Endpoints", "CPUUtilization", "Maximum"]] },
    { title = "Memory and disk, percent", lines = [["/aws/sagemaker/Endpoints", "MemoryUtilization", "Average"], ["/aws/sagemaker/Endpoints", "DiskUtilization", "Average"]] },
  ]
  widgets = {
    for model, limits in var.models : model => concat(
      [for index, panel in local.panels : {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 6 * floor(index / 2)
        width  = 12
        height = 6
        properties = {
          title   = panel.title
          region  = var.context.region
          view    = "timeSeries"
          period  = 60
          metrics = [for line in panel.lines : [line[0], line[1], "EndpointName", local.endpoints[model], "VariantName", "AllTraffic", { stat = line[2] }]]
        }
      }],
      [for index, name in keys(limits.metrics) : {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 18 + 6 * floor(index / 2)
        width  = 12
        height = 6
        properties = {
          title   = "${name}, as the model reports it"
          region  = var.context.region
          view    = "timeSeries"
          period  = 300
          metrics = [["${var.context.project}/${model}", name, { stat = "Average" }]]
        }
      }],
    )
  }
}

resource "aws_cloudwatch_dashboard" "model" {
  for_each       = local.widgets
  dashboard_name = "${local.name}-${each.key}"
  dashboard_body = jsonencode({ widgets = each.value })
}
