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

variable "models" {
  description = "Names of the models; each has a repository <project>/<model>."
  type        = set(string)
}

variable "untagged_days" {
  description = "Days after which images without a tag expire."
  type        = number
  default     = 14
}

variable "kept_images" {
  description = "Most images of one model; the oldest expire beyond it. A deployed version must stay within."
  type        = number
  default     = 300

  validation {
    condition     = var.kept_images >= 50
    error_message = "kept_images must be 50 or more: live endpoints pull their image again when they scale."
  }
}

variable "force_destroy" {
  description = "Whether `destroy` deletes repositories that still hold images."
  type        = bool
  default     = false
}
