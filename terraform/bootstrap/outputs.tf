output "state_bucket" {
  description = "TF_STATE_BUCKET_<ENVIRONMENT> of the Terraform pipeline."
  value       = aws_s3_bucket.state.id
}

output "terraform_role_arn" {
  description = "TF_ROLE_<ENVIRONMENT> of the Terraform pipeline."
  value       = aws_iam_role.terraform.arn
}

output "boundary_arn" {
  description = "The boundary that every role of the environment must have."
  value       = aws_iam_policy.boundary.arn
}

output "users_group_name" {
  description = "Group of the people who look; they assume the role of the same name."
  value       = aws_iam_group.users.name
}
