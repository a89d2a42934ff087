"""What each service stands on: clock, bus, store, journal, hosting."""
