"""Seeded worlds: the real producer, mapping, function and redrive on a virtual clock, with faults and crashes.

`scheduler` runs threaded code one task at a time in an order that a seed decides; `history` says what happens in
a world, and `events` makes its load; `world` runs it; `laws` says what must hold afterwards; `search` finds and shrinks
what does not.
"""
