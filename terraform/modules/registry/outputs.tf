output "repository_urls" {
  description = "Repository address by model."
  value       = { for model, repository in aws_ecr_repository.model : model => repository.repository_url }
}
