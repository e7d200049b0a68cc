"""A simulated search: recorded runs behind a clock."""
