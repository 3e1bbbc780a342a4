account_id = "123456789012"

# A block a model.
models = {
  breast-cancer = {}
}
