locals {
  name     = "${var.context.project}-${var.context.environment}"
  account  = "${var.context.region}:${var.context.account_id}"
  host     = trimprefix(var.gitlab.url, "https://")
  provider = "arn:${var.context.partition}:iam::${var.context.account_id}:oidc-provider/${local.host}"
  job_role = { for suffix in keys(var.sagemaker_roles) : suffix => join("-", compact([local.name, "job", suffix])) }
  serving  = { for suffix in keys(var.sagemaker_roles) : suffix => join("-", compact([local.name, "endpoint", suffix])) }
}

resource "aws_iam_role" "ci" {
  name                 = "${local.name}-ci"
  description          = "Model pipelines of ${var.gitlab.project}, branch ${var.gitlab.branch}"
  assume_role_policy   = data.aws_iam_policy_document.gitlab.json
  permissions_boundary = var.context.boundary_arn
  max_session_duration = 12 * 3600 # a job may wait for a training as long
}

resource "aws_iam_role_policy" "ci" {
  name   = "pipeline"
  role   = aws_iam_role.ci.id
  policy = data.aws_iam_policy_document.ci.json
}

resource "aws_iam_role" "job" {
  for_each             = var.sagemaker_roles
  name                 = local.job_role[each.key]
  description          = "Training and processing jobs of ${length(each.value.models)} model(s)"
  assume_role_policy   = data.aws_iam_policy_document.sagemaker_trust.json
  permissions_boundary = var.context.boundary_arn
  tags                 = each.key == "" ? {} : { "modelway:model" = each.key }
}

resource "aws_iam_role_policy" "job" {
  for_each = var.sagemaker_roles
  name     = "run-jobs"
  role     = aws_iam_role.job[each.key].id
  policy   = data.aws_iam_policy_document.job[each.key].json
}

resource "aws_iam_role" "endpoint" {
  for_each             = var.sagemaker_roles
  name                 = local.serving[each.key]
  description          = "Endpoints of ${length(each.value.models)} model(s)"
  assume_role_policy   = data.aws_iam_policy_document.sagemaker_trust.json
  permissions_boundary = var.context.boundary_arn
  tags                 = each.key == "" ? {} : { "modelway:model" = each.key }
}

resource "aws_iam_role_policy" "endpoint" {
  for_each = var.sagemaker_roles
  name     = "serve-models"
  role     = aws_iam_role.endpoint[each.key].id
  policy   = data.aws_iam_policy_document.endpoint[each.key].json
}

# People assume it; the group whose members may is the bootstrap's, since a group can have no boundary.
resource "aws_iam_role" "users" {
  name                 = "${local.name}-users"
  description          = "People who look at reports, logs, alarms and Airflow"
  assume_role_policy   = data.aws_iam_policy_document.users_trust.json
  permissions_boundary = var.context.boundary_arn
  max_session_duration = 12 * 3600
}

resource "aws_iam_role_policy" "users" {
  name   = "look"
  role   = aws_iam_role.users.id
  policy = data.aws_iam_policy_document.users.json
}
