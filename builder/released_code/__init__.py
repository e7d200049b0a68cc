"""Import of results of the paper's released code."""
