locals {
  tags = merge(
    { "modelway:project" = "modelway", "modelway:environment" = "prod", "modelway:managed-by" = "terraform" },
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

  environment = "prod"
  account_id  = var.account_id
  region      = var.region
  models      = var.models

  user_groups        = var.user_groups
  gitlab             = var.gitlab
  package_dir        = var.package_dir
  monthly_budget_usd = var.monthly_budget_usd

  nat_per_zone    = true
  airflow_class   = "mw1.medium"
  airflow_workers = { min = 2, max = 10 }
  airflow_access  = "PRIVATE_ONLY"
  log_days        = 90
}
