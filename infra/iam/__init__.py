"""IAM: one least-privilege policy for each function of each stage, generated from recorded calls."""
