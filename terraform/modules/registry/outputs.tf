output "repository_urls" {
  description = "Repository address by model."
  value       = { for model, repository in aws_ecr_repository.model : model => repository.repository_url }
}

output "signing_key_arn" {
  description = "Key with which CI signs what it pushed."
  value       = aws_kms_key.signing.arn
}

output "signing_key_alias" {
  description = "Alias of that key, built from the names."
  value       = "alias/${local.name}-signing"
}
