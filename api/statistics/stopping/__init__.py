"""What stopping rules lose on recorded runs: the table and its figure."""
