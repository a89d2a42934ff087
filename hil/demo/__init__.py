"""The demonstration flight of ``make run``."""
