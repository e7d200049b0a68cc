"""What one dataset has other than another."""
