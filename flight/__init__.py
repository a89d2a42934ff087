"""What flies: services, the runtime they stand on, and the dictionary of all they can say."""
