# What the bootstrap refuses, and one plan by the real provider, which is told not to call AWS.
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variables {
  environment = "dev"
  account_id  = "111111111111"
  gitlab      = { project = "my-group/modelway" }
}

run "plan" {
  command = plan

  assert {
    condition     = aws_iam_policy.boundary.name == "modelway-boundary"
    error_message = "the boundary is the account's: a second environment must find its name taken"
  }
}

run "refuses_the_branch_of_model_pipelines" {
  command = plan

  variables {
    gitlab = { project = "my-group/modelway", terraform_branch = "main" }
  }

  expect_failures = [var.gitlab]
}

run "takes_the_same_branch_of_another_project" {
  command = plan

  variables {
    gitlab = { project = "my-group/modelway", terraform_project = "my-group/infrastructure", terraform_branch = "main" }
  }
}

run "refuses_wildcards" {
  command = plan

  variables {
    gitlab = { project = "my-group/*", branch = "*" }
  }

  expect_failures = [var.gitlab]
}

run "refuses_to_lose_states" {
  command = plan

  variables {
    destroyable = true
  }

  expect_failures = [var.destroyable]
}
