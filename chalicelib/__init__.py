"""The Task Processing Service: everything that the Lambda functions of `app.py` run."""
