"""Measurements of ``make bench``: ratios against a named floor in the same run."""
