"""A small AWS client: requests signed and sent, answers read, errors named."""
