"""One Deep Image Prior optimisation: loop, objective, what is recorded of it."""
