"""The program that prepares an account once, before GitHub deploys the stacks to it."""

PREFIX = "stream-processing"
"""Start of the names of all resources that the program creates."""
ISSUER = "token.actions.githubusercontent.com"
"""GitHub's OpenID Connect provider."""
