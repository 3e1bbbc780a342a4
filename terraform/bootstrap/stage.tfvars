# Replace the account and the group by your own.
environment = "stage"
account_id  = "222222222222"

gitlab = {
  project = "my-group/modelway"
}
