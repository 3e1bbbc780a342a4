terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The bucket is given at init: -backend-config=bucket=BUCKET -backend-config=region=REGION (docs/how-to/terraform.md).
  backend "s3" {
    key          = "modelway/prod.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
