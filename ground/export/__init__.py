"""The dictionary for other ground systems."""
