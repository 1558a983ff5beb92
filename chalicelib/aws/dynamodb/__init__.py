"""The DynamoDB tables and indexes, one file each."""
