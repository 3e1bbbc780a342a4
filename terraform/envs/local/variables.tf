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

variable "delivery_url" {
  description = "Where the loopback AWS takes deliveries of SNS and Slack: its path is a secret of the stack."
  type        = string
  default     = "http://127.0.0.1:4566/_local/none"
}

variable "airflow_url" {
  description = "Address of the local Airflow."
  type        = string
  default     = "http://127.0.0.1:8080"
}

variable "lambda_runtime" {
  description = "The Python that runs the gateway, for which the zips were built."
  type        = string
  default     = "python3.11"
}
