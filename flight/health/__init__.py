"""Health of the node: event counts and the housekeeping packet."""
