"""Bytes to and from ground: packets, PUS, frames, COP-1, CFDP. Used by ground too."""
