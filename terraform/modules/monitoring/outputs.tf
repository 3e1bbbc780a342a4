output "dashboard_names" {
  description = "Dashboard by model."
  value       = { for model, dashboard in aws_cloudwatch_dashboard.model : model => dashboard.dashboard_name }
}

output "alarm_names" {
  description = "Every alarm."
  value = sort(concat(
    [for alarm in aws_cloudwatch_metric_alarm.endpoint : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.model : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.dead_letters : alarm.alarm_name],
    [aws_cloudwatch_metric_alarm.trigger.alarm_name, aws_cloudwatch_metric_alarm.scheduler.alarm_name],
  ))
}

output "budgets" {
  description = "Monthly budget in USD by its name."
  value       = { for name, budget in local.budgets : name => budget.usd }
}

output "forwarder_role_name" {
  description = "The log forwarder's role."
  value       = aws_iam_role.forwarder.name
}
