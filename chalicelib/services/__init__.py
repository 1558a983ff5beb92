"""The use cases. Collaborators come by constructor; AWS is reached through them alone."""
