"""Other task queues for AWS, and the race against them.

Modules that run in a peer's own virtual environment import nothing of this project but `journal` and
`submitting`, which have no dependencies.
"""
