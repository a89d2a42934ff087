"""Boards and their sensors: generic Linux and simulated. The only part that reads sysfs."""
