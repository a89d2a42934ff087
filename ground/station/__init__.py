"""Ground station: link session, verification, archive, daemon."""
