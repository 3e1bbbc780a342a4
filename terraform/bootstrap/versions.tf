terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The bucket of the state is made here, so this state begins as a file; docs/how-to/terraform.md says where it is kept.
  backend "local" {}
}
