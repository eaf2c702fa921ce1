"""Versions of the function: list them, go back to one, delete old ones."""
