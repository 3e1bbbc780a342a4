"""Contract to boto3 request dictionaries: pure functions."""
