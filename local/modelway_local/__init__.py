"""The loopback AWS."""
