locals {
  context = {
    project      = var.project
    environment  = var.environment
    region       = var.region
    account_id   = var.account_id
    partition    = var.partition
    boundary_arn = "arn:${var.partition}:iam::${var.account_id}:policy/${var.project}-boundary" # terraform/bootstrap makes it
  }
  name   = "${var.project}-${var.environment}"
  zones  = length(var.availability_zones) > 0 ? var.availability_zones : ["${var.region}a", "${var.region}b"]
  models = { for model, settings in var.models : model => merge(settings, { data_prefixes = coalesce(settings.data_prefixes, ["${model}/"]) }) }
  sagemaker_roles = var.role_per_model ? {
    for model, settings in local.models : model => { models = [model], data_prefixes = settings.data_prefixes }
    } : {
    "" = { models = keys(local.models), data_prefixes = distinct(flatten([for settings in values(local.models) : settings.data_prefixes])) }
  }
  internet_models = [for model, settings in local.models : model if settings.internet]
  # src/modelway/platform.py reads these. With a role a model, {model} stands for the model's name.
  settings = {
    MODELWAY_PROJECT           = var.project
    MODELWAY_ENVIRONMENT       = var.environment
    MODELWAY_DATA_BUCKET       = module.storage.bucket_names["data"]
    MODELWAY_ARTIFACTS_BUCKET  = module.storage.bucket_names["artifacts"]
    MODELWAY_JOB_ROLE_ARN      = "arn:${var.partition}:iam::${var.account_id}:role/${local.name}-job${var.role_per_model ? "-{model}" : ""}"
    MODELWAY_ENDPOINT_ROLE_ARN = "arn:${var.partition}:iam::${var.account_id}:role/${local.name}-endpoint${var.role_per_model ? "-{model}" : ""}"
    MODELWAY_SIGNING_KEY_ID    = module.registry.signing_key_alias
    MODELWAY_KMS_KEY_ID        = var.environment == "local" ? "" : module.storage.key_arn # the loopback does not encrypt
    MODELWAY_INTERNET_MODELS   = join(",", local.internet_models)
    MODELWAY_SNS_TOPIC_ARN     = module.notifications.topic_arn
    MODELWAY_SLACK_SECRET_ID   = module.notifications.slack_secret_name
    MODELWAY_MWAA_ENVIRONMENT  = local.name
    MODELWAY_ALLOWED_DAGS      = "train_evaluate,deploy"
    MODELWAY_POLL_SECONDS      = tostring(var.poll_seconds)
    MODELWAY_GITLAB_URL        = var.gitlab.url
    MODELWAY_MODELS            = jsonencode({ for model, settings in var.models : model => settings.project if var.environment != "local" })
  }
  airflow_url = var.airflow_url == "" ? module.airflow.webserver_url : var.airflow_url
}

module "storage" {
  source          = "../modules/storage"
  context         = local.context
  name_suffix     = var.environment == "local" ? "" : "-${var.account_id}"
  force_destroy   = var.destroyable
  lifecycle_rules = var.lifecycle_rules
}

module "network" {
  source              = "../modules/network"
  context             = local.context
  cidr                = var.cidr
  availability_zones  = local.zones
  egress              = var.egress
  nat_per_zone        = var.nat_per_zone
  flow_log_bucket_arn = module.storage.bucket_arns["logs"]
}

module "registry" {
  source        = "../modules/registry"
  context       = local.context
  models        = keys(local.models)
  force_destroy = var.destroyable
}

module "notifications" {
  source                 = "../modules/notifications"
  context                = local.context
  user_groups            = var.user_groups
  slack                  = var.slack
  slack_webhook_url      = var.slack_webhook_url
  slack_webhook_revision = var.slack_webhook_revision
  recovery_days          = var.destroyable ? 0 : 30
}

module "iam" {
  source           = "../modules/iam"
  context          = local.context
  sagemaker_roles  = local.sagemaker_roles
  data_bucket      = module.storage.bucket_names["data"]
  artifacts_bucket = module.storage.bucket_names["artifacts"]
  key_arn          = module.storage.key_arn
  trigger_function = "${local.name}-trigger-dag"
  mwaa_environment = local.name
  gitlab           = var.gitlab
  signing_key_arn  = module.registry.signing_key_arn
}

module "airflow" {
  source                = "../modules/airflow"
  context               = local.context
  airflow_version       = var.airflow_version
  environment_class     = var.airflow_class
  workers               = var.airflow_workers
  webserver_access      = var.airflow_access
  package_dir           = "${var.package_dir}/mwaa"
  dags_bucket           = { name = module.storage.bucket_names["dags"], arn = module.storage.bucket_arns["dags"] }
  artifacts_bucket      = module.storage.bucket_names["artifacts"]
  key_arn               = module.storage.key_arn
  notifications_key_arn = module.notifications.key_arn
  vpc_id                = module.network.vpc_id
  subnet_ids            = module.network.private_subnet_ids
  environment_variables = local.settings
  sagemaker_role_arns   = module.iam.sagemaker_role_arns
  signing_key_arn       = module.registry.signing_key_arn
  internet_models       = local.internet_models
  topic_arn             = module.notifications.topic_arn
  slack_secret_name     = module.notifications.slack_secret_name
  log_days              = var.log_days
}

module "trigger" {
  source                 = "../modules/trigger"
  context                = local.context
  package                = "${var.package_dir}/lambda/trigger_dag.zip"
  runtime                = var.lambda_runtime
  environment_variables  = merge(local.settings, { MODELWAY_AIRFLOW_URL = local.airflow_url })
  mwaa_environment       = module.airflow.environment_name
  vpc_id                 = module.network.vpc_id
  subnet_ids             = var.airflow_access == "PRIVATE_ONLY" ? module.network.private_subnet_ids : []
  airflow_security_group = module.airflow.security_group_id
  reserved_concurrency   = var.lambda_concurrency
  log_days               = var.log_days
  key_arn                = module.storage.key_arn
}

module "monitoring" {
  source                = "../modules/monitoring"
  context               = local.context
  models                = { for model, settings in local.models : model => { for key, value in settings : key => value if !contains(["data_prefixes", "internet"], key) } }
  topic_arn             = module.notifications.topic_arn
  key_arn               = module.storage.key_arn
  notifications_key_arn = module.notifications.key_arn
  logs_bucket           = module.storage.bucket_names["logs"]
  package               = "${var.package_dir}/lambda/log_forwarder.zip"
  runtime               = var.lambda_runtime
  log_days              = var.log_days
  wavefront             = var.wavefront
  recovery_days         = var.destroyable ? 0 : 30
  reserved_concurrency  = var.lambda_concurrency == -1 ? -1 : 5
  trigger_function      = module.trigger.function_name
  dead_letter_queues    = { trigger-dag = module.trigger.dead_letter_queue_name }
  mwaa_environment      = module.airflow.environment_name
  monthly_budget_usd    = var.monthly_budget_usd
}
