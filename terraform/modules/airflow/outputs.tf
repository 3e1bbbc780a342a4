output "environment_name" {
  description = "Name of the MWAA environment."
  value       = aws_mwaa_environment.this.name
}

output "webserver_url" {
  description = "Address of Airflow's web server, with scheme."
  value       = "https://${aws_mwaa_environment.this.webserver_url}"
}

output "role_name" {
  description = "Airflow's execution role."
  value       = aws_iam_role.this.name
}

output "security_group_id" {
  description = "Group of Airflow's parts, its web server's endpoint included."
  value       = aws_security_group.this.id
}
