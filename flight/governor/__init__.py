"""Power and thermal budget: how much work may run, and why."""
