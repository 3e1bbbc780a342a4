"""Who calls, and what they may: keys, signatures, and IAM's policies evaluated as AWS does."""
