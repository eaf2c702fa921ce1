"""Deployment by pull request: the one-time setup of an account, and the scripts of the workflows."""
