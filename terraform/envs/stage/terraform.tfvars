# Replace the account, the group and the addresses by your own.
account_id         = "222222222222"
monthly_budget_usd = 700

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
