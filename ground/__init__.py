"""Ground segment: station, link emulator, products, command line."""
