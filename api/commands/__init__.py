"""Subcommands, one module per group."""
