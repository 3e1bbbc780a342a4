"""Thin boto3 adapters behind Protocols."""
