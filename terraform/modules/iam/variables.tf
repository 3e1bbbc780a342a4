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

variable "sagemaker_roles" {
  description = "What SageMaker runs as: suffix of a job role and an endpoint role (empty: <project>-<environment>-job and -endpoint, for all) to their models, and to the data prefixes that the job role may read. A prefix is a key in the data bucket, ending in / or empty for all of it."
  type        = map(object({ models = list(string), data_prefixes = list(string) }))
}

variable "data_bucket" {
  description = "Name of the bucket of training data."
  type        = string
}

variable "artifacts_bucket" {
  description = "Name of the bucket of models and reports."
  type        = string
}

variable "key_arn" {
  description = "Key of both buckets."
  type        = string
}

variable "signing_key_arn" {
  description = "Key with which CI signs what it pushed."
  type        = string
}

variable "trigger_function" {
  description = "Name of the Lambda that CI invokes."
  type        = string
}

variable "mwaa_environment" {
  description = "Name of the MWAA environment, whose read-only view users may open."
  type        = string
}

variable "gitlab" {
  description = "url and audience of GitLab, the project that may assume the roles (GROUP/PROJECT), and its branch."
  type = object({
    url      = string
    audience = string
    project  = string
    branch   = string
  })

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+$", var.gitlab.url))
    error_message = "gitlab.url must be https:// and a host name, with nothing after it."
  }

  validation {
    condition     = can(regex("^[\\w.-]+(/[\\w.-]+)+$", var.gitlab.project)) && !strcontains(var.gitlab.project, "*")
    error_message = "gitlab.project must be GROUP/PROJECT with no wildcard."
  }

  validation {
    condition     = can(regex("^[\\w./-]+$", var.gitlab.branch))
    error_message = "gitlab.branch must be one branch, with no wildcard."
  }
}
