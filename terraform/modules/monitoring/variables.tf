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

variable "models" {
  description = "Model name to its alarms' limits. latency_ms is the p99 of the model's own time; metrics are numbers that the model logs as {\"metrics\": {name: value}}, each with the least or most that is well. budget_usd is a month's, 0 for none."
  type = map(object({
    latency_ms     = number
    errors_5xx     = number
    errors_4xx     = number
    cpu_percent    = number
    memory_percent = number
    metrics        = map(object({ min = optional(number), max = optional(number) }))
    budget_usd     = number
  }))

  validation {
    condition = alltrue(flatten([
      for model in values(var.models) : [for metric in values(model.metrics) : (metric.min == null) != (metric.max == null)]
    ]))
    error_message = "Each of a model's metrics needs min or max, one of them."
  }
}

variable "topic_arn" {
  description = "Topic that alarms are sent to."
  type        = string
}

variable "notifications_key_arn" {
  description = "Key of the Wavefront token."
  type        = string
}

variable "key_arn" {
  description = "Key that encrypts the log groups."
  type        = string
}

variable "logs_bucket" {
  description = "Bucket that forwarded logs are kept in."
  type        = string
}

variable "package" {
  description = "Path of the log forwarder's zip (make lambda-package)."
  type        = string
}

variable "runtime" {
  description = "Lambda's Python."
  type        = string
}

variable "log_days" {
  description = "Days that log groups are kept; the bucket keeps them longer."
  type        = number
}

variable "reserved_concurrency" {
  description = "Most deliveries at once; -1 for no reservation."
  type        = number
  default     = -1
}

variable "wavefront" {
  description = "Wavefront's address (https://CLUSTER.wavefront.com); empty: nothing is sent there."
  type        = string
  default     = ""

  validation {
    condition     = var.wavefront == "" || startswith(var.wavefront, "https://")
    error_message = "wavefront must be an https:// address or empty."
  }
}

variable "recovery_days" {
  description = "Days that the deleted Wavefront secret can be restored; 0 deletes at once."
  type        = number
  default     = 30
}

variable "trigger_function" {
  description = "Name of the Lambda that starts DAG runs."
  type        = string
}

variable "dead_letter_queues" {
  description = "Names of the queues that must stay empty."
  type        = map(string)
  default     = {}
}

variable "mwaa_environment" {
  description = "Name of the MWAA environment."
  type        = string
}

variable "monthly_budget_usd" {
  description = "Monthly cost of all that carries the project's and environment's tags, above which people are told; 0: no budget."
  type        = number
  default     = 0

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "monthly_budget_usd must not be negative."
  }
}
