"""The Lambda function: a batch of stream records in, rows of the table out."""
