"""The use cases, one a file. Collaborators come by constructor; nothing here knows AWS or Chalice."""
