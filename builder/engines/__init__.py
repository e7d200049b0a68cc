"""Runs work units: the worker, and local processes."""
