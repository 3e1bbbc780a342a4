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

variable "package" {
  description = "Path of the function's zip (make lambda-package)."
  type        = string
}

variable "runtime" {
  description = "Lambda's Python; the zip holds compiled code for exactly this one."
  type        = string

  validation {
    condition     = can(regex("^python3\\.1[1-4]$", var.runtime))
    error_message = "runtime must be a Python of Lambda, e.g. python3.12."
  }
}

variable "environment_variables" {
  description = "MODELWAY_* settings (src/modelway/platform.py)."
  type        = map(string)
}

variable "mwaa_environment" {
  description = "Name of the MWAA environment that the function may call."
  type        = string
}

variable "airflow_role" {
  description = "Airflow's role for the function's calls; User may start runs and sees no connections."
  type        = string
  default     = "User"
}

variable "subnet_ids" {
  description = "Private subnets, needed when Airflow's web server is private; empty: outside the VPC."
  type        = list(string)
  default     = []
}

variable "vpc_id" {
  description = "The VPC of subnet_ids."
  type        = string
}

variable "airflow_security_group" {
  description = "Security group of the Airflow environment, and so of its web server's endpoint in the VPC."
  type        = string
}

variable "reserved_concurrency" {
  description = "Most calls at once; -1 for no reservation (a new account's quota leaves none to reserve)."
  type        = number
  default     = -1
}

variable "log_days" {
  description = "Days that the function's log is kept."
  type        = number
}

variable "key_arn" {
  description = "Key that encrypts log and dead letters."
  type        = string
}
