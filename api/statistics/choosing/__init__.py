"""What choosing architectures by a score is worth."""
