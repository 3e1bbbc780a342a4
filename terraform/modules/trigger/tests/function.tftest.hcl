# One plan beside a public web server, one beside a private one, by the real provider, which is told not to call AWS.
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variables {
  context = {
    project      = "modelway"
    environment  = "dev"
    region       = "eu-west-1"
    account_id   = "111111111111"
    partition    = "aws"
    boundary_arn = "arn:aws:iam::111111111111:policy/modelway-boundary"
  }
  package                = "../../../dist/lambda/trigger_dag.zip"
  runtime                = "python3.12"
  environment_variables  = {}
  mwaa_environment       = "modelway-dev"
  airflow_security_group = "sg-airflow"
  vpc_id                 = "vpc-0"
  log_days               = 30
  key_arn                = "arn:aws:kms:eu-west-1:111111111111:key/0"
}

run "reserves_nothing_of_a_new_accounts_quota" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "a reservation fails the first apply of an account whose quota is 10"
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.airflow) == 0
    error_message = "a public web server needs no rule"
  }
}

run "is_let_in_by_a_private_web_servers_endpoint" {
  command = plan

  variables {
    subnet_ids = ["subnet-0", "subnet-1"]
  }

  assert {
    condition = (
      one(aws_vpc_security_group_ingress_rule.airflow).security_group_id == "sg-airflow"
      && one(aws_vpc_security_group_ingress_rule.airflow).from_port == 443
      && one(aws_vpc_security_group_ingress_rule.airflow).to_port == 443
    )
    error_message = "Airflow's group must admit the function to the web server"
  }
}
