"""SageMaker's control plane, with state on disk."""
