output "ci_role_arn" {
  description = "AWS_ROLE_ARN of the model pipelines."
  value       = aws_iam_role.ci.arn
}

output "sagemaker_role_arns" {
  description = "ARNs of all roles of jobs and endpoints; built from the names."
  value       = [for name in concat(values(local.job_role), values(local.serving)) : "arn:${var.context.partition}:iam::${var.context.account_id}:role/${name}"]
}

output "users_role_name" {
  description = "Role that people assume to look."
  value       = aws_iam_role.users.name
}
