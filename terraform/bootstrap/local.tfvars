# The loopback (modelway up --terraform).
environment = "local"
account_id  = "123456789012"
destroyable = true

gitlab = {
  project = "local/modelway"
}
