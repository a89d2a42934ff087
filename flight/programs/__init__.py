"""The task programs that ship."""
