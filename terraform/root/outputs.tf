output "settings" {
  description = "The MODELWAY_* variables of CI jobs and people's shells."
  value       = merge(local.settings, { MODELWAY_AIRFLOW_URL = local.airflow_url })
}

output "ci_role_arn" {
  description = "AWS_ROLE_ARN of the model pipelines."
  value       = module.iam.ci_role_arn
}

output "repository_urls" {
  description = "ECR address by model."
  value       = module.registry.repository_urls
}

output "airflow_url" {
  description = "Airflow's web server."
  value       = local.airflow_url
}

output "dashboards" {
  description = "CloudWatch dashboard by model."
  value       = module.monitoring.dashboard_names
}

output "budgets" {
  description = "Monthly budget in USD by its name: the environment's, and those of models."
  value       = module.monitoring.budgets
}

output "role_names" {
  description = "Role by use; ci, airflow, trigger, log_forwarder, users."
  value = {
    ci            = "${local.name}-ci"
    airflow       = module.airflow.role_name
    trigger       = module.trigger.role_name
    users         = module.iam.users_role_name
    log_forwarder = module.monitoring.forwarder_role_name
  }
}
