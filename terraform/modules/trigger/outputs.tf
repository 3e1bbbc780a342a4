output "function_name" {
  description = "Name of the function."
  value       = local.name
}

output "function_arn" {
  description = "ARN of the function, without version; built from the name."
  value       = "arn:${var.context.partition}:lambda:${local.account}:function:${local.name}"
}

output "dead_letter_queue_name" {
  description = "Queue of the events that failed for good."
  value       = aws_sqs_queue.dead.name
}

output "role_name" {
  description = "The function's role."
  value       = aws_iam_role.this.name
}
