"""Plans a build: configuration, work units, shares, cost. Touches no files."""
