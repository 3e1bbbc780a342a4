output "topic_arn" {
  description = "The topic, after its policy is in place."
  value       = local.arn
  depends_on  = [aws_sns_topic_policy.this]
}

output "key_arn" {
  description = "The key of the topic and the secrets."
  value       = aws_kms_key.this.arn
}

output "slack_secret_name" {
  description = "Secret with the webhook's URL; empty without Slack."
  value       = var.slack ? aws_secretsmanager_secret.slack[0].name : ""
}
