# Replace the account, the group and the addresses by your own.
account_id         = "333333333333"
monthly_budget_usd = 2000

gitlab = {
  project = "my-group/modelway"
}

user_groups = {
  default = [{ protocol = "email", endpoint = "ml-platform@example.com" }]
}

# A block a model.
models = {
  breast-cancer = {
    project    = "my-group/breast-cancer"
    latency_ms = 300
  }
}
