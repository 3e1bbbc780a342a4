"""GitLab as the platform uses it: artifacts by job id, one note a merge request, schedules."""
