"""A model repo as an image: built reproducibly in pure Python, pushed by the registry protocol."""
