"""Link emulator: what lies between station and node, in virtual or in real time."""
