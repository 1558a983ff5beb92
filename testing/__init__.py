"""The public test kit: run your own task types in tests. See `testing.kit`."""
