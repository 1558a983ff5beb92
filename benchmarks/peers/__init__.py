"""Task queues that people would use instead on AWS, and the race against them.

The modules that run in a peer's own virtual environment import nothing of this project but `journal` and
`submitting`, which need nothing.
"""
