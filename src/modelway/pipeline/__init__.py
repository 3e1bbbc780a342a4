"""The steps from a commit to a live endpoint: what GitLab's jobs and `modelway run` both call."""
