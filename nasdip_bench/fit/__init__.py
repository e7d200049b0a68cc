"""One Deep Image Prior optimisation: loop, objective, precision, what is recorded of it."""
