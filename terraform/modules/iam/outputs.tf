output "ci_role_arn" {
  description = "AWS_ROLE_ARN of the model pipelines."
  value       = aws_iam_role.ci.arn
}

output "sagemaker_role_arns" {
  description = "Role ARN by suffix; built from the names."
  value       = { for suffix, name in local.role_of : suffix => "arn:${var.context.partition}:iam::${var.context.account_id}:role/${name}" }
}

output "users_role_name" {
  description = "Role that people assume to look."
  value       = aws_iam_role.users.name
}
