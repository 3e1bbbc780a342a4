#!/bin/sh
# Usage: sh ci/hermetic.sh PROGRAM [ARGUMENT...]
#
# How every job that holds an identity or a token starts a program: with these variables and no others. A variable that
# somebody else sets, of a kind that nobody thought of, is not refused here but never arrives. HOME is new and empty, since
# pip, uv, boto3 and Terraform read what to run and whom to ask from files in it.
# tests/unit/ci/test_hermetic.py holds the list against what the platform's code reads.
set -eu

platform='MODELWAY_PROJECT MODELWAY_ENVIRONMENT MODELWAY_DATA_BUCKET MODELWAY_ARTIFACTS_BUCKET MODELWAY_JOB_ROLE_ARN
MODELWAY_ENDPOINT_ROLE_ARN MODELWAY_SIGNING_KEY_ID MODELWAY_KMS_KEY_ID MODELWAY_INTERNET_MODELS MODELWAY_SNS_TOPIC_ARN
MODELWAY_SLACK_SECRET_ID MODELWAY_MWAA_ENVIRONMENT MODELWAY_ALLOWED_DAGS MODELWAY_AIRFLOW_URL MODELWAY_MODELS
MODELWAY_GITLAB_URL MODELWAY_POLL_SECONDS'
job='MODELWAY_OUT MODELWAY_MODEL_NAME MODELWAY_DAG_RUN_URL MODELWAY_REPORT_URL MODELWAY_GITLAB_TOKEN
MODELWAY_SETTINGS_TOKEN CI_JOB_TOKEN CI_SERVER_URL CI_PIPELINE_ID GITLAB_USER_LOGIN'
identity='AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_SESSION_NAME AWS_REGION AWS_DEFAULT_REGION'
tools='PATH LANG UV_CACHE_DIR UV_LINK_MODE TF_IN_AUTOMATION TF_INPUT TF_PLUGIN_CACHE_DIR TF_VAR_commit
TF_VAR_platform_version http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY'
# A loopback stack's; with a role nothing may say where its calls go, nor lend it another's keys.
loopback='MODELWAY_HOME AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN'
[ -z "${AWS_ROLE_ARN:-}" ] || loopback=

for name in $platform $job $identity $tools $loopback; do
    eval "given=\${$name+given} value=\${$name-}"
    [ -z "$given" ] || set -- "$name=$value" "$@"
done
exec env -i HOME="$(mktemp -d)" "$@"
