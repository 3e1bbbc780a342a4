output "bucket_names" {
  description = "Bucket name by use: data, artifacts, dags, logs. Known before the buckets exist."
  value       = local.buckets
}

output "bucket_arns" {
  description = "Bucket ARN by use, after the bucket's policy and encryption are in place."
  value       = { for use, bucket in aws_s3_bucket.this : use => bucket.arn }
  depends_on = [
    aws_s3_bucket_policy.this, aws_s3_bucket_server_side_encryption_configuration.this, aws_s3_bucket_versioning.this,
  ]
}

output "key_arn" {
  description = "The key that encrypts buckets, log groups and the Airflow environment."
  value       = aws_kms_key.this.arn
}
