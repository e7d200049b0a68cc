"""What a table or figure is, and the forms it is written in."""
