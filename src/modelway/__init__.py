"""From a commit to a live endpoint."""
