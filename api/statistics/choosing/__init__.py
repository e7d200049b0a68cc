"""The value of choosing architectures by a score."""
