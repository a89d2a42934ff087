"""Hardware in the loop: benches, fault injectors, campaigns, and the demonstration flight."""
