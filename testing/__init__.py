"""For tests of your own task types."""
