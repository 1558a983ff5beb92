"""CloudFormation: the stack of data, the stack of monitoring, and what the functions read from SSM."""
