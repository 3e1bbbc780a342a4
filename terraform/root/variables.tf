variable "project" {
  description = "Prefix of every name."
  type        = string
  default     = "modelway"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.project)) && !endswith(var.project, "-")
    error_message = "project must start with a letter and hold lower-case letters, digits and hyphens, 20 at most."
  }
}

variable "environment" {
  description = "local, dev, stage or prod."
  type        = string

  validation {
    condition     = contains(["local", "dev", "stage", "prod"], var.environment)
    error_message = "environment must be local, dev, stage or prod."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account that the environment lives in; a plan for another account is refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits."
  }
}

variable "partition" {
  description = "Partition of the region: aws, aws-cn or aws-us-gov."
  type        = string
  default     = "aws"

  validation {
    condition     = contains(["aws", "aws-cn", "aws-us-gov"], var.partition)
    error_message = "partition must be aws, aws-cn or aws-us-gov."
  }
}

variable "models" {
  description = <<-TEXT
    The models, by name; adding one is adding one block. `project` is the GitLab project (GROUP/PROJECT) whose model it
    is: a pipeline of any other that calls itself so is refused. `internet` lets its jobs and endpoint reach the
    internet, when its model.yaml asks for it. `data_prefixes` are the keys of the data bucket that its jobs
    may read (default: <model>/). The limits are those of its alarms: p99 of the model's own time in milliseconds,
    errors a minute, percent of CPU (of one core, so 100 an instance with one) and memory, and any numbers that the
    model logs as {"metrics": {name: value}}. `budget_usd` is the monthly cost of what carries the model's tag, above
    which people are told (0: no budget).
  TEXT
  type = map(object({
    project        = optional(string, "")
    data_prefixes  = optional(list(string))
    internet       = optional(bool, false)
    latency_ms     = optional(number, 500)
    errors_4xx     = optional(number, 50)
    errors_5xx     = optional(number, 0)
    cpu_percent    = optional(number, 80)
    memory_percent = optional(number, 85)
    metrics        = optional(map(object({ min = optional(number), max = optional(number) })), {})
    budget_usd     = optional(number, 0)
  }))

  validation {
    condition     = alltrue([for name in keys(var.models) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name)) && length(name) >= 2 && length(name) <= 32])
    error_message = "A model's name is 2 to 32 lower-case letters, digits and single hyphens, as in model.yaml."
  }

  validation {
    condition     = length(setintersection(keys(var.models), ["all", "base", "champion", "candidate", "latest", "modelway", "none", "platform"])) == 0
    error_message = "A model has a reserved name: all, base, champion, candidate, latest, modelway, none, platform."
  }

  validation {
    condition     = var.environment == "local" || alltrue([for model in values(var.models) : can(regex("^[\\w.-]+(/[\\w.-]+)+$", model.project))])
    error_message = "Each model names its GitLab project, GROUP/PROJECT: project = \"risk/fraud\". Only the local environment has none."
  }

  validation {
    condition     = alltrue(flatten([for model in values(var.models) : [for prefix in coalesce(model.data_prefixes, []) : prefix == "" || (endswith(prefix, "/") && !startswith(prefix, "/") && !strcontains(prefix, "*"))]]))
    error_message = "A data prefix is a key that ends in / and starts with none, e.g. fraud/; or empty for the whole bucket."
  }
}

variable "role_per_model" {
  description = "Whether each model has a job role and an endpoint role of its own, which read its data alone; otherwise one pair is all models'."
  type        = bool
  default     = true

  validation {
    condition     = !var.role_per_model || alltrue([for name in keys(var.models) : length("${var.project}-${var.environment}-endpoint-${name}") <= 64])
    error_message = "IAM's names have 64 characters: <project>-<environment>-endpoint-<model> is longer for a model. Shorten project or the model's name, or set role_per_model = false."
  }
}

