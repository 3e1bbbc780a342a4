"""Versions of images and models, and the names that derive from them."""
