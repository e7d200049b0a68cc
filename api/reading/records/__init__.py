"""What queries return, and how it looks."""
