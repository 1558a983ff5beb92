"""What a task is and how it may change. Pure: no I/O, no clock and no randomness of its own."""
