"""`python -m ops quarantine`: what could not be stored, and what becomes of it."""
