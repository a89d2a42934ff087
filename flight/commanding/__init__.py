"""Telecommand verification, parameters, and the ledger of what was commanded."""
