variable "context" {
  description = "What names and ARNs are made of: project, environment, region, account_id (12 digits), partition; and boundary_arn, the permissions boundary of every role."
  type = object({
    project      = string
    environment  = string
    region       = string
    account_id   = string
    partition    = string
    boundary_arn = string
  })
}

variable "airflow_version" {
  description = "Version of Airflow; DAGs and requirements are tested with this one."
  type        = string
  default     = "3.2.1"

  # The provider checks no version; this list is MWAA's own images (August 2026).
  validation {
    condition     = contains(["3.0.6", "3.2.1", "3.3.1"], var.airflow_version)
    error_message = "airflow_version must be 3.0.6, 3.2.1 or 3.3.1: the DAGs need Airflow 3, and MWAA has these."
  }
}

variable "package_dir" {
  description = "Folder with plugins.zip, requirements.txt and dags/ (make mwaa-package)."
  type        = string
}

variable "dags_bucket" {
  description = "Bucket of DAGs, plugins and requirements: name and ARN."
  type        = object({ name = string, arn = string })
}

variable "key_arn" {
  description = "Key that encrypts the environment, its buckets and its logs."
  type        = string
}

variable "notifications_key_arn" {
  description = "Key of the topic and the Slack secret."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the environment."
  type        = string
}

variable "subnet_ids" {
  description = "Two private subnets in different zones."
  type        = list(string)
}

variable "environment_variables" {
  description = "MODELWAY_* settings (src/modelway/platform.py), exported by the startup script."
  type        = map(string)
}

variable "webserver_access" {
  description = "PUBLIC_ONLY (IAM decides who enters) or PRIVATE_ONLY (from the VPC alone)."
  type        = string
  default     = "PUBLIC_ONLY"

  validation {
    condition     = contains(["PUBLIC_ONLY", "PRIVATE_ONLY"], var.webserver_access)
    error_message = "webserver_access must be PUBLIC_ONLY or PRIVATE_ONLY."
  }
}

variable "environment_class" {
  description = "Size of scheduler and workers, e.g. mw1.small."
  type        = string
  default     = "mw1.small"

  validation {
    condition     = can(regex("^mw1\\.(micro|small|medium|large|xlarge|2xlarge)$", var.environment_class))
    error_message = "environment_class must be one of mw1.micro, small, medium, large, xlarge, 2xlarge."
  }
}

variable "workers" {
  description = "Fewest and most Celery workers."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 5 }

  validation {
    condition     = var.workers.min >= 1 && var.workers.min <= var.workers.max && var.workers.max <= 25
    error_message = "workers: 1 <= min <= max <= 25."
  }
}

variable "configuration" {
  description = "Airflow options beyond the module's own, e.g. { \"core.parallelism\" = \"64\" }."
  type        = map(string)
  default     = {}
}

variable "log_days" {
  description = "Days that Airflow's logs are kept."
  type        = number
}

variable "artifacts_bucket" {
  description = "Name of the bucket of models and reports."
  type        = string
}

variable "signing_key_arn" {
  description = "Key that proves where an image comes from."
  type        = string
}

variable "internet_models" {
  description = "Models whose jobs and endpoints may reach the internet."
  type        = list(string)
  default     = []
}

variable "sagemaker_role_arns" {
  description = "Roles that the DAGs may hand to SageMaker."
  type        = list(string)
}

variable "topic_arn" {
  description = "Topic of the announcements."
  type        = string
}

variable "slack_secret_name" {
  description = "Secret of the Slack webhook; empty: none."
  type        = string
}
