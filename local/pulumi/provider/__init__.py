"""The aws provider's configuration and functions, and the base of its resource types in `resources/`."""
