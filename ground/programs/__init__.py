"""Program bundles on the ground: keys and packing."""
