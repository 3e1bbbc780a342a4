"""What Terraform asks of AWS and moto does not answer, or answers otherwise: filled in before moto is asked."""
