# The fourth environment: the same root on the loopback AWS (modelway up --terraform).
# Which AWS that is, is said by AWS_ENDPOINT_URL and HTTP_PROXY alone (local/modelway_local/stack/terraform.py).
locals {
  tags = merge(
    { "modelway:project" = "modelway", "modelway:environment" = "local", "modelway:managed-by" = "terraform" },
    var.platform_version == "" ? {} : { "modelway:version" = var.platform_version },
    var.commit == "" ? {} : { "modelway:commit" = var.commit },
  )
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}


module "modelway" {
  source = "../../root"

  environment = "local"
  account_id  = var.account_id
  region      = var.region
  models      = var.models

  user_groups            = { default = [{ protocol = "http", endpoint = "${var.delivery_url}/mailbox" }] }
  slack_webhook_url      = "${var.delivery_url}/slack/webhook"
  slack_webhook_revision = 1
  gitlab                 = { project = "local/modelway" }

  package_dir        = var.package_dir
  lambda_runtime     = var.lambda_runtime
  lambda_concurrency = -1
  airflow_url        = var.airflow_url
  poll_seconds       = 0.3
  destroyable        = true
  lifecycle_rules    = false
}
