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

variable "cidr" {
  description = "Address range of the VPC; a /16 to /20, from which four subnets are cut."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr must be an IPv4 range of /16 to /20, e.g. 10.40.0.0/16."
  }
}

variable "availability_zones" {
  description = "Exactly two zones of the region; MWAA takes no other number."
  type        = list(string)

  validation {
    condition     = length(distinct(var.availability_zones)) == 2 && length(var.availability_zones) == 2
    error_message = "availability_zones must name two different zones."
  }
}

variable "egress" {
  description = "How private subnets reach AWS: nat (the internet too: PyPI, Slack, Wavefront) or endpoints (AWS alone)."
  type        = string
  default     = "nat"

  validation {
    condition     = contains(["nat", "endpoints"], var.egress)
    error_message = "egress must be nat or endpoints."
  }
}

variable "nat_per_zone" {
  description = "One NAT gateway a zone instead of one in all; a zone's outage then leaves the other connected."
  type        = bool
  default     = false
}

variable "flow_log_bucket_arn" {
  description = "Bucket that takes the VPC's flow logs."
  type        = string
}
