"""What stopping rules give away on recorded runs: the table and its figure."""
