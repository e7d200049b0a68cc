"""The same on a Ray cluster (optional extra)."""
