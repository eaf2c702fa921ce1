"""What an account needs once, and what the workflows run: deployment by pull request."""
