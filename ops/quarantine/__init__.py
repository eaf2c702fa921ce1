"""`python -m ops quarantine`: records that could not be stored."""
