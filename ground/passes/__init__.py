"""Passes: when a station sees a satellite, from its elements."""
