"""Subcommands, one module each: parse, call, report."""
