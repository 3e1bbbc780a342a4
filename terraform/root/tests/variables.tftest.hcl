# What a variable refuses, and what follows from one.
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
  package_dir = "../../dist"
  gitlab      = { project = "my-group/modelway" }
  models      = { fraud = { project = "risk/fraud" } }
}

run "refuses_wrong_values" {
  command = plan

  variables {
    project     = "Model_Way"
    environment = "qa"
    region      = "europe"
    account_id  = "123"
    log_days    = 31
  }

  expect_failures = [var.project, var.environment, var.region, var.account_id, var.log_days]
}

run "refuses_a_reserved_name" {
  command = plan

  variables {
    models = { all = { project = "risk/fraud" } }
  }

  expect_failures = [var.models]
}

run "refuses_a_data_prefix_with_a_wildcard" {
  command = plan

  variables {
    models = { fraud = { project = "risk/fraud", data_prefixes = ["*"] } }
  }

  expect_failures = [var.models]
}

run "refuses_names_that_make_a_role_of_more_than_64_characters" {
  command = plan

  variables {
    environment = "stage"
    project     = "abcdefghijklmnopqrst"
    models      = { abcdefghijklmnopqrstuvwxyzabcd = { project = "risk/fraud" } }
  }

  expect_failures = [var.role_per_model]
}

run "refuses_a_destroyable_prod" {
  command = plan

  variables {
    environment = "prod"
    destroyable = true
  }

  expect_failures = [var.destroyable]
}

run "adds_a_model_with_one_block" {
  command = plan

  variables {
    role_per_model     = true
    wavefront          = "https://example.wavefront.com"
    monthly_budget_usd = 700
    models = {
      fraud  = { project = "risk/fraud", metrics = { drift = { max = 0.3 } }, budget_usd = 150 }
      demand = { project = "shop/demand", data_prefixes = ["shop/", "weather/"], internet = true }
    }
  }

  assert {
    condition     = output.budgets == { modelway-dev = 700, modelway-dev-fraud = 150 }
    error_message = "the environment and each model that says so have a budget"
  }

  assert {
    condition     = toset(keys(output.dashboards)) == toset(["fraud", "demand"])
    error_message = "each model has its dashboard"
  }

  assert {
    condition     = output.settings.MODELWAY_JOB_ROLE_ARN == "arn:aws:iam::111111111111:role/modelway-dev-job-{model}"
    error_message = "the setting must name the job role of each model"
  }

  assert {
    condition     = output.settings.MODELWAY_ENDPOINT_ROLE_ARN == "arn:aws:iam::111111111111:role/modelway-dev-endpoint-{model}"
    error_message = "the setting must name the endpoint role of each model"
  }

  assert {
    condition     = output.settings.MODELWAY_INTERNET_MODELS == "demand" && output.settings.MODELWAY_SIGNING_KEY_ID == "alias/modelway-dev-signing"
    error_message = "the settings must name the models that may reach the internet, and the signing key"
  }
}

run "stays_inside_aws" {
  command = plan

  variables {
    egress         = "endpoints"
    airflow_access = "PRIVATE_ONLY"
    slack          = false
  }
}

run "refuses_a_model_of_no_project" {
  command = plan

  variables {
    models = { fraud = {} }
  }

  expect_failures = [var.models]
}

run "names_each_models_project" {
  command = plan

  variables {
    models = { fraud = { project = "risk/fraud" }, demand = { project = "shop/demand", internet = true } }
  }

  assert {
    condition     = jsondecode(output.settings.MODELWAY_MODELS) == { fraud = "risk/fraud", demand = "shop/demand" }
    error_message = "the platform learns from here which project a model's name belongs to"
  }

  assert {
    condition     = output.settings.MODELWAY_INTERNET_MODELS == "demand"
    error_message = "the internet is for the models that Terraform allows it"
  }
}

run "has_no_projects_on_the_loopback" {
  command = plan

  variables {
    environment = "local"
    models      = { fraud = {} }
  }

  assert {
    condition     = output.settings.MODELWAY_MODELS == "{}"
    error_message = "the loopback's models belong to no project"
  }
}
