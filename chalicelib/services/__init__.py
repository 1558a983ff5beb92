"""The use cases. Constructors receive all collaborators; no service imports an AWS adapter at run time."""
