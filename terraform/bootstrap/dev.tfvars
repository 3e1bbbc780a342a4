# Replace the account and the group by your own.
environment = "dev"
account_id  = "111111111111"

gitlab = {
  project = "my-group/modelway"
}
