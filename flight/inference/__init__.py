"""Inference on weight memory that we own: verified models, compiled on the node, guarded runs."""
