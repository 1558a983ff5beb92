"""The only room that speaks to AWS: each module speaks to one AWS service, in the domain's words."""
