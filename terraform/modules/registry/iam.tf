# No repository policy: who may push and pull is in the CI role's and the SageMaker roles' own policies (module iam).
