"""The only room that imports boto3: each module speaks to one AWS service, in the domain's words."""
