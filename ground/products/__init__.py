"""Products of the node: unpacking, verification, pictures."""
