# Replace the account and the group by your own.
environment = "prod"
account_id  = "333333333333"

gitlab = {
  project = "my-group/modelway"
}
