"""One message model; Slack blocks and SNS text are made from it."""
