"""The only room that imports botocore: each module speaks to one AWS service, in the domain's words."""
