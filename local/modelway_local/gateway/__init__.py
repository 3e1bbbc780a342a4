"""The loopback AWS endpoint: routes each request to its service here, or on to moto."""
