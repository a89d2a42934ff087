"""Tasks: step functions computed by replicas, voted between steps, checkpointed, resumed."""
