"""What must be true of a live endpoint, and how to get there and back."""
