"""The radiation environment, computed on the ground: flux tables that the node carries."""
