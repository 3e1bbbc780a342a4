"""An ECR of this machine: the registry protocol, ECR's API over the same store, and images unpacked for processes."""
