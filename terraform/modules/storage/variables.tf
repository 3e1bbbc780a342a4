variable "context" {
  description = "What names and ARNs are made of: project, environment, region, account_id (12 digits), partition."
  type = object({
    project     = string
    environment = string
    region      = string
    account_id  = string
    partition   = string
  })
}

variable "name_suffix" {
  description = "Appended to every bucket's name, since those are unique in the world: -<account id>, or nothing in local."
  type        = string
  default     = ""
}

variable "force_destroy" {
  description = "Whether `destroy` empties the buckets; never in prod."
  type        = bool
  default     = false
}

variable "noncurrent_days" {
  description = "Days that overwritten and deleted objects are kept, by bucket."
  type        = map(number)
  default     = { data = 90, artifacts = 90, dags = 30, logs = 1 }
}

variable "logs_days" {
  description = "Days that logs are kept in the logs bucket."
  type        = number
  default     = 365

  validation {
    condition     = var.logs_days >= 31
    error_message = "logs_days must be 31 or more: logs move to a cheaper class after 30 days."
  }
}

variable "lifecycle_rules" {
  description = "Whether old objects and versions expire. The provider waits a minute for each change of these rules."
  type        = bool
  default     = true
}
