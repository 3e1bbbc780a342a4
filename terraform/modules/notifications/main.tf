locals {
  name = "${var.context.project}-${var.context.environment}"
  arn  = "arn:${var.context.partition}:sns:${var.context.region}:${var.context.account_id}:${local.name}-notifications"
  subscriptions = merge([
    for group, members in var.user_groups : { for member in members : "${group}/${member.protocol}/${member.endpoint}" => member }
  ]...)
}

# A customer key: a topic under alias/aws/sns silently drops what CloudWatch alarms publish.
resource "aws_kms_key" "this" {
  description             = "${local.name}: notifications and their secrets"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.name}-notifications"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_sns_topic" "this" {
  name              = "${local.name}-notifications"
  kms_master_key_id = aws_kms_key.this.arn
}

resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "this" {
  for_each               = local.subscriptions
  topic_arn              = aws_sns_topic.this.arn
  protocol               = each.value.protocol
  endpoint               = each.value.endpoint
  endpoint_auto_confirms = each.value.protocol == "http"
}

resource "aws_secretsmanager_secret" "slack" {
  count                   = var.slack ? 1 : 0
  name                    = "${var.context.project}/${var.context.environment}/slack-webhook"
  description             = "URL of the Slack webhook that announcements go to"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_version" "slack" {
  count                    = var.slack && var.slack_webhook_revision > 0 ? 1 : 0
  secret_id                = aws_secretsmanager_secret.slack[0].id
  secret_string_wo         = var.slack_webhook_url
  secret_string_wo_version = var.slack_webhook_revision
}
