locals {
  name     = "${var.context.project}-${var.context.environment}"
  account  = "${var.context.region}:${var.context.account_id}"
  host     = trimprefix(var.gitlab.url, "https://")
  provider = "arn:${var.context.partition}:iam::${var.context.account_id}:oidc-provider/${local.host}"
  job_role = { for suffix in keys(var.sagemaker_roles) : suffix => join("-", compact([local.name, "job", suffix])) }
  serving  = { for suffix in keys(var.sagemaker_roles) : suffix => join("-", compact([local.name, "endpoint", suffix])) }
}

# AWS checks GitLab's certificate against its own roots and needs no thumbprint.
resource "aws_iam_openid_connect_provider" "gitlab" {
  count          = var.create_oidc_provider ? 1 : 0
  url            = var.gitlab.url
  client_id_list = [var.gitlab.audience]
}

resource "aws_iam_role" "ci" {
  name                 = "${local.name}-ci"
  description          = "Model pipelines of ${var.gitlab.project}, branch ${var.gitlab.branch}"
  assume_role_policy   = data.aws_iam_policy_document.gitlab.json
  max_session_duration = 12 * 3600 # a job may wait for a training as long
}

resource "aws_iam_role_policy" "ci" {
  name   = "pipeline"
  role   = aws_iam_role.ci.id
  policy = data.aws_iam_policy_document.ci.json
}

resource "aws_iam_role" "job" {
  for_each           = var.sagemaker_roles
  name               = local.job_role[each.key]
  description        = "Training and processing jobs of ${length(each.value.models)} model(s)"
  assume_role_policy = data.aws_iam_policy_document.sagemaker_trust.json
  tags               = each.key == "" ? {} : { "modelway:model" = each.key }
}

resource "aws_iam_role_policy" "job" {
  for_each = var.sagemaker_roles
  name     = "run-jobs"
  role     = aws_iam_role.job[each.key].id
  policy   = data.aws_iam_policy_document.job[each.key].json
}

resource "aws_iam_role" "endpoint" {
  for_each           = var.sagemaker_roles
  name               = local.serving[each.key]
  description        = "Endpoints of ${length(each.value.models)} model(s)"
  assume_role_policy = data.aws_iam_policy_document.sagemaker_trust.json
  tags               = each.key == "" ? {} : { "modelway:model" = each.key }
}

resource "aws_iam_role_policy" "endpoint" {
  for_each = var.sagemaker_roles
  name     = "serve-models"
  role     = aws_iam_role.endpoint[each.key].id
  policy   = data.aws_iam_policy_document.endpoint[each.key].json
}

resource "aws_iam_group" "users" {
  name = "${local.name}-users"
}

resource "aws_iam_group_policy" "users" {
  name   = "look"
  group  = aws_iam_group.users.name
  policy = data.aws_iam_policy_document.users.json
}
