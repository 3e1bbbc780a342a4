output "settings" {
  description = "The MODELWAY_* variables of CI jobs and people's shells."
  value       = module.modelway.settings
}

output "ci_role_arn" {
  description = "AWS_ROLE_ARN of the model pipelines."
  value       = module.modelway.ci_role_arn
}

output "repository_urls" {
  description = "ECR address by model."
  value       = module.modelway.repository_urls
}

output "airflow_url" {
  description = "Airflow's web server."
  value       = module.modelway.airflow_url
}

output "dashboards" {
  description = "CloudWatch dashboard by model."
  value       = module.modelway.dashboards
}

output "role_names" {
  description = "Role by use."
  value       = module.modelway.role_names
}
