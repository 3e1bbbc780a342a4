# One plan with the environment's own values, by the real provider, which is told not to call AWS.
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

run "plan" {
  command = plan

  assert {
    condition     = output.settings.MODELWAY_DATA_BUCKET == "modelway-stage-data-${var.account_id}"
    error_message = "the data bucket has another name"
  }

  assert {
    condition     = output.settings.MODELWAY_SNS_TOPIC_ARN == "arn:aws:sns:eu-west-1:${var.account_id}:modelway-stage-notifications"
    error_message = "the topic has another name"
  }

  assert {
    condition     = output.settings.MODELWAY_JOB_ROLE_ARN == "arn:aws:iam::${var.account_id}:role/modelway-stage-job-{model}"
    error_message = "the role of jobs and models has another name"
  }

  assert {
    condition     = toset(keys(output.dashboards)) == toset(keys(var.models))
    error_message = "a model has no dashboard"
  }
}
