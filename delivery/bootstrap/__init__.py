"""What an account needs once, before GitHub deploys the stacks to it."""

PREFIX = "stream-processing"
"""Start of the names of everything that the program makes."""
ISSUER = "token.actions.githubusercontent.com"
"""GitHub's OpenID Connect provider."""
