locals {
  tags = merge(
    { "modelway:project" = "modelway", "modelway:environment" = "stage", "modelway:managed-by" = "terraform" },
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

  environment = "stage"
  account_id  = var.account_id
  region      = var.region
  models      = var.models

  user_groups        = var.user_groups
  gitlab             = var.gitlab
  package_dir        = var.package_dir
  monthly_budget_usd = var.monthly_budget_usd

}
