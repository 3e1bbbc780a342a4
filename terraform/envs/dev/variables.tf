variable "account_id" {
  description = "AWS account of this environment."
  type        = string
}

variable "region" {
  description = "AWS region of this environment."
  type        = string
  default     = "eu-west-1"
}

variable "models" {
  description = "The models; see terraform/root/variables.tf for what a block may say."
  type = map(object({
    project        = optional(string)
    data_prefixes  = optional(list(string))
    internet       = optional(bool)
    latency_ms     = optional(number)
    errors_4xx     = optional(number)
    errors_5xx     = optional(number)
    cpu_percent    = optional(number)
    memory_percent = optional(number)
    metrics        = optional(map(object({ min = optional(number), max = optional(number) })))
    budget_usd     = optional(number)
  }))
}

variable "package_dir" {
  description = "Folder with lambda/ and mwaa/, as the packaging scripts write it."
  type        = string
  default     = "../../../dist"
}

variable "platform_version" {
  description = "Version of the platform, a tag on everything; empty: no tag."
  type        = string
  default     = ""
}

variable "commit" {
  description = "Commit that is applied, a tag on everything; empty: no tag."
  type        = string
  default     = ""
}

variable "user_groups" {
  description = "Who is told: group name to its subscriptions."
  type        = map(list(object({ protocol = string, endpoint = string })))
}

variable "gitlab" {
  description = "The GitLab project of this repository, and its branch."
  type = object({
    url      = optional(string)
    audience = optional(string)
    project  = string
    branch   = optional(string)
  })
}

variable "monthly_budget_usd" {
  description = "Monthly cost above which people are told."
  type        = number
}
