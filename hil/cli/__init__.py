"""Verbs of the ``hil`` command."""
