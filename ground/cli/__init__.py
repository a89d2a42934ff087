"""Verbs of the ``ground`` command; each module is imported only when its verb runs."""
