"""The report of a stack: one HTML file to send and attach."""
