# What an account needs before its environment, made once by an administrator and by nobody after: the bucket of the
# state, GitLab's identity provider, the boundary of every role, the Terraform role, the group of the people who look.
# The Terraform role cannot change any of it. docs/how-to/terraform.md, docs/decisions/0009-who-may-apply.md.
provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

locals {
  name      = "${var.project}-${var.environment}"
  account   = "${var.region}:${var.account_id}"
  iam       = "arn:${var.partition}:iam::${var.account_id}"
  arn       = { for service in ["airflow", "cloudwatch", "ec2", "ecr", "kms", "lambda", "logs", "secretsmanager", "sns", "sqs"] : service => "arn:${var.partition}:${service}:${local.account}" }
  bucket    = "${var.project}-state-${var.account_id}"
  state     = "arn:${var.partition}:s3:::${local.bucket}"
  s3        = "arn:${var.partition}:s3:::${local.name}-*"
  ecr       = "${local.arn["ecr"]}:repository/${var.project}/*"
  host      = trimprefix(var.gitlab.url, "https://")
  provider  = "${local.iam}:oidc-provider/${local.host}"
  boundary  = "${local.iam}:policy/${var.project}-boundary"
  role      = "${local.name}-terraform"
  users     = "${local.name}-users"
  mine      = { "modelway:project" = var.project, "modelway:environment" = var.environment }
  tags      = merge(local.mine, { "modelway:managed-by" = "bootstrap" })
  of_itself = { for key, value in local.mine : "aws:ResourceTag/${key}" => value }
  of_new    = { for key, value in local.mine : "aws:RequestTag/${key}" => value }
}

# AWS checks GitLab's certificate against its own roots and needs no thumbprint.
resource "aws_iam_openid_connect_provider" "gitlab" {
  count          = var.create_oidc_provider ? 1 : 0
  url            = var.gitlab.url
  client_id_list = [var.gitlab.audience]
}

# Not of the environment but of the account: a second environment of this project, whose repositories, endpoints and
# models would have the same names, finds the name taken, and its bootstrap fails.
resource "aws_iam_policy" "boundary" {
  name        = "${var.project}-boundary"
  description = "The most that a role of ${local.name} may do, whatever its own policies say"
  policy      = data.aws_iam_policy_document.boundary.json
}

# A group cannot have a boundary, so its policy is here; what its members may look at is in the role that they assume.
resource "aws_iam_group" "users" {
  name = local.users
}

resource "aws_iam_group_policy" "users" {
  name   = "assume"
  group  = aws_iam_group.users.name
  policy = data.aws_iam_policy_document.users.json
}

data "aws_iam_policy_document" "users" {
  statement {
    sid       = "Look"
    actions   = ["sts:AssumeRole"]
    resources = ["${local.iam}:role/${local.users}"]
  }
}
