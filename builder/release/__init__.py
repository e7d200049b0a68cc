"""Turns builds and earlier releases into a dataset folder: read, merge, write, swap in."""
