"""What is to be built: configuration, units of work, shares, cost. Touches no files."""
