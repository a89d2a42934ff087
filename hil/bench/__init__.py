"""Benches: where a node flies, and how a test drives it."""
