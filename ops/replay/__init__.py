"""`python -m ops replay`: send a time range of the stream through the function again."""
