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

variable "user_groups" {
  description = "Who is told: group name to its subscriptions. protocol is email, https, http, sqs or sms."
  type        = map(list(object({ protocol = string, endpoint = string })))

  validation {
    condition     = alltrue([for name in keys(var.user_groups) : can(regex("^[a-z][a-z0-9-]{0,31}$", name))])
    error_message = "Names of user groups are lower-case letters, digits and hyphens, 32 at most, as in model.yaml's notify."
  }

  validation {
    condition = alltrue(flatten([
      for group in values(var.user_groups) : [for one in group : contains(["email", "https", "http", "sqs", "sms"], one.protocol)]
    ]))
    error_message = "protocol must be email, https, http, sqs or sms."
  }
}

variable "slack" {
  description = "Whether a Slack webhook is used. Its URL is put in the secret by hand, or with slack_webhook_url."
  type        = bool
  default     = true
}

variable "slack_webhook_url" {
  description = "The webhook's URL; it is written and never kept in the state. Empty: put it in by hand."
  type        = string
  default     = ""
  ephemeral   = true
}

variable "slack_webhook_revision" {
  description = "Raise it to write slack_webhook_url anew; 0 writes nothing."
  type        = number
  default     = 0
}

variable "recovery_days" {
  description = "Days that a deleted secret can be restored; 0 deletes at once."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "recovery_days must be 0 or from 7 to 30."
  }
}
