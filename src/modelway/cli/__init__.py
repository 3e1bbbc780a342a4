"""The `modelway` command."""
