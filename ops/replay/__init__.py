"""`python -m ops replay`: a time range of the stream, sent through the function again."""
