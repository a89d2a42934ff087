"""Recorder, product store and downlink queue."""
