variable "project" {
  description = "Prefix of every name, as in the environment's root. An account holds one environment of a project."
  type        = string
  default     = "modelway"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.project)) && !endswith(var.project, "-")
    error_message = "project must start with a letter and hold lower-case letters, digits and hyphens, 20 at most."
  }
}

variable "environment" {
  description = "The one environment that this account holds: local, dev, stage or prod."
  type        = string

  validation {
    condition     = contains(["local", "dev", "stage", "prod"], var.environment)
    error_message = "environment must be local, dev, stage or prod."
  }
}

variable "region" {
  description = "AWS region of the environment."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region such as eu-west-1."
  }
}

variable "account_id" {
  description = "AWS account; an apply to another account is refused."
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

variable "gitlab" {
  description = <<-TEXT
    GitLab's address and audience; the project and branch in which model pipelines run; and the project (default: the
    same) and protected branch in which the Terraform pipeline runs. The two must differ: whoever may trigger a model
    pipeline runs jobs on the former, and AWS can tell jobs apart by their project and branch alone.
  TEXT
  type = object({
    url               = optional(string, "https://gitlab.com")
    audience          = optional(string, "https://gitlab.com")
    project           = string
    branch            = optional(string, "main")
    terraform_project = optional(string)
    terraform_branch  = optional(string, "terraform")
  })

  validation {
    condition     = can(regex("^https://[a-z0-9.-]+$", var.gitlab.url))
    error_message = "gitlab.url must be https:// and a host name, with nothing after it."
  }

  validation {
    condition     = alltrue([for path in [var.gitlab.project, coalesce(var.gitlab.terraform_project, var.gitlab.project)] : can(regex("^[\\w.-]+(/[\\w.-]+)+$", path))])
    error_message = "gitlab.project and gitlab.terraform_project must be GROUP/PROJECT with no wildcard."
  }

  validation {
    condition     = alltrue([for branch in [var.gitlab.branch, var.gitlab.terraform_branch] : can(regex("^[\\w./-]+$", branch))])
    error_message = "gitlab.branch and gitlab.terraform_branch must be one branch each, with no wildcard."
  }

  validation {
    condition = (
      coalesce(var.gitlab.terraform_project, var.gitlab.project) != var.gitlab.project
      || var.gitlab.terraform_branch != var.gitlab.branch
    )
    error_message = "The Terraform pipeline must run in another project or on another branch than model pipelines, or their jobs could assume its role."
  }
}

variable "create_oidc_provider" {
  description = "Whether to make GitLab's identity provider; false where the account has it already, for something else."
  type        = bool
  default     = true
}

variable "destroyable" {
  description = "Whether `destroy` takes the states in the bucket with it; the loopback alone sets it."
  type        = bool
  default     = false

  validation {
    condition     = !var.destroyable || var.environment == "local"
    error_message = "Only local's bootstrap may be destroyable."
  }
}
