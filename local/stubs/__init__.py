"""Stubs of services in a few lines, where local AWS is too slow or too strict: for tests and benchmarks."""
