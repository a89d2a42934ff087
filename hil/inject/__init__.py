"""Fault injectors: they act on the flying processes from outside."""