variable "user_groups" {
  description = "Who is told: group name to its subscriptions, e.g. { default = [{ protocol = \"email\", endpoint = \"ml@example.com\" }] }."
  type        = map(list(object({ protocol = string, endpoint = string })))
  default     = {}
}

variable "gitlab" {
  description = "GitLab's address and audience, the project of this repository (GROUP/PROJECT) and the branch whose pipelines may touch AWS."
  type = object({
    url      = optional(string, "https://gitlab.com")
    audience = optional(string, "https://gitlab.com")
    project  = string
    branch   = optional(string, "main")
  })
}

variable "availability_zones" {
  description = "Two zones of the region; empty: <region>a and <region>b."
  type        = list(string)
  default     = []
}

variable "cidr" {
  description = "Address range of the VPC."
  type        = string
  default     = "10.40.0.0/16"
}

variable "egress" {
  description = "nat (to the internet) or endpoints (to AWS alone; no Slack, no Wavefront)."
  type        = string
  default     = "nat"
}

variable "nat_per_zone" {
  description = "One NAT gateway a zone."
  type        = bool
  default     = false
}

variable "airflow_version" {
  description = "Version of Airflow on MWAA."
  type        = string
  default     = "3.2.1"
}

variable "airflow_class" {
  description = "Size of the MWAA environment."
  type        = string
  default     = "mw1.small"
}

variable "airflow_workers" {
  description = "Fewest and most Celery workers."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 5 }
}

variable "airflow_access" {
  description = "PUBLIC_ONLY or PRIVATE_ONLY; with the latter the trigger function moves into the VPC."
  type        = string
  default     = "PUBLIC_ONLY"
}

variable "airflow_url" {
  description = "Address of Airflow for links; empty: the MWAA environment's own."
  type        = string
  default     = ""
}

variable "poll_seconds" {
  description = "Interval between the DAGs' Describe calls, seconds."
  type        = number
  default     = 30

  validation {
    condition     = var.poll_seconds > 0
    error_message = "poll_seconds must be above 0."
  }
}

variable "package_dir" {
  description = "Folder with lambda/*.zip and mwaa/ (make mwaa-package lambda-package)."
  type        = string
}

variable "lambda_runtime" {
  description = "Lambda's Python; the zips hold compiled code for it."
  type        = string
  default     = "python3.12"
}

variable "lambda_concurrency" {
  description = "Calls of the trigger function at once; -1: unreserved, since a new account's quota of 10 leaves none to reserve."
  type        = number
  default     = -1

  validation {
    condition     = var.lambda_concurrency == -1 || var.lambda_concurrency >= 1
    error_message = "lambda_concurrency must be -1 or 1 and more; 0 would stop the function."
  }
}

variable "slack" {
  description = "Whether announcements go to Slack too."
  type        = bool
  default     = true
}

variable "slack_webhook_url" {
  description = "URL of the Slack webhook, never kept in the state; empty: put it in the secret by hand."
  type        = string
  default     = ""
  ephemeral   = true
}

variable "slack_webhook_revision" {
  description = "Raise it to write slack_webhook_url anew; 0: never."
  type        = number
  default     = 0
}

variable "wavefront" {
  description = "Address of Wavefront; empty: none."
  type        = string
  default     = ""
}

variable "log_days" {
  description = "Days that CloudWatch keeps logs; the logs bucket keeps them a year."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
    error_message = "log_days must be a retention that CloudWatch has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "monthly_budget_usd" {
  description = "Monthly cost above which people are told; 0: no budget."
  type        = number
  default     = 0
}

variable "destroyable" {
  description = "Whether `destroy` takes buckets, images and secrets with it at once; never in prod."
  type        = bool
  default     = false

  validation {
    condition     = !(var.destroyable && var.environment == "prod")
    error_message = "prod must not be destroyable."
  }
}

variable "lifecycle_rules" {
  description = "Whether old objects in the buckets expire; false only where the provider's minute of waiting hurts (local)."
  type        = bool
  default     = true
}
