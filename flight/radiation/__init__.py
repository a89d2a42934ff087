"""Radiation tolerance, pure: voting; ECC, scrubbing and the environment build on it."""
