"""The components of the stack, one module each."""
