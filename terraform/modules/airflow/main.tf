locals {
  name = "${var.context.project}-${var.context.environment}"
  # What MWAA calls its log groups: airflow-<environment>-<kind>.
  logs = {
    DAGProcessing = "WARNING"
    Scheduler     = "WARNING"
    Task          = "INFO"
    WebServer     = "WARNING"
    Worker        = "WARNING"
  }
  dags = fileset("${var.package_dir}/dags", "**/*.py")
  startup = templatefile("${path.module}/startup.sh.tftpl", {
    variables = var.environment_variables
  })
  configuration = {
    "core.dags_are_paused_at_creation" = "False"
    "core.load_examples"               = "False"
    # Tasks defer while SageMaker works, so many runs fit on few workers.
    "core.max_active_tasks_per_dag" = "64"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = local.logs
  name              = "airflow-${local.name}-${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

resource "aws_s3_object" "dag" {
  for_each    = local.dags
  bucket      = var.dags_bucket.name
  key         = "dags/${each.value}"
  source      = "${var.package_dir}/dags/${each.value}"
  source_hash = filebase64sha256("${var.package_dir}/dags/${each.value}")
}

resource "aws_s3_object" "plugins" {
  bucket      = var.dags_bucket.name
  key         = "plugins.zip"
  source      = "${var.package_dir}/plugins.zip"
  source_hash = filebase64sha256("${var.package_dir}/plugins.zip")
}

resource "aws_s3_object" "requirements" {
  bucket      = var.dags_bucket.name
  key         = "requirements.txt"
  source      = "${var.package_dir}/requirements.txt"
  source_hash = filebase64sha256("${var.package_dir}/requirements.txt")
}

resource "aws_s3_object" "startup" {
  bucket      = var.dags_bucket.name
  key         = "startup.sh"
  content     = local.startup
  source_hash = base64sha256(local.startup)
}

resource "aws_security_group" "this" {
  name        = "${local.name}-airflow"
  description = "Airflow's scheduler, workers, web server and database"
  vpc_id      = var.vpc_id
  tags        = { Name = "${local.name}-airflow" }
}

resource "aws_vpc_security_group_ingress_rule" "itself" {
  security_group_id            = aws_security_group.this.id
  description                  = "Airflow's parts among themselves"
  ip_protocol                  = "-1"
  referenced_security_group_id = aws_security_group.this.id
}

resource "aws_vpc_security_group_egress_rule" "itself" {
  security_group_id            = aws_security_group.this.id
  description                  = "Airflow's parts among themselves"
  ip_protocol                  = "-1"
  referenced_security_group_id = aws_security_group.this.id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "HTTPS to AWS and Slack"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_mwaa_environment" "this" {
  name                             = local.name
  airflow_version                  = var.airflow_version
  environment_class                = var.environment_class
  min_workers                      = var.workers.min
  max_workers                      = var.workers.max
  execution_role_arn               = aws_iam_role.this.arn
  kms_key                          = var.key_arn
  source_bucket_arn                = var.dags_bucket.arn
  dag_s3_path                      = "dags/"
  plugins_s3_path                  = aws_s3_object.plugins.key
  plugins_s3_object_version        = aws_s3_object.plugins.version_id
  requirements_s3_path             = aws_s3_object.requirements.key
  requirements_s3_object_version   = aws_s3_object.requirements.version_id
  startup_script_s3_path           = aws_s3_object.startup.key
  startup_script_s3_object_version = aws_s3_object.startup.version_id
  webserver_access_mode            = var.webserver_access
  airflow_configuration_options    = merge(local.configuration, var.configuration)
  weekly_maintenance_window_start  = "SUN:03:00"

  network_configuration {
    security_group_ids = [aws_security_group.this.id]
    subnet_ids         = var.subnet_ids
  }

  logging_configuration {
    dag_processing_logs {
      enabled   = true
      log_level = local.logs["DAGProcessing"]
    }
    scheduler_logs {
      enabled   = true
      log_level = local.logs["Scheduler"]
    }
    task_logs {
      enabled   = true
      log_level = local.logs["Task"]
    }
    webserver_logs {
      enabled   = true
      log_level = local.logs["WebServer"]
    }
    worker_logs {
      enabled   = true
      log_level = local.logs["Worker"]
    }
  }

  depends_on = [
    aws_cloudwatch_log_group.this, aws_iam_role_policy.airflow, aws_iam_role_policy.pipeline,
    aws_vpc_security_group_egress_rule.https, aws_vpc_security_group_ingress_rule.itself,
  ]
}
