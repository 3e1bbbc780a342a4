locals {
  name    = "${var.context.project}-${var.context.environment}"
  buckets = { for use in ["data", "artifacts", "dags", "logs"] : use => "${local.name}-${use}${var.name_suffix}" }
  # S3's own log delivery cannot write under a customer key, so the logs bucket has S3's.
  on_customer_key = { for use, bucket in local.buckets : use => bucket if use != "logs" }
}

resource "aws_kms_key" "this" {
  description             = "${local.name}: data at rest"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "this" {
  for_each      = local.buckets
  bucket        = each.value
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = aws_s3_bucket.this
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  rule {
    bucket_key_enabled = contains(keys(local.on_customer_key), each.key)

    apply_server_side_encryption_by_default {
      sse_algorithm     = contains(keys(local.on_customer_key), each.key) ? "aws:kms" : "AES256"
      kms_master_key_id = contains(keys(local.on_customer_key), each.key) ? aws_kms_key.this.arn : null
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each   = aws_s3_bucket.this
  bucket     = each.value.id
  policy     = data.aws_iam_policy_document.bucket[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each      = local.on_customer_key
  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"
  depends_on    = [aws_s3_bucket_policy.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each   = { for use, bucket in aws_s3_bucket.this : use => bucket if var.lifecycle_rules }
  bucket     = each.value.id
  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    id     = "clean-up"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days[each.key]
    }
  }

  dynamic "rule" {
    for_each = each.key == "logs" ? [1] : []

    content {
      id     = "age"
      status = "Enabled"
      filter {}

      transition {
        days          = 30
        storage_class = "STANDARD_IA"
      }

      expiration {
        days = var.logs_days
      }
    }
  }
}
