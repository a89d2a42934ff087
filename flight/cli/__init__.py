"""Verbs of the ``flight`` command; each module is imported only when its verb runs."""
