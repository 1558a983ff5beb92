"""`python -m infra.iam` writes the IAM policies in .chalice from the recorded calls."""

from infra.iam.policies import write_policies

if __name__ == "__main__":
    write_policies()
