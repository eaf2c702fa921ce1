"""The operator's commands on a bad day: this build beside an earlier one, against loopback AWS with a latency.

Each measured command has a module here with its `CASES`, and the function that makes the services they ask.
"""
