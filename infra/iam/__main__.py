"""`python -m infra.iam` writes the IAM policies in .chalice from the recorded calls."""

import sys

from infra.errors import BadInput
from infra.iam.policies import write_policies

if __name__ == "__main__":
    try:
        write_policies()
    except BadInput as error:
        sys.exit(str(error))
