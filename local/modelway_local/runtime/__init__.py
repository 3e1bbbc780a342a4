"""Jobs and endpoints as processes of this machine, under SageMaker's container contract."""
