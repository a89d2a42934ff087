"""Fuzzing of every decoder of the link: seeded damage to good input, and what must not come of it.

A decoder may refuse with its own typed error and count; anything else that it raises is a fault. So
is output that does not make the same octets again, and good input that no longer passes afterwards.
"""
