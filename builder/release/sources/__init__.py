"""Reads the contents of a dataset from builds and earlier releases, and merges them."""
