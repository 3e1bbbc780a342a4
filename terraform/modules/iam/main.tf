locals {
  name     = "${var.context.project}-${var.context.environment}"
  account  = "${var.context.region}:${var.context.account_id}"
  host     = trimprefix(var.gitlab.url, "https://")
  provider = "arn:${var.context.partition}:iam::${var.context.account_id}:oidc-provider/${local.host}"
  role_of  = { for suffix in keys(var.sagemaker_roles) : suffix => join("-", compact([local.name, "sagemaker", suffix])) }
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

resource "aws_iam_role" "sagemaker" {
  for_each             = var.sagemaker_roles
  name                 = local.role_of[each.key]
  description          = "What SageMaker runs as for ${length(each.value.models)} model(s)"
  assume_role_policy   = data.aws_iam_policy_document.sagemaker_trust.json
  permissions_boundary = var.context.boundary_arn
  tags                 = each.key == "" ? {} : { "modelway:model" = each.key }
}

resource "aws_iam_role_policy" "sagemaker" {
  for_each = var.sagemaker_roles
  name     = "run-models"
  role     = aws_iam_role.sagemaker[each.key].id
  policy   = data.aws_iam_policy_document.sagemaker[each.key].json
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
