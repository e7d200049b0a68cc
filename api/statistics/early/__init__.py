"""Does the beginning of a fit rank its end? The table and its figure."""
